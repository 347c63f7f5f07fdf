"""Explanations by gradients of a logit with respect to the pixels."""
