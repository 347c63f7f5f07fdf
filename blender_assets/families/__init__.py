"""Families of parametric parts. Each module is one family and ends with its `PARTS` rows.

A new family is one new module here and one entry in `catalogue.FAMILIES`.
"""
