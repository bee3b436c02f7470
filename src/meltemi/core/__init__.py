"""The pure inside of the house: no clock, I/O, tasks, logging or randomness."""
