"""Bricks and plates: a hollow box with studs above, tubes or pins below; some have worked sides: log, masonry."""

from functools import partial
from itertools import pairwise

import numpy as np
from manifold3d import Manifold

from blender_assets.dimensions import BRICK_HEIGHT_MM, GAP_MM, PITCH_MM, PLATE_HEIGHT_MM, STUD_RADIUS_MM
from blender_assets.part import Part
from blender_assets.solids import (
    box,
    clutch_ribs,
    cylinder,
    extrusion,
    facing_front,
    grid,
    hollow_box,
    hollowed_box,
    inset,
    joined,
    outer_mm,
    stud_holes,
    studs_on,
    underside,
    union,
)


def studded_box(columns: int, rows: int, height_mm: float) -> Manifold:
    """Return a brick or plate of `columns` x `rows` studs."""
    points = grid(columns, rows)
    body = hollowed_box(columns, rows, height_mm)
    solid = joined(body, studs_on(points, height_mm), underside(columns, rows, height_mm))
    return solid - stud_holes(points, height_mm) if height_mm > PLATE_HEIGHT_MM else solid


def tall_brick() -> Manifold:
    """Return a brick of 1 x 2 studs, two bricks high; ribs instead of a pin hold the studs below."""
    height, points = 2 * BRICK_HEIGHT_MM, grid(2, 1)
    body = hollowed_box(2, 1, height)
    return joined(body, studs_on(points, height), clutch_ribs(height)) - stud_holes(points, height)


def _part(part_id: str, kind: str, height_mm: float, rows: int, columns: int, *aliases: str) -> Part:
    return Part(part_id, f"{kind} {rows} x {columns}", kind, partial(studded_box, columns, rows, height_mm), aliases)


def _brick(part_id: str, rows: int, columns: int) -> Part:
    return _part(part_id, "Brick", BRICK_HEIGHT_MM, rows, columns)


def _plate(part_id: str, rows: int, columns: int, *aliases: str) -> Part:
    return _part(part_id, "Plate", PLATE_HEIGHT_MM, rows, columns, *aliases)


LOG_EDGE_MM = 2.8
"""Half the width of a log brick between its logs; in their middle it is sqrt(2) times that."""

COURSE_MM = 4.32
"""Height of a course of masonry; the joints are 0.5 mm wide at their ground and 0.8 mm deep."""

JOINT_MM = 0.48
JOINT_DEPTH_MM = 0.8

GROOVE_WIDTH_MM = 3.2
GROOVE_DEPTH_MM = 2.0


def log_brick() -> Manifold:
    """Return a brick that looks like a pair of upright logs, bulging by a quarter circle each."""
    turns = np.linspace(-np.pi / 4, np.pi / 4, 9)
    bulge = [(PITCH_MM / 2 * np.sqrt(2) * np.sin(turn), LOG_EDGE_MM * np.sqrt(2) * np.cos(turn)) for turn in turns]
    front = [(x + centre, -y) for centre in (-PITCH_MM / 2, PITCH_MM / 2) for x, y in bulge]
    front = [here for here, after in pairwise(front) if not np.allclose(here, after)] + [front[-1]]
    outline = np.array(front + [(-x, -y) for x, y in front])
    return _finished(extrusion(inset(outline, GAP_MM), BRICK_HEIGHT_MM), clutch_ribs(BRICK_HEIGHT_MM))


def masonry_brick() -> Manifold:
    """Return a brick with two courses of masonry on its long sides, upright joints in the front one."""
    length, width = outer_mm(2), outer_mm(1)
    courses = (JOINT_MM / 2, BRICK_HEIGHT_MM / 2 + JOINT_MM / 2)
    joint = PITCH_MM / 2
    stones = [_stone(-length / 2, length / 2, z).rotate((0, 0, 180)) for z in courses]
    for z, x in zip(courses, (joint, -joint), strict=True):
        stones += [_stone(-length / 2, x - JOINT_MM / 2, z), _stone(x + JOINT_MM / 2, length / 2, z)]
    core = box(length, width - 2 * JOINT_DEPTH_MM, BRICK_HEIGHT_MM, bevel_mm=0)
    return _finished(union([core, *stones]), underside(2, 1, BRICK_HEIGHT_MM))


def grooved_brick() -> Manifold:
    """Return a brick with an upright groove in the middle of its front."""
    height, front = BRICK_HEIGHT_MM, -outer_mm(1) / 2
    block = box(PITCH_MM, -front - 0.2, height - 0.5, bevel_mm=0).translate((0, front / 2 + 0.1, 0))
    block -= union(cylinder(STUD_RADIUS_MM, -1, height, at) for at in grid(2, 1))  # studs below touch it
    groove = box(GROOVE_WIDTH_MM, 2 * GROOVE_DEPTH_MM, 2 * height, bevel_mm=0).translate((0, front, -1))
    pin = underside(2, 1, height)
    return _finished(box(outer_mm(2), outer_mm(1), height), joined(block, pin)) - groove


def _stone(x0_mm: float, x1_mm: float, z0_mm: float) -> Manifold:
    stone = box(x1_mm - x0_mm, COURSE_MM, 2 * JOINT_DEPTH_MM, bevel_mm=0.3)
    face = outer_mm(1) / 2 - 2 * JOINT_DEPTH_MM
    return facing_front(stone).translate(((x0_mm + x1_mm) / 2, -face, z0_mm + COURSE_MM / 2))


def _finished(body: Manifold, below: Manifold | None) -> Manifold:
    points = grid(2, 1)
    solid = joined(body - hollow_box(2, 1, BRICK_HEIGHT_MM), below, studs_on(points, BRICK_HEIGHT_MM))
    return solid - stud_holes(points, BRICK_HEIGHT_MM)


PARTS = (
    _brick("3005", 1, 1),
    _brick("3004", 1, 2),
    _brick("3622", 1, 3),
    _brick("3010", 1, 4),
    _brick("3009", 1, 6),
    _brick("3008", 1, 8),
    _brick("6111", 1, 10),
    _brick("6112", 1, 12),
    _brick("3003", 2, 2),
    _brick("3002", 2, 3),
    _brick("3001", 2, 4),
    _brick("2456", 2, 6),
    _brick("3007", 2, 8),
    _brick("3006", 2, 10),
    Part("3245c", "Brick 1 x 2 x 2", "Brick", tall_brick, ("3245", "3245a", "3245b")),
    _plate("3024", 1, 1),
    _plate("3023", 1, 2, "3023b"),
    _plate("3623", 1, 3),
    _plate("3710", 1, 4),
    _plate("3666", 1, 6),
    _plate("3460", 1, 8),
    _plate("4477", 1, 10),
    _plate("60479", 1, 12),
    _plate("3022", 2, 2),
    _plate("3021", 2, 3),
    _plate("3020", 2, 4),
    _plate("3795", 2, 6),
    _plate("3034", 2, 8),
    _plate("3832", 2, 10),
    _plate("4282", 2, 16),
    _plate("11212", 3, 3),
    _plate("3031", 4, 4),
    _plate("3032", 4, 6),
    _plate("3035", 4, 8),
    _plate("3028", 6, 12),
    Part("30136", "Brick 1 x 2 log", "Brick, textured", log_brick),
    Part("98283", "Brick 1 x 2 masonry", "Brick, textured", masonry_brick),
    Part("4216", "Brick 1 x 2 with groove", "Brick, textured", grooved_brick),
)
