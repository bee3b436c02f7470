"""`python -m meltemi.apps.cli`, for where the console script is not installed."""

from meltemi.apps.cli import main

main()
