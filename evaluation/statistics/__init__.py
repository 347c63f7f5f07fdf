"""Statistics of paired scores: effect sizes, tests, rankings, breakdowns, sources of variation."""
