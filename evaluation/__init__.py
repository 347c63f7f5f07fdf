"""How well explanations fare: metrics with chance levels, intervals over piles, a verdict in words, and the report."""
