"""The node's controllers: they write what core/node/plan wants, and ask it again."""

from meltemi.shell.runtime.controllers.run import GracefulStore as GracefulStore
from meltemi.shell.runtime.controllers.run import run_controllers as run_controllers
