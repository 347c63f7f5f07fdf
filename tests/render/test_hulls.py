"""Collision hulls have few corners and reach as far as the parts, within their tolerance."""

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from blender_assets.catalogue import load_catalogue
from render.parts import TOLERANCE_MM, few_corners


def reach(points: NDArray[Any], directions: NDArray[Any]) -> NDArray[Any]:
    return np.asarray((directions @ points.T).max(axis=1))


def test_a_box_keeps_its_eight_corners_and_loses_what_lies_inside() -> None:
    corners = np.array(list(itertools.product((-8, 8), (-4, 4), (0, 3.2))))
    inside = np.random.default_rng(0).uniform(-1, 1, size=(100, 3)) * (7.9, 3.9, 1.5) + (0, 0, 1.6)
    found = few_corners(np.concatenate([inside, corners]))
    assert sorted(map(tuple, found)) == sorted(map(tuple, corners))


@pytest.mark.parametrize("part_id", ["3001", "3024", "3062b", "4589", "3713"])
def test_hulls_of_parts_are_cut_short_by_no_more_than_the_tolerance(part_id: str) -> None:
    points = load_catalogue().mesh(part_id).vertices_mm
    directions = np.random.default_rng(1).normal(size=(5000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for tolerance_mm in (0.05, TOLERANCE_MM, 0.3):
        found = few_corners(points, tolerance_mm)
        gap = reach(points, directions) - reach(found, directions)
        assert gap.min() > -1e-5
        assert gap.max() < tolerance_mm + 0.05  # between the directions that are looked at
        faces = ConvexHull(found).equations
        assert (points @ faces[:, :3].T + faces[:, 3]).max() <= tolerance_mm + 1e-5  # a brick comes to lie on a face
    assert len(found) < 0.7 * len(ConvexHull(points).vertices)
