"""How well a network labels pictures: scores, breakdowns, thresholds, the gap to photos, the page."""
