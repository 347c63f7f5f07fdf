"""Studs, sockets and seats: held against counts that anyone can make, and against the solids themselves."""

from pathlib import Path

import numpy as np
import pytest
import trimesh
from manifold3d import Manifold

from blender_assets.catalogue import load_catalogue
from blender_assets.clutch import Seat, quarter_turn, seats
from blender_assets.mesh import mesh_from_solid

LDRAW = Path(__file__).parents[2].parent / "shared" / "ldraw"
OVERLAP_MM = 0.23
"""What bricks in a pile overlap at most."""


@pytest.mark.parametrize(
    ("part_id", "studs", "top_mm", "sockets"),
    [
        ("3005", 1, 9.6, 1),
        ("3001", 8, 9.6, 8 + 3),  # a stud also goes into each of its three tubes
        ("3023", 2, 3.2, 2),
        ("3039", 2, 9.6, 2 + 1),  # below its slope there is no room
        ("3068b", 0, 0.0, 4 + 1),
        ("98138", 0, 0.0, 1),
        ("3705", 0, 0.0, 0),
        ("2357", 3, 9.6, 3),
    ],
)
def test_studs_and_sockets_are_found(part_id: str, studs: int, top_mm: float, sockets: int) -> None:
    clutch = load_catalogue().clutch(part_id)
    assert (len(clutch.studs_mm), len(clutch.sockets_mm)) == (studs, sockets)
    assert clutch.top_mm == pytest.approx(top_mm, abs=1e-4)
    if part_id == "3001":
        assert {tuple(at) for at in clutch.studs_mm} == {(x, y) for x in (-12, -4, 4, 12) for y in (-4, 4)}


def test_seats_are_all_ways_to_press_a_brick_on() -> None:
    def ways(lower: str, upper: str) -> list[Seat]:
        catalogue = load_catalogue()
        half = catalogue.mesh(upper).size_mm[:2] / 2
        return seats(catalogue.clutch(lower), catalogue.clutch(upper), half)

    # A 1 x 2 plate: on a 1 x 1 two places in each of four turns, held by one stud.
    assert [seat.studs for seat in ways("3005", "3023")] == [1] * 8
    # On a 1 x 2 along it three places, across it two studs of it with two places each.
    along = ways("3004", "3023")
    assert len(along) == 2 * (3 + 4)
    assert sorted(seat.studs for seat in along) == [1] * 12 + [2] * 2
    # A 2 x 2 on a 2 x 2: nine offsets of whole studs, and one with a single stud in its tube at each corner.
    offsets = {tuple(seat.offset_mm) for seat in ways("3003", "3003") if seat.quarter_turns == 0}
    assert offsets == {(x, y) for x in (-8, 0, 8) for y in (-8, 0, 8)}
    assert ways("3068b", "3001") == []
    assert ways("3001", "3705") == []


def depth_mm(one: Manifold, two: Manifold) -> float:
    """Return how deep two solids reach into each other: of the corners of what they share, the farthest from either."""
    points = (one ^ two).to_mesh().vert_properties[:, :3]
    deepest = 0.0
    for solid in (one, two) if len(points) else ():
        mesh = mesh_from_solid(solid)
        triangles = mesh.vertices_mm[mesh.faces].astype(float)
        for point in points:
            nearest = trimesh.triangles.closest_point(triangles, np.tile(point, (len(triangles), 1)))
            deepest = max(deepest, float(np.linalg.norm(nearest - point, axis=1).min()))
    return deepest


@pytest.mark.parametrize(
    ("lower", "upper"),
    [("3001", "3001"), ("3003", "3023"), ("3022", "3039"), ("3022", "2357"), ("3004", "3062b")],
)
def test_no_seat_overlaps_more_than_bricks_in_a_pile_do(lower: str, upper: str) -> None:
    catalogue = load_catalogue()
    below, above = (catalogue[number].build() for number in (lower, upper))
    clutch = catalogue.clutch(lower)
    ways = seats(clutch, catalogue.clutch(upper), catalogue.mesh(upper).size_mm[:2] / 2)
    for seat in (ways[0], ways[len(ways) // 2]):
        turned = above.transform(np.column_stack([quarter_turn(seat.quarter_turns), (*seat.offset_mm, clutch.top_mm)]))
        assert depth_mm(below, turned) <= OVERLAP_MM
        # One step further down is deep inside, so the measure can tell.
        assert depth_mm(below, turned.translate((0, 0, -0.8))) > OVERLAP_MM


@pytest.mark.skipif(not LDRAW.is_dir(), reason="no LDraw library beside the project")
@pytest.mark.parametrize(("part_id", "studs", "sockets"), [("3001", 8, 11), ("3023b", 2, 2), ("3068b", 0, 5)])
def test_a_librarys_parts_have_the_same_studs(part_id: str, studs: int, sockets: int) -> None:
    clutch = load_catalogue(LDRAW, prefer_ldraw=True).clutch(part_id)
    assert (len(clutch.studs_mm), len(clutch.sockets_mm)) == (studs, sockets)
