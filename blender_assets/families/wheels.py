"""Wheels and tyres, their axis along y. Diameters and widths are those in the names of the parts."""

from functools import partial

import numpy as np
from manifold3d import Manifold

from blender_assets.part import Part
from blender_assets.solids import along_y, box, cylinder, grounded, turned, union
from blender_assets.technic import PIN_HOLE_RADIUS_MM, bore

WHEEL_SEGMENTS = 40
"""Corners of a rim: at 40 a tyre 30 mm across is 0.05 mm off."""

SPOKES = 6
FLANGE_MM, FLANGE_RAMP_MM, FLANGE_HEIGHT_MM = 0.9, 0.4, 0.7
"""Thickness of the flanges that keep the tyre on the rim, of their slanted inside, and how far they stand out."""

RIM_WALL_MM, HUB_WALL_MM, WEB_MM = 1.2, 1.0, 1.6

CARCASS_MM = 1.9
"""Thickness of a tyre's tread and side walls; between them it is hollow."""

TREAD_MM = 0.7
"""Depth of a tyre's profile."""


def wheel(diameter_mm: float, width_mm: float, hole_mm: float, spoked: bool) -> Manifold:
    """Return a wheel whose flanges measure `diameter_mm`, with a hub for a pin of radius `hole_mm`."""
    outer, half = diameter_mm / 2, width_mm / 2
    bed, inner = outer - FLANGE_HEIGHT_MM, outer - FLANGE_HEIGHT_MM - RIM_WALL_MM
    seat = half - FLANGE_MM - FLANGE_RAMP_MM
    rim = turned(
        [
            (inner, -half), (outer - 0.2, -half), (outer, 0.2 - half), (outer, FLANGE_MM - half), (bed, -seat),
            (bed, seat), (outer, half - FLANGE_MM), (outer, half - 0.2), (outer - 0.2, half), (inner, half),
        ],
        WHEEL_SEGMENTS,
    )  # fmt: skip
    hub_radius = hole_mm + HUB_WALL_MM
    hub = cylinder(hub_radius, -half, half)
    web = cylinder(inner + 0.1, -WEB_MM / 2, WEB_MM / 2)
    if spoked:
        middle, hole = (inner + hub_radius) / 2, (inner - hub_radius) / 2 - 0.5
        windows = [bore(hole, -half, half, (middle, 0.0)).rotate((0, 0, 360 * k / SPOKES)) for k in range(SPOKES)]
        web -= union(windows)
    return grounded(along_y(union([rim, hub, web]) - bore(hole_mm, -width_mm, width_mm)))


def tyre(diameter_mm: float, width_mm: float, rim_mm: float, blocks: int) -> Manifold:
    """Return a tyre for a wheel `rim_mm` across, with two rows of tread blocks, offset by half a block."""
    outer, half, inner = diameter_mm / 2, width_mm / 2, rim_mm / 2 - FLANGE_HEIGHT_MM
    base, shoulder = outer - TREAD_MM, half - 0.8
    bead = rim_mm / 2 + 0.1
    seat = half - FLANGE_MM - FLANGE_RAMP_MM - 0.05
    carcass = turned(
        [
            (inner, -seat), (bead, 0.05 + FLANGE_MM - half), (bead, -half), (base - 0.8, -half), (base, -shoulder),
            (base, shoulder), (base - 0.8, half), (bead, half), (bead, half - FLANGE_MM - 0.05), (inner, seat),
        ],
        WHEEL_SEGMENTS,
    )  # fmt: skip
    step = 360 / blocks
    block = box(2 * TREAD_MM, 0.58 * np.pi * diameter_mm / blocks, half - 0.4, bevel_mm=0)
    block = block.translate((base, 0, 0.0))
    upper = [block.rotate((0, 0, step * k)) for k in range(blocks)]
    lower = [block.mirror((0, 0, 1)).rotate((0, 0, step * (k + 0.5))) for k in range(blocks)]
    tread = union([*upper, *lower]) ^ Manifold.cylinder(
        width_mm, outer, circular_segments=2 * WHEEL_SEGMENTS, center=True
    )
    room = cylinder(base - CARCASS_MM, -half + CARCASS_MM, half - CARCASS_MM)
    return grounded(along_y(carcass - room + tread))


def _wheel(
    part_id: str, diameter: int, width: int, hole_mm: float, spoked: bool, aliases: tuple[str, ...] = ()
) -> Part:
    build = partial(wheel, diameter, width, hole_mm, spoked)
    return Part(part_id, f"Wheel {diameter} x {width} mm", "Wheel", build, aliases)


def _tyre(part_id: str, diameter_mm: float, width: int, rim_mm: float, blocks: int) -> Part:
    build = partial(tyre, diameter_mm, width, rim_mm, blocks)
    return Part(part_id, f"Tyre {diameter_mm:g} x {width} mm", "Tyre", build)


PARTS = (
    _wheel("4624", 8, 6, 1.65, False),
    _wheel("6014b", 11, 12, PIN_HOLE_RADIUS_MM, False, ("6014",)),
    _wheel("55981", 18, 14, PIN_HOLE_RADIUS_MM, True),
    _tyre("3641", 15, 6, 8, 16),
    _tyre("6015", 21, 12, 11, 18),
    _tyre("92402", 30.4, 14, 18, 22),
)
