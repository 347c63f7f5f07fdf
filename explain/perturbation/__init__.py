"""Explanations by what the logits do when parts of the picture are hidden."""
