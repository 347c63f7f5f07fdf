"""Readers of annotated folders, one small module a format; ``registry`` lists them."""
