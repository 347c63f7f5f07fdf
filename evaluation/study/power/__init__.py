"""How many people and items a study needs, by simulation."""
