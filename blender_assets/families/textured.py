"""Bricks of 1 x 2 studs with worked sides: log, masonry, groove."""

from itertools import pairwise

import numpy as np
from manifold3d import Manifold

from blender_assets.dimensions import BRICK_HEIGHT_MM, GAP_MM, PITCH_MM, STUD_RADIUS_MM
from blender_assets.part import Part
from blender_assets.solids import (
    box,
    clutch_ribs,
    cylinder,
    extrusion,
    facing_front,
    grid,
    hollow_box,
    inset,
    joined,
    outer_mm,
    stud_holes,
    studs_on,
    underside,
    union,
)

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
    Part("30136", "Brick 1 x 2 log", "Brick, textured", log_brick),
    Part("98283", "Brick 1 x 2 masonry", "Brick, textured", masonry_brick),
    Part("4216", "Brick 1 x 2 with groove", "Brick, textured", grooved_brick),
)
