"""Surfaces as numpy draws them: seamless ones that repeat, and sheets; true in scale, and reproducible."""
