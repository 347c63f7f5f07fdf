"""Which bricks are in a photo."""
