"""Coins, caps, keys, batteries, screws and nuts."""

import numpy as np
from manifold3d import CrossSection, Manifold

from blender_assets.props.kind import BRASS, COPPER, PLASTICS, ROLLING_SEGMENTS, STEEL, PropKind, rod, surface, turned
from blender_assets.solids import union


def _coin(diameter_mm: float, thickness_mm: float) -> Manifold:
    """Return a coin: a raised rim, twelve stars and a raised field such as a head or a map."""
    r, e, h, low = diameter_mm / 2, 0.15, thickness_mm / 2, 0.18
    face = [(r - e, h), (r - 1.0, h), (r - 1.2, h - low), (0.0, h - low)]
    blank = turned([*((x, -z) for x, z in reversed(face)), (r, -h + e), (r, h - e), *face])
    star = rod(0.05 * diameter_mm, 0.14, h - low - 0.02, top_radius_mm=0.03 * diameter_mm, segments=5)
    ring = [star.translate((0.76 * r, 0, 0)).rotate((0, 0, 30 * k)) for k in range(12)]
    field = rod(0.42 * r, 0.16, h - low - 0.02, top_radius_mm=0.36 * r, segments=9).scale((1.15, 0.85, 1))
    small = field.scale((0.5, 0.5, 1)).translate((-0.3 * r, -0.2 * r, 0))
    relief = union([*ring, field.translate((0.06 * r, 0.05 * r, 0)), small])
    return blank + relief + relief.rotate((180, 0, 0))


def _crown_cap() -> Manifold:
    """Return a crown cork (DIN 6099): 32.1 mm wide, 6 mm high, 21 teeth."""
    turns = np.linspace(0, 2 * np.pi, 21 * 8, endpoint=False)
    radius = 15.45 + 0.6 * np.cos(21 * turns)
    radius[0] = 16.05
    foot = np.column_stack([radius * np.cos(turns), radius * np.sin(turns)])

    def shell(inset_mm: float, height_mm: float) -> Manifold:
        skirt = CrossSection([foot * (1 - inset_mm / 16.05)])
        flare = Manifold.extrude(skirt, height_mm - 1.6, scale_top=((13.6 - inset_mm) / (16.05 - inset_mm),) * 2)
        dome = turned(
            [(0, 0), (12.3 - inset_mm, 0), (12.2 - inset_mm, 0.9), (11.2 - inset_mm, 1.5), (9.6, 1.6), (0, 1.6)]
        )
        return flare + dome.translate((0, 0, height_mm - 1.62))

    return shell(0.0, 6.02) - shell(0.28, 5.74).translate((0, 0, -0.01))


def _screw_cap() -> Manifold:
    """Return the plastic cap of a bottle: 30 mm wide, 17 mm high, ribbed."""
    turns = np.linspace(0, 2 * np.pi, 60 * 4, endpoint=False)
    radius = 15.0 - 0.35 * (np.arange(240) % 4 >= 2)
    rim = CrossSection([np.column_stack([radius * np.cos(turns), radius * np.sin(turns)])])
    outside = Manifold.extrude(rim, 15.6) + turned([(0, 15), (14.6, 15), (14.6, 15.6), (13.4, 17.0), (0, 17.0)])
    return outside - rod(13.4, 15.6, -0.1)


def _key() -> Manifold:
    """Return a cylinder-lock key, 57 mm long: a round bow with a hole, a notched blade with a groove."""
    bow = rod(12.0, 2.2).scale((1.0, 1.08, 1)) - rod(3.5, 5, -1).translate((-7.5, 0, 0))
    blade = [(8, -4), (42, -4), (45, -1), (45, 1), (42, 4), (40, 2.2), (37.5, 2.2), (36, 3.5), (34, 1.4), (31, 1.4),
             (29, 3.2), (27, 3.2), (25, 1.8), (22.5, 1.8), (20, 4), (8, 4)]  # fmt: skip
    groove = Manifold.cube((36, 1.4, 0.7)).translate((12, -2.6, 1.6))
    return bow + Manifold.extrude(CrossSection([blade]), 2.2) - groove


def _battery(diameter_mm: float, length_mm: float, nub_mm: float, nub_height_mm: float) -> Manifold:
    r, top, nub = diameter_mm / 2, length_mm - nub_height_mm, nub_mm / 2
    profile = [(0, 0), (r - 1.2, 0), (r - 1.2, 0.2), (r - 0.5, 0.2), (r, 0.7), (r, top - 0.7), (r - 0.5, top),
               (nub, top), (nub, length_mm - 0.3), (nub - 0.3, length_mm), (0, length_mm)]  # fmt: skip
    return turned(profile, ROLLING_SEGMENTS)


def _screw() -> Manifold:
    """Return a countersunk chipboard screw 4 x 40: head 8 mm, cross recess, a thread of rings."""
    thread = [point for k in range(14) for point in ((1.35, 6.5 + 1.8 * k), (2.0, 7.4 + 1.8 * k))]
    body = turned([(0, 0), *thread, (1.4, 32.0), (1.4, 36.8), (4.0, 39.6), (4.0, 40.0), (0, 40.0)], 24)
    slot = Manifold.cube((4.4, 1.0, 3.0), True).translate((0, 0, 40))
    return body - slot - slot.rotate((0, 0, 90))


def _nut() -> Manifold:
    """Return an M8 nut (ISO 4032): 13 mm across flats, 6.8 mm high."""
    hexagon = rod(13 / np.sqrt(3), 6.8, segments=6)
    # Both ends are turned off to a cone of 30 degrees.
    cone = turned([(0, 0), (6.4, 0), (7.6, 0.7), (7.6, 6.1), (6.4, 6.8), (0, 6.8)])
    hole = turned([(0, -1), (4.6, -1), (4.3, 0), (3.5, 0.8), (3.5, 6.0), (4.3, 6.8), (4.6, 8), (0, 8)])
    return (hexagon ^ cone) - hole


def _washer() -> Manifold:
    """Return an M8 washer (ISO 7089): 16 mm wide, hole 8.4 mm, 1.6 mm thick."""
    return turned([(4.2, 0), (8.0, 0), (8.0, 1.5), (7.9, 1.6), (4.2, 1.6)])


_LACQUERS = tuple(surface(color, 0.3) for color in ("B3201F", "1E3F7A", "1F5B34", "E9E6DC"))
_LABELS = tuple(surface(color, 0.35, 0.0) for color in ("1B1B1D", "B08A3C", "20417E", "C8C8C6", "2B6E3A"))

KINDS = {
    "coin_2_cent": PropKind(lambda: _coin(18.75, 1.67), COPPER),
    "coin_5_cent": PropKind(lambda: _coin(21.25, 1.67), COPPER),
    "coin_20_cent": PropKind(lambda: _coin(22.25, 2.14), BRASS),
    "coin_1_euro": PropKind(lambda: _coin(23.25, 2.33), (*STEEL, *BRASS)),
    "crown_cap": PropKind(_crown_cap, (*STEEL, *BRASS, *_LACQUERS)),
    "screw_cap": PropKind(_screw_cap, PLASTICS),
    "key": PropKind(_key, (*STEEL, BRASS[0])),
    "battery_aa": PropKind(lambda: _battery(14.5, 50.5, 5.5, 1.4), _LABELS),
    "battery_aaa": PropKind(lambda: _battery(10.5, 44.5, 3.8, 1.0), _LABELS),
    "screw": PropKind(_screw, (*STEEL, BRASS[1])),
    "nut": PropKind(_nut, (*STEEL, BRASS[1])),
    "washer": PropKind(_washer, STEEL),
}
