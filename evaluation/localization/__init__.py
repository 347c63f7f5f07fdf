"""Localisation: where a map is high, is the brick there?"""

from evaluation.localization.registry import METRICS, score

__all__ = ["METRICS", "score"]
