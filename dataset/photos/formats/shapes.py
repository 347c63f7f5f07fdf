"""Round shapes as outlines."""

import math

CIRCLE_CORNERS = 36  # a polygon of so many corners misses 0.5 % of the circle's area


def circle(centre: tuple[float, float], radius: float) -> list[tuple[float, float]]:
    """Return the corners of a circle."""
    turns = [2.0 * math.pi * corner / CIRCLE_CORNERS for corner in range(CIRCLE_CORNERS)]
    return [(centre[0] + radius * math.cos(turn), centre[1] + radius * math.sin(turn)) for turn in turns]
