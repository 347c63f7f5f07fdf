"""Numbers of annotations: outlines, boxes and sizes, as they were read, checked."""

import math
from collections.abc import Sequence

from dataset.photos.annotations import Box, PhotoError

CIRCLE_CORNERS = 36  # a polygon of so many corners misses 0.5 % of the circle's area


class FlatOutlineError(PhotoError):
    """An outline that encloses nothing; where there is a box beside it, that can be used."""


def outline(values: Sequence[object], what: str) -> tuple[float, ...]:
    """Return a polygon (x0, y0, x1, y1, …) of three points or more from the coordinates that were read of `what`.

    Raises:
        PhotoError: they are no polygon; FlatOutlineError where it encloses nothing.
    """
    try:
        numbers = tuple(float(value) for value in values)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise PhotoError(f"the outline of {what} should be numbers, it is {shortened(values)}") from error
    if len(numbers) % 2:
        raise PhotoError(f"the outline of {what} has {len(numbers)} numbers; it should have two for each point")
    if not all(map(math.isfinite, numbers)):
        raise PhotoError(f"the outline of {what} is not all finite numbers")
    xs, ys = numbers[::2], numbers[1::2]
    if len(xs) < 3:
        raise FlatOutlineError(f"the outline of {what} has {len(xs)} points; it needs 3 or more")
    after = [*range(1, len(xs)), 0]
    # An eight has no area by this sum, but its three points that do not lie on a line enclose some.
    turns = [
        (xs[n] - xs[0]) * (ys[after[n]] - ys[0]) - (xs[after[n]] - xs[0]) * (ys[n] - ys[0]) for n in range(len(xs))
    ]
    if not any(turns):
        raise FlatOutlineError(f"the outline of {what} is flat: all of its points lie on one line")
    return numbers


def box_of(values: Sequence[object], what: str) -> Box:
    """Return four coordinates as numbers; raises PhotoError if they are not four numbers."""
    try:
        a, b, c, d = (float(value) for value in values)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise PhotoError(f"the box of {what} should be four numbers, it is {shortened(values)}") from error
    if not all(map(math.isfinite, (a, b, c, d))):
        raise PhotoError(f"the box of {what} is not all finite numbers")
    return a, b, c, d


def circle(centre: tuple[float, float], radius: float) -> list[tuple[float, float]]:
    """Return the corners of a circle."""
    turns = [2.0 * math.pi * corner / CIRCLE_CORNERS for corner in range(CIRCLE_CORNERS)]
    return [(centre[0] + radius * math.cos(turn), centre[1] + radius * math.sin(turn)) for turn in turns]


def frame_of(width: object, height: object, what: str) -> tuple[float, float] | None:
    """Return the size of a picture as numbers, None where it is not told; PhotoError if it is no two numbers."""
    return box_of((0, 0, width, height), what)[2:] if width and height else None


def shortened(value: object) -> str:
    """Return how a wrong value reads, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
