"""The commands of ``brickbench study``."""
