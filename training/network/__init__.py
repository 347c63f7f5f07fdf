"""Networks by name, the weights that they start from, and where they run."""
