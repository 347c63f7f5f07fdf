"""The raised name on top of a stud, as a few straight-edged outlines."""

from functools import cache

from manifold3d import CrossSection, FillRule, Manifold

RELIEF_MM = 0.12
"""Height of the letters above the stud."""

LETTER_WIDTH_MM = 0.72
LETTER_HEIGHT_MM = 1.2
SPACING_MM = 0.12
STROKE_MM = 0.24
CORNER_MM = 0.2
"""What is cut off the corners of the round letters."""

SLANT = 0.2
"""Lean of the upright strokes to the right, in mm per mm."""

Outline = list[tuple[float, float]]


@cache
def stud_letters() -> Manifold:
    """Return the letters, 3.4 mm wide, centred on the origin, from a little below z = 0 up to `RELIEF_MM`."""
    outlines = (_l(), _e(), _g(), _o())
    advance = LETTER_WIDTH_MM + SPACING_MM
    width = advance * len(outlines) - SPACING_MM
    flat = CrossSection.compose(
        [letter.translate((k * advance - width / 2, -LETTER_HEIGHT_MM / 2)) for k, letter in enumerate(outlines)]
    )
    slanted = flat.transform([[1.0, SLANT, 0.0], [0.0, 1.0, 0.0]])
    return Manifold.extrude(slanted, RELIEF_MM + 0.05).translate((0, 0, -0.05))


def _l() -> CrossSection:
    w, h, s = LETTER_WIDTH_MM, LETTER_HEIGHT_MM, STROKE_MM
    return CrossSection([[(0, 0), (w, 0), (w, s), (s, s), (s, h), (0, h)]])


def _e() -> CrossSection:
    w, h, s = LETTER_WIDTH_MM, LETTER_HEIGHT_MM, STROKE_MM
    low, high = (h - s) / 2, (h + s) / 2
    outline = [(0, 0), (w, 0), (w, s), (s, s), (s, low), (0.85 * w, low), (0.85 * w, high), (s, high), (s, h - s)]
    return CrossSection([[*outline, (w, h - s), (w, h), (0, h)]])


def _g() -> CrossSection:
    w, h, s, c = LETTER_WIDTH_MM, LETTER_HEIGHT_MM, STROKE_MM, CORNER_MM
    middle, tip = 0.55 * h, 0.72 * h
    outline = [
        (c, 0), (w, 0), (w, middle), (0.5 * w, middle), (0.5 * w, middle - s), (w - s, middle - s), (w - s, s),
        (s + c / 2, s), (s, s + c / 2), (s, h - s - c / 2), (s + c / 2, h - s), (w - s, h - s), (w - s, tip), (w, tip),
        (w, h - c), (w - c, h), (c, h), (0, h - c), (0, c),
    ]  # fmt: skip
    return CrossSection([outline])


def _o() -> CrossSection:
    inner = _octagon(STROKE_MM, CORNER_MM / 2)
    return CrossSection([_octagon(0.0, CORNER_MM), inner[::-1]], FillRule.Positive)


def _octagon(margin_mm: float, cut_mm: float) -> Outline:
    x0, y0, x1, y1, c = margin_mm, margin_mm, LETTER_WIDTH_MM - margin_mm, LETTER_HEIGHT_MM - margin_mm, cut_mm
    return [
        *((x0 + c, y0), (x1 - c, y0), (x1, y0 + c), (x1, y1 - c)),
        *((x1 - c, y1), (x0 + c, y1), (x0, y1 - c), (x0, y0 + c)),
    ]
