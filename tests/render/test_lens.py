"""Lenses held against OpenCV, calibration files as OpenCV and ROS write them, and cameras that have such lenses."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from core.errors import SettingsError
from render.calibration import Calibration
from render.camera import Camera, CameraDraw, CameraSettings, normalise, sample_camera
from render.framing import frame_pile
from render.lens import Lens
from render.motion import Motion
from render.settings import RenderSettings

PHONE = (-0.21, 0.11, 0.0013, -0.0021, -0.03)
WIDE = (-0.33, 0.14, 0.004, -0.003, -0.02)
CUSHION = (0.24, -0.09, -0.002, 0.003, 0.02)
LENSES = [Lens(640, 480, 520.0, 531.0, 327.3, 228.1, distortion) for distortion in (PHONE, WIDE, CUSHION)]
OPENCV_AXES = np.diag([1.0, -1.0, -1.0])


def matrix(lens: Lens) -> np.ndarray:
    """Return OpenCV's camera matrix."""
    return np.array([[lens.fx_px, 0, lens.cx_px - 0.5], [0, lens.fy_px, lens.cy_px - 0.5], [0, 0, 1]])


def grid(lens: Lens) -> np.ndarray:
    """Return the centres of some pixels of the whole picture, (N, 2)."""
    return np.stack(np.meshgrid(np.arange(0.5, lens.width_px, 17), np.arange(0.5, lens.height_px, 13)), -1).reshape(
        -1, 2
    )


@pytest.mark.parametrize("lens", LENSES)
def test_points_fall_on_the_pixels_that_opencv_gives(lens: Lens) -> None:
    rng = np.random.default_rng(0)
    turn = Rotation.from_rotvec(rng.normal(size=3)).as_matrix()
    seen = np.column_stack([rng.uniform(-0.55, 0.55, 300), rng.uniform(-0.4, 0.4, 300), np.ones(300)]) * 400
    points = (seen * [1, 1, 1] - [3, 4, 5]) @ turn  # OpenCV's axes: seen = turn @ point + shift
    expected, _ = cv2.projectPoints(points, turn, np.array([3.0, 4.0, 5.0]), matrix(lens), np.array(lens.distortion))
    camera = Camera(OPENCV_AXES @ np.column_stack([turn, [3.0, 4.0, 5.0]]), lens)
    np.testing.assert_allclose(camera.project(points) - 0.5, expected[:, 0], atol=1e-9)


@pytest.mark.parametrize("lens", LENSES)
def test_pixels_see_the_directions_that_opencv_gives(lens: Lens) -> None:
    pixels = grid(lens)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 500, 1e-12)
    expected = cv2.undistortPointsIter(pixels[:, None] - 0.5, matrix(lens), np.array(lens.distortion), None, None, stop)
    np.testing.assert_allclose(lens.normalised(pixels), expected[:, 0], atol=1e-8)
    np.testing.assert_allclose(lens.pixels(lens.normalised(pixels)), pixels, atol=1e-8)


@given(st.tuples(st.floats(-0.3, 0.3), st.floats(-0.1, 0.1), *[st.floats(-0.005, 0.005)] * 2, st.floats(-0.05, 0.05)))
@settings(max_examples=30, deadline=None)
def test_a_lens_that_does_not_fold_gives_every_pixel_one_direction(distortion: tuple[float, ...]) -> None:
    lens = Lens(640, 480, 520.0, 531.0, 327.3, 228.1, distortion)  # type: ignore[arg-type]
    if not lens.folds():
        directions = lens.normalised(grid(lens))
        np.testing.assert_allclose(lens.pixels(directions), grid(lens), atol=1e-6)
        assert lens.inside(directions).all()


def test_what_a_folding_distortion_would_bring_back_is_not_in_the_picture() -> None:
    lens = LENSES[1]
    far = np.array([[2.5, 0.0], [0.0, 2.0], [0.1, 0.1]])
    pixels = lens.pixels(far)
    assert lens.inside(far).tolist() == [False, False, True], pixels


def opencv_file(path: Path, lens: Lens) -> Path:
    """Write a calibration as OpenCV's own calibration program does."""
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    storage.write("calibration_time", "Mon 01 Jan 2024")
    storage.write("image_width", lens.width_px)
    storage.write("image_height", lens.height_px)
    storage.write("camera_matrix", matrix(lens))
    storage.write("distortion_coefficients", np.array([lens.distortion]).T)
    storage.release()
    return path


