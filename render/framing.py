"""How a camera comes to show a pile: from the draw, and from where the bricks lie."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from render.camera import Camera, CameraDraw, normalise
from render.lens import Lens, centred_lens

Floats = NDArray[np.float64]

MIN_WIDTH_MM = 70.0
"""A picture shows at least this much along its shorter side, so that a single 1 x 1 plate does not fill it."""

LOWEST_CAMERA_MM = 5.0
"""A lens is above the floor, also where a camera looks along it."""

NEAREST_MM = 20.0
"""No brick is nearer to the lens, along its axis."""

WIDEST_DEG = 65.0
"""Field of view of a phone's main camera across the longer side; a crop shows less of it."""

DRAWS_BACK = 1.03
TRIES = 400


def frame_pile(draw: CameraDraw, points_mm: Floats, size_px: int | tuple[int, int]) -> Camera:
    """Return the camera of `draw` that has all of `points_mm` (N, 3) inside the picture, margin kept.

    With a margin below 0 the outermost points may lie outside the picture, by no more than that share of its sides.

    The distance is the drawn one. A phone's picture is cropped so that the points fill it; a calibrated lens stays what
    it is. Where points would leave what the lens can see, or it would be in the floor, the camera draws back.

    Args:
        draw: the random part of the camera.
        points_mm: corners of what is to be seen.
        size_px: side of a square picture, or its width and height.
    """
    width, height = (size_px, size_px) if isinstance(size_px, int) else size_px
    rotation = _rotation(draw)
    target = (points_mm.min(axis=0) + points_mm.max(axis=0)) / 2
    distance = draw.distance_mm
    for _ in range(TRIES):
        camera = _pose(rotation, target + rotation[2] * distance, centred_lens(width, height, 1.0))
        fit = _aim if draw.calibration else _crop
        found = fit(camera, points_mm, distance, draw)
        if found is not None and found.position_mm[2] >= LOWEST_CAMERA_MM:
            depth = -found.in_axes(points_mm)[:, 2]
            focus_mm = float(depth.min() + draw.focus * np.ptp(depth))
            return replace(found, aperture_mm=draw.aperture_mm, focus_mm=focus_mm, motion=draw.motion)
        distance *= DRAWS_BACK
    raise ValueError(f"no camera of {draw} shows all bricks")


def _crop(camera: Camera, points_mm: Floats, distance_mm: float, draw: CameraDraw) -> Camera | None:
    """Return the camera with the crop of a phone's picture that the points fill; None where the phone sees too little.

    The crop, and with it the principal point, lies so that the points have the drawn place in their free play.
    """
    seen = camera.in_axes(points_mm)
    if (-seen[:, 2]).min() < NEAREST_MM:
        return None
    lens, points = camera.lens, normalise(seen)
    size = np.array([lens.width_px, lens.height_px])
    low, high = points.min(axis=0), points.max(axis=0)
    usable = (1 - 2 * draw.margin) * size
    focal = float(min((usable / np.maximum(high - low, 1e-9)).min(), size.min() * distance_mm / MIN_WIDTH_MM))
    if focal < size.max() / 2 / np.tan(np.radians(WIDEST_DEG / 2)):
        return None
    free = np.maximum(usable - focal * (high - low), 0) / 2
    cx, cy = size / 2 - focal * (low + high) / 2 + free * draw.offset * [1, -1]
    return replace(camera, lens=Lens(lens.width_px, lens.height_px, focal, focal, float(cx), float(cy)))


def _aim(camera: Camera, points_mm: Floats, distance_mm: float, draw: CameraDraw) -> Camera | None:
    """Return the calibrated camera, moved across its axis so that the points have the drawn place in their free play.

    None where they do not all fit, be it because none of them may be so near.
    """
    assert draw.calibration is not None
    lens = draw.calibration.lens(camera.lens.width_px, camera.lens.height_px)
    size, focal = np.array([lens.width_px, lens.height_px]), np.array([lens.fx_px, lens.fy_px])
    border = draw.margin * size
    position, rotation = camera.position_mm, camera.camera_from_world[:, :3]
    for _ in range(8):  # exact on a plane across the axis; what is nearer or farther takes a few steps
        camera = _pose(rotation, position, lens)
        seen = camera.in_axes(points_mm)
        points = normalise(seen)
        if (-seen[:, 2]).min() < NEAREST_MM:
            return None
        pixels = lens.pixels(points)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        free = np.maximum(size - 2 * border - (high - low), 0) / 2
        wanted = size / 2 + free * draw.offset * [1, -1]
        right, down = ((low + high) / 2 - wanted) / focal * distance_mm
        position = position + right * rotation[0] - down * rotation[1]
    fits = (low >= border - 0.5).all() and (high <= size - border + 0.5).all()
    beyond = lens.reach * (1 + 2 * max(-draw.margin, 0))  # farther out a distortion may fold back
    return camera if fits and np.linalg.norm(points, axis=1).max() <= beyond else None


def _pose(rotation: Floats, position_mm: Floats, lens: Lens) -> Camera:
    return Camera(np.column_stack([rotation, -rotation @ position_mm]), lens)


def _rotation(draw: CameraDraw) -> Floats:
    """Return the rotation from world to camera axes, (3, 3)."""
    azimuth, elevation, roll = np.radians([draw.azimuth_deg, draw.elevation_deg, draw.roll_deg])
    back = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    up = np.cross(back, right)
    c, s = np.cos(roll), np.sin(roll)
    return np.stack([c * right + s * up, -s * right + c * up, back])
