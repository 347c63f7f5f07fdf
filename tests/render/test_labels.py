"""Labels of settled piles made by hand: no Blender, poses worked out on paper."""

from dataclasses import replace

import numpy as np
import pytest

from render.camera import Camera, CameraDraw
from render.framing import frame_pile
from render.label_maps import NOTHING
from render.labels import cast_labels, cast_masks
from render.lens import centred_lens
from render.pile import SettledPile, sample_pile
from render.settings import RenderSettings

TOP_DOWN = CameraDraw(-90.0, 90.0, 0.0, 300.0, 0.2, (0.0, 0.0), 0.0, 0.5)


def pile_of(part_ids: list[str], positions_mm: list[tuple[float, float, float]]) -> SettledPile:
    """Return upright bricks at these places."""
    settings = RenderSettings(parts=tuple(dict.fromkeys(part_ids)), bricks_min=len(part_ids), bricks_max=len(part_ids))
    pile = sample_pile(settings, 0, 0)
    bricks = tuple(replace(brick, part_id=part_id) for brick, part_id in zip(pile.bricks, part_ids, strict=True))
    poses = np.array([np.column_stack([np.eye(3), position]) for position in positions_mm])
    return SettledPile(replace(pile, bricks=bricks), poses, tuple(range(len(bricks))))


def above(width_mm: float, size_px: int, height_mm: float = 500.0) -> Camera:
    """Return a camera straight above the origin that sees `width_mm` of the floor; x right, y up."""
    return Camera(
        np.column_stack([np.eye(3), [0.0, 0.0, -height_mm]]),
        centred_lens(size_px, size_px, size_px * height_mm / width_mm),
    )


def test_a_tile_that_hides_another_takes_its_pixels_and_leaves_its_amodal_mask() -> None:
    # A 2 x 2 tile (15.8 mm) on the floor, half of it below a second one lifted by 3.2 mm and shifted by 8 mm.
    settled = pile_of(["3068b", "3068b"], [(0, 0, 0), (8, 0, 3.2)])
    masks = cast_masks(settled, above(80, 400, 5000.0))
    assert not (masks.visible(0) & masks.visible(1)).any()
    assert masks.amodal(0).sum() == pytest.approx((15.8 * 5) ** 2, rel=0.03)
    assert masks.visible(1).sum() == masks.amodal(1).sum()
    # Of 15.8 mm, those from -7.9 to 0.1 are seen.
    assert masks.visible(0).sum() / masks.amodal(0).sum() == pytest.approx(8.0 / 15.8, abs=0.015)
    np.testing.assert_array_equal(masks.in_frame_fraction, 1.0)


def test_a_brick_that_the_frame_cuts_knows_its_share() -> None:
    # The picture ends at x = 20 mm; a 2 x 4 tile (31.8 mm) centred at x = 20 lies half outside.
    settled = pile_of(["87079", "87079", "87079"], [(20, 0, 0), (-100, 0, 0), (0, 0, 0)])
    masks = cast_masks(settled, above(40, 200, 5000.0))
    assert masks.in_frame_fraction[0] == pytest.approx(0.5, abs=0.01)
    assert masks.in_frame_fraction[1] == 0
    assert not masks.amodal(1).any()
    assert masks.in_frame_fraction[2] == 1


def test_a_silhouette_far_larger_than_the_picture_is_sampled() -> None:
    settled = pile_of(["87079"], [(0, 0, 0)])
    masks = cast_masks(settled, above(0.3, 64, 50.0))
    assert masks.amodal(0).all()
    # The top of the tile, 3.2 mm up, is 31.8 x 15.8 mm; the picture shows 0.3 mm * (50 - 3.2) / 50 of it each way.
    assert masks.in_frame_fraction[0] == pytest.approx((0.3 * 46.8 / 50) ** 2 / (31.8 * 15.8), rel=0.05)


def test_depth_and_normals_are_those_of_tops_and_floor() -> None:
    settled = pile_of(["3068b", "3001"], [(0, 0, 0), (30, 0, 0)])
    camera = above(100, 200)
    masks, geometry = cast_labels(settled, camera)
    middle = geometry.depth_m[100, 100]
    assert middle == pytest.approx((500 - 3.2) / 1000, abs=1e-5)
    floor = masks.things == NOTHING
    np.testing.assert_allclose(geometry.depth_m[floor], 0.5, atol=1e-5)
    studs = geometry.depth_m[masks.visible(1)].min()
    assert studs == pytest.approx((500 - 9.6 - 1.7) / 1000, abs=1e-4)
    np.testing.assert_allclose(geometry.normals[floor], np.broadcast_to([0, 0, 1], (floor.sum(), 3)), atol=1e-3)
    lengths = np.linalg.norm(geometry.normals.astype(float), axis=2)
    np.testing.assert_allclose(lengths, 1, atol=2e-3)


def test_normals_turn_with_the_brick_and_the_camera() -> None:
    settled = pile_of(["3068b"], [(0, 0, 0)])
    tilt = np.radians(30)
    turned = np.array([[np.cos(tilt), 0, np.sin(tilt)], [0, 1, 0], [-np.sin(tilt), 0, np.cos(tilt)]])
    settled = replace(settled, world_from_thing=np.column_stack([turned, [0, 0, 10.0]])[None])
    _, geometry = cast_labels(settled, above(100, 200))
    np.testing.assert_allclose(geometry.normals[100, 100].astype(float), turned[:, 2], atol=5e-3)


def test_depth_agrees_with_the_projection_of_the_bricks_corners() -> None:
    settled = pile_of(["3001"], [(5, -3, 0)])
    draw = CameraDraw(40.0, 50.0, 10.0, 300.0, 0.1, (0.3, -0.2), 0.0, 0.5)
    camera = frame_pile(draw, settled.corners_mm(), 300)
    _, geometry = cast_labels(settled, camera)
    top = np.array([[5.0, -3.0, 9.6]])  # between the studs
    column, row = camera.project(top)[0]
    seen = top @ camera.camera_from_world[:, :3].T + camera.camera_from_world[:, 3]
    assert geometry.depth_m[int(row), int(column)] == pytest.approx(-seen[0, 2] / 1000, abs=5e-4)


def test_an_absent_brick_hides_nothing_and_has_empty_masks() -> None:
    both = pile_of(["3068b", "3001"], [(0, 0, 0), (4, 0, 5)])
    without = replace(both, present=(0,))
    masks = cast_masks(without, above(80, 200))
    assert not masks.visible(1).any()
    assert not masks.amodal(1).any()
    np.testing.assert_array_equal(masks.visible(0), masks.amodal(0))
    assert cast_masks(both, above(80, 200)).visible(0).sum() < masks.visible(0).sum()
