"""The report of a run's explanations, as a reader sees it."""
