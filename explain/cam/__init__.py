"""Class activation maps: a layer's maps, weighted for a class."""