@pytest.mark.parametrize("suffix", ["yml", "yaml", "json"])
def test_opencvs_files_are_read(suffix: str, tmp_path: Path) -> None:
    file = opencv_file(tmp_path / f"phone.{suffix}", LENSES[0])
    camera = CameraSettings.parse({"calibration": str(file)})
    assert camera.calibration is not None
    assert camera.calibration.lens(640, 480) == LENSES[0]
    # Settings hold the values: they are read back without the file.
    file.unlink()
    assert CameraSettings.parse(json.loads(camera.model_dump_json())) == camera


def test_a_plain_file_and_ros_one_say_the_same(tmp_path: Path) -> None:
    lens = LENSES[0]
    names = ("k1", "k2", "p1", "p2", "k3")
    plain = {"image_width": 640, "image_height": 480, "fx": 520.0, "fy": 531.0, "cx": 326.8, "cy": 227.6}
    ros = {
        "image_width": 640, "image_height": 480, "camera_name": "phone", "distortion_model": "plumb_bob",
        "camera_matrix": {"rows": 3, "cols": 3, "data": matrix(lens).ravel().tolist()},
        "distortion_coefficients": {"rows": 1, "cols": 5, "data": list(lens.distortion)},
    }  # fmt: skip
    for values in (plain | dict(zip(names, lens.distortion, strict=True)), ros):
        (tmp_path / "camera.yaml").write_text(yaml.safe_dump(values))
        assert Calibration.model_validate(str(tmp_path / "camera.yaml")).lens(640, 480).distortion == lens.distortion
        np.testing.assert_allclose(Calibration.model_validate(values).lens(640, 480).cx_px, 327.3)


def test_a_smaller_picture_has_the_same_directions() -> None:
    values = {"image_width": 640, "image_height": 480, "fx": 520, "fy": 531, "cx": 326.8, "cy": 227.6, "k1": -0.2}
    calibration = Calibration.parse(values)
    large, small = calibration.lens(640, 480), calibration.lens(160, 120)
    np.testing.assert_allclose(small.normalised(grid(large) / 4), large.normalised(grid(large)), atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fx": -1}, "greater than 0"),
        ({"cx": 900}, r"the principal point \(900, 227\) should lie in the picture"),
        ({"k1": -3.0}, "the distortion folds over within the picture"),
        ({"k4": 1.0}, "unknown setting 'k4'"),
        (
            {"camera_matrix": [[1, 0, 2], [0, 1, 2]]},
            "camera_matrix in the calibration should be fx 0 cx, 0 fy cy, 0 0 1",
        ),
        ({"camera_matrix": np.eye(3).tolist(), "distortion_coefficients": [0] * 7 + [0.1]}, "others are not supported"),
    ],
)
def test_a_calibration_that_cannot_be_is_refused(changes: dict[str, object], message: str) -> None:
    values = {"image_width": 640, "image_height": 480, "fx": 520, "fy": 531, "cx": 326, "cy": 227} | changes
    with pytest.raises(SettingsError, match=message):
        Calibration.parse(values)


def test_a_calibration_that_is_missing_or_of_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read the calibration gone\.yaml"):
        RenderSettings.parse({"camera": {"calibration": "gone.yaml"}})
    file = opencv_file(tmp_path / "phone.yml", LENSES[0])
    with pytest.raises(SettingsError, match=r"have another shape; set image_size_px: \[224, 168\]"):
        RenderSettings.parse({"camera": {"calibration": str(file)}})
    assert RenderSettings.parse({"camera": {"calibration": str(file)}, "image_size_px": [224, 168]})


