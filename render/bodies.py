"""What falls as one: a brick, a prop, or several bricks that stick together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial.transform import Rotation

from blender_assets.mesh import PartMesh
from render.layout import Area, Point, Quaternion, start_poses

Clutches = tuple[tuple[int, int], ...]
"""Pairs of bricks, by their numbers in the pile, that hold each other."""


@dataclass(frozen=True)
class Body:
    """Some things in the frame of the body that they are together; its origin is their centre of mass."""

    things: tuple[int, ...]
    body_from_thing: NDArray[np.float64]  # (T, 3, 4), millimetres
    radius_mm: float
    """Of the sphere around the centre of mass that holds all of it."""

    size_mm: NDArray[np.floating[Any]]  # (3,) edges of its box


def single_body(thing: int, mesh: PartMesh) -> Body:
    """Return one thing as a body."""
    pose = np.column_stack([np.eye(3), -mesh.centroid_mm])[None]
    return Body((thing,), pose, mesh.radius_mm, mesh.size_mm)


def joined_body(things: Sequence[int], poses: NDArray[np.float64], meshes: Sequence[PartMesh]) -> Body:
    """Return several things as one body.

    Args:
        things: their numbers in the pile.
        poses: each one's pose in any common frame, (T, 3, 4), millimetres.
        meshes: each one's mesh.
    """
    centroids = np.array([mesh.centroid_mm for mesh in meshes])
    masses = np.array([mesh.mass_g for mesh in meshes])
    middle = masses @ (np.einsum("tij,tj->ti", poses[:, :, :3], centroids) + poses[:, :, 3]) / masses.sum()
    moved = poses.copy()
    moved[:, :, 3] -= middle
    corners = np.concatenate(
        [mesh.vertices_mm @ pose[:, :3].T + pose[:, 3] for mesh, pose in zip(meshes, moved, strict=True)]
    )
    return Body(tuple(things), moved, float(np.linalg.norm(corners, axis=1).max()), np.ptp(corners, axis=0))


def starts_of_things(
    bodies: Sequence[Body], meshes: Sequence[PartMesh], area: Area, rng: np.random.Generator
) -> dict[int, tuple[Point, Quaternion]]:
    """Return centre of mass and orientation (w, x, y, z) from which each thing falls, by its number.

    Args:
        bodies: what falls as one, in the order in which they are placed.
        meshes: of all things, by number.
        area: over which they fall.
        rng: of the poses.
    """
    places, turns = start_poses([body.radius_mm for body in bodies], [body.size_mm for body in bodies], area, rng)
    at: dict[int, tuple[Point, Quaternion]] = {}
    for body, place, turn in zip(bodies, places, turns, strict=True):
        if len(body.things) == 1:
            at[body.things[0]] = place, turn
            continue
        whole = Rotation.from_quat(np.roll(turn, -1))
        for thing, pose in zip(body.things, body.body_from_thing, strict=True):
            x, y, z = np.array(place) + whole.apply(pose[:, :3] @ meshes[thing].centroid_mm + pose[:, 3])
            qx, qy, qz, qw = (whole * Rotation.from_matrix(pose[:, :3])).as_quat()
            at[thing] = (float(x), float(y), float(z)), (float(qw), float(qx), float(qy), float(qz))
    return at


def groups_of(things: Sequence[int], clutches: Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Return `things` in the groups that hold together, each in order, by their first things.

    A clutch with a brick that is not among `things` holds nothing.
    """
    if not clutches:
        return [(thing,) for thing in things]
    place = {thing: k for k, thing in enumerate(things)}
    pairs = np.array([(place[a], place[b]) for a, b in clutches if a in place and b in place]).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(things),) * 2)
    label = connected_components(graph, directed=False)[1]
    groups: dict[int, list[int]] = {}
    for thing, group in zip(things, label.tolist(), strict=True):
        groups.setdefault(group, []).append(thing)
    return [tuple(group) for group in groups.values()]
