"""Dice, marbles, balls, beads, wooden blocks, dominoes, pebbles."""

import numpy as np
from manifold3d import Manifold

from blender_assets.props.kind import PAINTED_WOODS, PLASTICS, PropKind, crumpled, rod, rounded_box, surface, turned
from blender_assets.solids import box, extrusion, prism, union

_PIPS = {
    1: ((0, 0),),
    2: ((-1, -1), (1, 1)),
    3: ((-1, -1), (0, 0), (1, 1)),
    4: ((-1, -1), (-1, 1), (1, -1), (1, 1)),
    5: ((-1, -1), (-1, 1), (0, 0), (1, -1), (1, 1)),
    6: ((-1, -1), (-1, 0), (-1, 1), (1, -1), (1, 0), (1, 1)),
}
_FACES = {1: (0, 0, 0), 6: (180, 0, 0), 2: (90, 0, 0), 5: (-90, 0, 0), 3: (0, 90, 0), 4: (0, -90, 0)}
"""Turns that bring each number's face to its place; opposite faces sum to 7."""


def _die() -> Manifold:
    """Return a die of 16 mm: rounded, with hollow pips."""
    pip = Manifold.sphere(2.0, 16)
    pips = [
        union(pip.translate((4 * x, 4 * y, 9.0)) for x, y in places).rotate(_FACES[number])
        for number, places in _PIPS.items()
    ]
    return (rounded_box(16, 16, 16, 1.6) ^ Manifold.sphere(11.6, 48)) - union(pips)


def _domino() -> Manifold:
    """Return a domino of 48 x 24 x 8 mm with its line and pips."""
    pip = Manifold.sphere(2.2, 16)
    pips = [pip.translate((x0 + 6 * x, 6 * y, 9.1)) for x0, number in ((-12, 5), (12, 3)) for x, y in _PIPS[number]]
    line = box(0.8, 20, 2, bevel_mm=0).translate((0, 0, 7.4))
    return rounded_box(48, 24, 8, 0.8).translate((0, 0, 4)) - union(pips) - line


def _arch() -> Manifold:
    """Return a wooden arch: 60 x 30 mm, 20 mm deep, an opening of 30 mm."""
    turns = np.linspace(0, np.pi, 25)
    opening = [(15 * float(np.cos(turn)), 15 * float(np.sin(turn))) for turn in turns]
    outline = [(15, 0), (30, 0), (30, 30), (-30, 30), (-30, 0), (-15, 0), *reversed(opening[1:-1])]
    return extrusion(outline, 20, 0.6)


def _bead() -> Manifold:
    """Return a wooden bead: 12 mm, with a hole of 3 mm."""
    return Manifold.sphere(6.0, 32) - rod(1.5, 20, -10, segments=16)


def _pawn() -> Manifold:
    """Return a game figure: 24 mm high, 12 mm wide at the foot, a ball for a head."""
    body = turned([(0, 0), (6.0, 0), (6.0, 1.2), (5.2, 2.4), (2.3, 17.0), (0, 17.0)])
    return body + Manifold.sphere(4.2, 32).translate((0, 0, 19.8))


def _pebble() -> Manifold:
    return crumpled(Manifold.sphere(13.0, 40), 7, 14.0, 6.0).scale((1.2, 0.95, 0.55))


KINDS = {
    "die": PropKind(_die, (*PLASTICS, surface("F1ECDD", 0.3), surface("C79B66", 0.5))),
    "domino": PropKind(_domino, (surface("F1ECDD", 0.3), surface("1C1C1E", 0.3), surface("B98550", 0.5))),
    "marble": PropKind(
        lambda: Manifold.sphere(8.0, 40),
        tuple(surface(c, 0.05) for c in ("2E6B8F", "3A7A45", "B8C4C2", "8C2F2B", "1B2430", "D9A441")),
    ),
    "ball": PropKind(
        lambda: Manifold.sphere(16.0, 40),
        tuple(surface(c, 0.55) for c in ("D8342B", "2A63B0", "E8C12F", "3C9A4A", "E88ABF", "F0EEE8")),
    ),
    "bead": PropKind(_bead, PAINTED_WOODS),
    "pawn": PropKind(_pawn, (*PAINTED_WOODS, *PLASTICS)),
    "block_cube": PropKind(lambda: box(30, 30, 30, bevel_mm=0.8), PAINTED_WOODS),
    "block_cuboid": PropKind(lambda: box(60, 30, 15, bevel_mm=0.8), PAINTED_WOODS),
    "block_cylinder": PropKind(
        lambda: turned([(0, 0), (14.2, 0), (15, 0.8), (15, 29.2), (14.2, 30), (0, 30)]), PAINTED_WOODS
    ),
    "block_cone": PropKind(
        lambda: turned([(0, 0), (14.2, 0), (15, 0.8), (1.0, 29.5), (0.4, 30), (0, 30)]), PAINTED_WOODS
    ),
    "block_triangle": PropKind(lambda: prism([(-30, 0), (30, 0), (0, 30)], 20, 0.8), PAINTED_WOODS),
    "block_arch": PropKind(_arch, PAINTED_WOODS),
    "pebble": PropKind(_pebble, tuple(surface(c, 0.75) for c in ("8D8A84", "5E5C5A", "B7A88F", "D8D3C8"))),
}