@pytest.mark.parametrize("distortion", [PHONE, WIDE, CUSHION])
def test_a_calibrated_camera_keeps_its_lens_and_shows_the_pile(distortion: tuple[float, ...]) -> None:
    values = dict(zip(("k1", "k2", "p1", "p2", "k3"), distortion, strict=True))
    calibration = {"image_width": 640, "image_height": 480, "fx": 520, "fy": 531, "cx": 327, "cy": 228} | values
    chosen = CameraSettings.parse({"calibration": calibration, "margin_min": 0.02, "distance_max_mm": 400})
    rng = np.random.default_rng(1)
    drew_back = 0
    for _ in range(15):
        draw = sample_camera(chosen, rng)
        points = rng.uniform([-1, -1, 0], [1, 1, 1], (60, 3)) * rng.uniform(20, 200) * [1, 1, 0.2]
        camera = frame_pile(draw, points, (640, 480))
        assert camera.lens == chosen.calibration.lens(640, 480)  # type: ignore[union-attr]
        pixels = camera.project(points)
        assert (pixels >= draw.margin * np.array([640, 480]) - 0.6).all()
        assert (pixels <= (1 - draw.margin) * np.array([640, 480]) + 0.6).all()
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        distance = float((middle - camera.position_mm) @ camera.forward)
        drew_back += distance > draw.distance_mm + 1e-6
        assert distance >= draw.distance_mm - 1e-6
    assert 0 < drew_back < 15


@pytest.mark.parametrize("size", [(160, 120), (120, 160), (200, 100)])
def test_a_picture_of_any_shape_is_filled(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    for _ in range(30):
        draw = sample_camera(CameraSettings(margin_min=0, margin_max=0.22), rng)
        points = rng.uniform([-60, -40, 0], [60, 40, 20], (60, 3))
        camera = frame_pile(draw, points, size)
        pixels = camera.project(points)
        sides, free = np.array(size), np.array([pixels.min(axis=0), size - pixels.max(axis=0)])
        assert (free >= draw.margin * sides - 1e-6).all()
        assert (free.sum(axis=0) / sides).min() == pytest.approx(2 * draw.margin, abs=1e-6)  # one way it is filled
        assert np.linalg.norm(camera.position_mm) == pytest.approx(draw.distance_mm, abs=30)


def test_from_far_away_perspective_is_weak() -> None:
    near, far = np.array([[0, -100, 0.0]]), np.array([[0, 100, 0.0]])
    ratios = []
    for distance in (250.0, 5000.0):
        draw = CameraDraw(-90.0, 45.0, 0.0, distance, 0.1, (0.0, 0.0), 0.0, 0.5)
        camera = frame_pile(draw, np.array([[x, y, 0.0] for x in (-50, 50) for y in (-100, 100)]), 200)
        half = np.array([[10.0, 0, 0]])
        widths = [np.ptp(camera.project(np.vstack([p - half, p + half]))[:, 0]) for p in (near, far)]
        ratios.append(widths[0] / widths[1])
    # Depths differ by 200 mm times cos 45 degrees.
    assert ratios[0] > 1.6
    assert ratios[1] == pytest.approx((5000 + 70.7) / (5000 - 70.7), rel=0.01)


ROLLING = Motion((20.0, -35.0, 15.0), 0.01, 0.03)


@pytest.mark.parametrize("lens", [Lens(640, 480, 520.0, 520.0, 320.0, 240.0), LENSES[1]])
def test_a_rolling_shutter_shows_each_row_from_the_cameras_pose_at_its_time(lens: Lens) -> None:
    camera = Camera(np.column_stack([np.eye(3), [0.0, 0.0, -400.0]]), lens, motion=ROLLING)
    rng = np.random.default_rng(3)
    points = rng.uniform([-150, -110, 0], [150, 110, 40], (200, 3))
    pixels = camera.project(points)
    for point, pixel in zip(points, pixels, strict=True):
        seconds = 0.03 * (pixel[1] / 480 - 0.5)
        turned = Rotation.from_rotvec(np.radians(ROLLING.turn_deg_per_s) * seconds).as_matrix()
        still = Camera(np.column_stack([turned.T, turned.T @ [0.0, 0.0, -400.0]]), lens)
        np.testing.assert_allclose(still.project(point[None])[0], pixel, atol=1e-4)
    # And back: rays through the pixels meet the points.
    seen = normalise(camera.directions(pixels))
    np.testing.assert_allclose(seen, normalise(camera.in_axes(points)), atol=1e-6)


def test_motion_is_off_unless_asked_for_and_changes_no_other_draw() -> None:
    still, moved = (
        sample_camera(CameraSettings(turn_max_deg_per_s=speed), np.random.default_rng(5)) for speed in (0.0, 4.0)
    )
    assert still.motion is None
    assert moved.motion is not None
    assert 0 < np.linalg.norm(moved.motion.turn_deg_per_s) <= 4
    assert vars(moved) | {"motion": None} == vars(still)
