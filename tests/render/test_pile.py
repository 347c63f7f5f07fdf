"""Piles as plain data: no Blender here."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blender_assets.catalogue import load_catalogue
from core.errors import SettingsError
from render.camera import CameraDraw, CameraSettings, sample_camera
from render.floors import FLOORS
from render.framing import LOWEST_CAMERA_MM, frame_pile
from render.layout import ARRANGEMENTS, Area, start_poses
from render.lights import LIGHTINGS
from render.pile import sample_pile
from render.settings import RenderSettings

DEFAULTS = RenderSettings()


def test_a_pile_is_a_pure_function_of_settings_seed_and_number() -> None:
    assert sample_pile(DEFAULTS, 5, 17) == sample_pile(DEFAULTS, 5, 17)
    assert sample_pile(DEFAULTS, 5, 17) != sample_pile(DEFAULTS, 5, 18)
    assert sample_pile(DEFAULTS, 5, 17) != sample_pile(DEFAULTS, 6, 17)
    assert sample_pile(DEFAULTS, 0, 0) != sample_pile(DEFAULTS, 1, 0)


def test_another_attempt_moves_the_same_bricks() -> None:
    first, second = sample_pile(DEFAULTS, 1, 2, attempt=0), sample_pile(DEFAULTS, 1, 2, attempt=1)
    assert [(b.part_id, b.color, b.roughness) for b in first.bricks] == [
        (b.part_id, b.color, b.roughness) for b in second.bricks
    ]
    assert first.bricks[0].start_quaternion_wxyz != second.bricks[0].start_quaternion_wxyz
    assert first.views == second.views


def test_more_views_leave_the_first_ones_as_they_were() -> None:
    one, three = sample_pile(DEFAULTS, 1, 2), sample_pile(RenderSettings(views=3), 1, 2)
    assert len(three.views) == 3
    assert one.views[0] == three.views[0]
    assert one.bricks == three.bricks


@given(seed=st.integers(0, 2**40), index=st.integers(0, 10**6), spread=st.sampled_from([0.2, 1.0, 2.0]))
@settings(max_examples=30, deadline=None)
def test_start_spheres_neither_touch_nor_reach_below_the_floor(seed: int, index: int, spread: float) -> None:
    pile = sample_pile(RenderSettings(bricks_min=2, bricks_max=12, spread=spread), seed, index)
    centres = np.array([brick.start_mm for brick in pile.bricks])
    radii = np.array(
        [
            np.linalg.norm(
                load_catalogue().mesh(b.part_id).vertices_mm - load_catalogue().mesh(b.part_id).centroid_mm, axis=1
            ).max()
            for b in pile.bricks
        ]
    )
    assert (centres[:, 2] > radii).all()
    for i in range(len(radii)):
        for j in range(i):
            assert np.linalg.norm(centres[i] - centres[j]) > radii[i] + radii[j]


def test_counts_parts_and_kinds_cover_what_the_settings_allow() -> None:
    chosen = RenderSettings(parts=("3001", "3022"), colors=("Red",), bricks_min=1, bricks_max=4)
    piles = [sample_pile(chosen, 0, k) for k in range(300)]
    assert {len(pile.bricks) for pile in piles} == {1, 2, 3, 4}
    assert {brick.part_id for pile in piles for brick in pile.bricks} == {"3001", "3022"}
    assert {brick.color.name for pile in piles for brick in pile.bricks} == {"Red"}
    assert {pile.views[0].floor.name for pile in piles} == set(FLOORS)
    assert {pile.views[0].lighting.name for pile in piles} == set(LIGHTINGS)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"camera": {"field_of_view_min_deg": 30}}, "field_of_view_max_deg are gone: give distance_min_mm and"),
        ({"image_size_px": 16}, "it should be one number from 32 to 4096, or two: [width, height]"),
        ({"image_size_px": [640, 480, 3]}, "it should be one number from 32 to 4096, or two: [width, height]"),
        ({"image_size_px": [640, 48.5]}, "it should be one number from 32 to 4096, or two: [width, height]"),
        ({"parts": []}, "parts = []: tuple should have at least 1 item after validation, not 0"),
        ({"parts": ["3001", "3001"]}, "part 3001 stands in the list of parts twice"),
        ({"colors": ["Rad"]}, "unknown colour 'Rad' (did you mean 'Red'?)"),
        ({"backgrounds": ["lava"]}, "'lava' is unknown; known are paper, print, plain"),
        (
            {"part_shares": {"3002": 2}, "parts": ["3001"]},
            "part_shares names '3002', which is not in parts",
        ),
        ({"part_shares": {"3001": 0}, "parts": ["3001"]}, "part_shares gives every part 0"),
        ({"bricks_min": 5, "bricks_max": 2}, "bricks_min 5 is more than bricks_max 2"),
        ({"colors": {"Red": -1}}, "should be greater than or equal to 0"),
        ({"colors": {"Red": 0}}, "all probabilities are 0"),
        ({"ldraw": "/no/such/folder"}, "/no/such/folder"),
        ({"camera": {"margin_min": 0.2, "margin_max": 0.1}}, "margin_min 0.2 is more than margin_max 0.1"),
        (
            {"sensor": {"exposure_min_ev": 1.0, "exposure_max_ev": 0.65}},
            "exposure_min_ev 1.0 is more than exposure_max_ev 0.65",
        ),
        ({"sampels": 8}, "unknown setting 'sampels' (did you mean 'samples'?)"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        RenderSettings.parse(values)
    assert message in str(caught.value)


UNCUT = CameraSettings(margin_min=0.02)


def test_parts_come_as_often_as_the_settings_say() -> None:
    chosen = RenderSettings(parts=("3001", "3022", "3039"), part_shares={"3001": 3.0, "3039": 0.0}, bricks_min=10)
    drawn = [brick.part_id for k in range(100) for brick in sample_pile(chosen, 0, k).bricks]
    assert set(drawn) == {"3001", "3022"}
    assert drawn.count("3001") / len(drawn) == pytest.approx(0.75, abs=0.04)


def test_colours_come_as_often_as_the_settings_say() -> None:
    chosen = RenderSettings.parse({"colors": {"Red": 3, "trans clear": 1, "1": 0}, "bricks_min": 10})
    assert list(chosen.colors) == ["Red", "Trans Clear", "Blue"]
    drawn = [brick.color.name for k in range(100) for brick in sample_pile(chosen, 0, k).bricks]
    assert set(drawn) == {"Red", "Trans Clear"}
    assert drawn.count("Red") / len(drawn) == pytest.approx(0.75, abs=0.04)


def test_floors_and_lightings_come_as_often_as_the_settings_say() -> None:
    chosen = RenderSettings.parse({"backgrounds": {"wood": 1, "desk": 3, "stone": 0}, "lightings": ["sun", "flash"]})
    views = [sample_pile(chosen, 0, k).views[0] for k in range(400)]
    floors, lightings = [view.floor.name for view in views], [view.lighting.name for view in views]
    assert set(floors) == {"wood", "desk"}
    assert floors.count("desk") / 400 == pytest.approx(0.75, abs=0.07)
    assert lightings.count("sun") / 400 == pytest.approx(0.5, abs=0.08)


def test_views_share_light_and_floor_or_have_their_own() -> None:
    own = sample_pile(RenderSettings(views=6), 0, 0).views
    shared = sample_pile(RenderSettings(views=6, own_light=False, own_floor=False), 0, 0).views
    assert len({view.lighting for view in own}) == len({view.floor for view in own}) == 6
    assert len({view.lighting for view in shared}) == len({view.floor for view in shared}) == 1
    assert len({view.camera for view in shared}) == len({view.sensor for view in shared}) == 6
    assert own[0] == shared[0]


def test_distractors_are_further_things_and_change_no_brick() -> None:
    plain = RenderSettings(bricks_min=3, distractors_max=0)
    cluttered = RenderSettings(bricks_min=3, distractors_max=8, distractors_share=1)
    counts = set()
    for k in range(40):
        without, with_props = sample_pile(plain, 0, k), sample_pile(cluttered, 0, k)
        assert not without.props
        assert [(b.part_id, b.color) for b in without.bricks] == [(b.part_id, b.color) for b in with_props.bricks]
        counts.add(len(with_props.props))
    assert counts == set(range(9))


def test_three_of_eight_piles_have_something_beside_the_bricks() -> None:
    chosen = RenderSettings.parse({"parts": ["3005"], "bricks_max": 1, "distractors": ["die"], "lightings": ["sun"]})
    assert np.mean([bool(sample_pile(chosen, 0, k).props) for k in range(400)]) == pytest.approx(3 / 8, abs=0.07)


def test_scattered_things_keep_apart_where_there_is_room() -> None:
    overlaps, pairs = 0, 0
    for k in range(40):
        radii = np.random.default_rng(k).uniform(5, 25, size=8)
        rng = np.random.default_rng(k)
        starts, _ = start_poses(radii, [np.ones(3)] * 8, ARRANGEMENTS["scattered"](radii, 1.0, rng), rng)
        flat = np.array(starts)[:, :2]
        for i in range(8):
            for j in range(i):
                pairs += 1
                overlaps += np.linalg.norm(flat[i] - flat[j]) < radii[i] + radii[j]
    assert overlaps / pairs < 0.02


def test_one_long_thing_does_not_drive_small_ones_apart() -> None:
    small = [10.0] * 7
    alike, with_beam, longer = (
        ARRANGEMENTS["scattered"]([*small, last], 1.0, np.random.default_rng(0)).half_length_mm
        for last in (10.0, 50.0, 90.0)
    )
    assert alike < with_beam == longer < 1.2 * alike


def test_flat_things_start_lower_than_by_chance() -> None:
    rng = np.random.default_rng(0)
    sizes = [np.array([40.0, 40.0, 1.0])] * 2000
    _, quaternions = start_poses([20.0] * 2000, sizes, Area(1e4, 1e4, apart=False), rng)
    x, y = np.array(quaternions)[:, 1], np.array(quaternions)[:, 2]
    tilt = np.abs(1 - 2 * (x**2 + y**2))  # cosine between the thing's axis and the vertical: uniform by chance
    assert tilt.mean() == pytest.approx(2 / 3, abs=0.02)  # the larger of two uniform draws


@pytest.mark.parametrize("seed", range(60))
def test_a_negative_margin_lets_the_frame_cut_but_not_more(seed: int) -> None:
    settings = CameraSettings(margin_min=-0.1, margin_max=-0.1)
    draw, points = sample_camera(settings, np.random.default_rng(seed)), random_points(seed)
    pixels = frame_pile(draw, points, 200).project(points)
    assert pixels.min() < 0 or pixels.max() > 200
    assert pixels.min() >= -0.1 * 200 * 1.01
    assert pixels.max() <= 200 * 1.1 + 0.5


def random_points(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    points = rng.uniform(-1, 1, size=(200, 3)) * rng.uniform(3, 200, size=3) + rng.uniform(-50, 50, size=3)
    points[:, 2] = np.abs(points[:, 2]) % 60
    return points


def test_a_near_brick_that_a_shifted_camera_would_lose_is_kept_in() -> None:
    draw = CameraDraw(147.6, 40.2, 5.0, 40.0, 0.058, (0.93, -0.37), 0.0, 0.5)
    points = np.array([[x, y, z] for x in (-4.0, 4.0) for y in (-4.0, 4.0) for z in (0.0, 11.3)])
    pixels = frame_pile(draw, points, 128).project(points)
    assert pixels.min() >= 0
    assert pixels.max() <= 128


@pytest.mark.parametrize("seed", range(300))
def test_a_camera_sees_the_whole_pile_and_not_from_afar(seed: int) -> None:
    draw, points = sample_camera(UNCUT, np.random.default_rng(seed)), random_points(seed)
    camera = frame_pile(draw, points, 200)
    pixels = camera.project(points)
    assert pixels.min() >= 0
    assert pixels.max() <= 200
    rotation = camera.camera_from_world[:, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert camera.position_mm[2] > 0
    extent = np.ptp(pixels, axis=0).max()
    assert extent > 0.35 * 200 or np.ptp(points[:, :2], axis=0).max() < 60


def test_rays_go_through_the_pixels_they_belong_to() -> None:
    draw, points = sample_camera(UNCUT, np.random.default_rng(3)), random_points(3)
    camera = frame_pile(draw, points, 64)
    origins, directions = camera.rays(0, 0, 64, 64)
    back = camera.project(origins.astype(float) + 150.0 * directions)
    rows, columns = np.mgrid[:64, :64]
    np.testing.assert_allclose(back, np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], axis=1), atol=1e-3)


def test_a_camera_straight_above_keeps_left_and_right() -> None:
    draw = CameraDraw(-90.0, 90.0, 0.0, 300.0, 0.1, (0.0, 0.0), 0.0, 0.5)
    points = np.array([[x, y, 0.0] for x in (-50, 50) for y in (-50, 50)])
    camera = frame_pile(draw, points, 100)
    left, right = camera.project(np.array([[-10.0, 0, 0], [10.0, 0, 0]]))
    up, down = camera.project(np.array([[0.0, 10, 0], [0.0, -10, 0]]))
    assert left[0] < 50 < right[0]
    assert up[1] < 50 < down[1]
    assert left[0] + right[0] == pytest.approx(100)


def test_a_camera_is_above_the_floor_and_shows_everything_however_low_it_looks() -> None:
    rng = np.random.default_rng(0)
    settings = CameraSettings(elevation_min_deg=5, elevation_max_deg=15, margin_min=0, margin_max=0.45)
    for _ in range(300):
        points = rng.uniform([-30, -30, 0], [30, 30, 10], (8, 3)) * rng.uniform(0.2, 4)
        camera = frame_pile(sample_camera(settings, rng), points, 64)
        pixels = camera.project(points)
        assert camera.position_mm[2] >= LOWEST_CAMERA_MM
        assert pixels.min() >= 0
        assert pixels.max() <= 64
