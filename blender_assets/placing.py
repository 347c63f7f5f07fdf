"""How a finished solid is laid into the part frame: turned onto an axis, centred, set on the floor."""

from manifold3d import Manifold

MERGE_MM = 2e-3
"""Corners nearer than this become one."""


def along_x(solid: Manifold) -> Manifold:
    """Return `solid` turned about y, so that what ran up the z axis runs along x."""
    return solid.transform([[0, 0, 1, 0], [0, 1, 0, 0], [-1, 0, 0, 0]])


def along_y(solid: Manifold) -> Manifold:
    """Return `solid` turned about x, so that what ran up the z axis runs along y."""
    return solid.transform([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0]])


def clean(solid: Manifold) -> Manifold:
    """Return `solid` without the needles that cuts along nearly the same edge leave."""
    return solid.simplify(MERGE_MM)


def grounded(solid: Manifold) -> Manifold:
    """Return `solid`, cleaned, moved so that its box is centred on x = y = 0 and stands on z = 0."""
    solid = clean(solid)
    x0, y0, z0, x1, y1, _ = solid.bounding_box()
    return solid.translate((-(x0 + x1) / 2, -(y0 + y1) / 2, -z0))
