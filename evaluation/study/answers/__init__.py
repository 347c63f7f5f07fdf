"""Answers of people: one plain table, wherever they were given."""
