"""Statistics of forced choices by people: models, tests and intervals, each of which says what it assumes."""
