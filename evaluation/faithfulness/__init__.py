"""Faithfulness of maps: by changing pixels, by changing the network, and by taking bricks away for real."""
