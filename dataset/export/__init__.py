"""A dataset in other tools' formats, and subsets of it: one module a format, read from the index picture by picture."""
