"""The report of a study, as a reader sees it."""
