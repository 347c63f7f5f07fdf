"""Methods made for transformers: they read attention weights, or hand relevance through attention."""
