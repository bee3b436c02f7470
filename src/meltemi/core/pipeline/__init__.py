"""The order of the stages, and the derived functions that the engine runs."""
