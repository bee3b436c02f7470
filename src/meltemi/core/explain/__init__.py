"""A request and what is in force → the deciding line. Pure; nothing is read a second time."""
