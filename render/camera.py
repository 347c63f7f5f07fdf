"""Cameras: what is drawn by lot, and the camera that results once the bricks lie still.

Frames: world is right-handed, z up, floor at z = 0, millimetres. Camera looks along its -z, x to the
right and y up (Blender's and OpenGL's way). Pixel (0, 0) is the upper left; its centre is (0.5, 0.5).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from core.settings import Settings, require_order


class CameraSettings(Settings):
    """Where the camera stands and what its lens does; ranges are drawn from evenly."""

    elevation_min_deg: float = Field(32.0, ge=5, le=90)
    """Lowest height of the camera above the horizon; the direction is uniform on the sphere above it."""

    elevation_max_deg: float = Field(90.0, ge=5, le=90)
    """Greatest height; 90 looks straight down."""

    roll_deg: float = Field(6.0, ge=0, le=90)
    """Standard deviation of the turn about the camera's axis."""

    field_of_view_min_deg: float = Field(28.0, ge=5, le=120)
    """Narrowest field of view; a phone's main camera has about 65 across the long side, crops have less."""

    field_of_view_max_deg: float = Field(58.0, ge=5, le=120)
    """Widest field of view."""

    margin_min: float = Field(-0.06, ge=-0.3, le=0.45)
    """Least free border around the things in the picture, as a share of its width; below 0 the frame cuts some."""

    margin_max: float = Field(0.22, ge=-0.3, le=0.45)
    """Largest free border; 0.3 shows small bricks far away."""

    aperture_max_mm: float = Field(4.0, ge=0, le=50)
    """Largest entrance pupil: a phone's is 2 to 6 mm. What is out of focus is blurred; 0: everything is sharp."""

    @model_validator(mode="after")
    def _ordered(self) -> "CameraSettings":
        field_of_view = ("field_of_view_min_deg", "field_of_view_max_deg")
        require_order(self, ("elevation_min_deg", "elevation_max_deg"), field_of_view, ("margin_min", "margin_max"))
        return self


@dataclass(frozen=True)
class CameraDraw:
    """The random part of a camera; the distance follows from where the bricks come to rest."""

    azimuth_deg: float
    elevation_deg: float
    roll_deg: float
    field_of_view_deg: float
    margin: float
    """Free border around the bricks, as a share of the picture's width."""

    offset: tuple[float, float]
    """Where within its free play the pile sits, -1..1 right and up."""

    aperture_mm: float
    """Diameter of the entrance pupil; 0 is a pinhole."""

    focus: float
    """Plane of focus, from the nearest (0) to the farthest (1) of the things in the picture."""


@dataclass(frozen=True)
class Camera:
    """A camera in its place; rays and projections are those of its pinhole, whatever the aperture."""

    camera_from_world: NDArray[np.float64]  # (3, 4), millimetres
    focal_px: float
    size_px: int
    aperture_mm: float = 0.0
    focus_mm: float = 1000.0
    """Distance of the plane of focus along the axis."""

    @property
    def position_mm(self) -> NDArray[np.float64]:
        """Centre of projection in the world, (3,)."""
        rotation, translation = self.camera_from_world[:, :3], self.camera_from_world[:, 3]
        return -rotation.T @ translation

    def project(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return pixel coordinates (N, 2) of world points (N, 3) that lie in front of the camera."""
        seen = points_mm @ self.camera_from_world[:, :3].T + self.camera_from_world[:, 3]
        half = self.size_px / 2
        return np.stack(
            [half - self.focal_px * seen[:, 0] / seen[:, 2], half + self.focal_px * seen[:, 1] / seen[:, 2]], axis=1
        )

    @property
    def forward(self) -> NDArray[np.float64]:
        """Unit vector along the axis in the world, (3,)."""
        return np.asarray(-self.camera_from_world[2, :3])

    def rays(
        self, x0_px: int, y0_px: int, x1_px: int, y1_px: int, step_px: int = 1
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return origins and unit directions (N, 3) of the rays through pixel centres, row by row.

        Args:
            x0_px: first column; columns and rows may lie outside the picture.
            y0_px: first row.
            x1_px: end of the columns, exclusive.
            y1_px: end of the rows, exclusive.
            step_px: take every so many columns and rows.
        """
        half = self.size_px / 2
        across = (np.arange(x0_px, x1_px, step_px) + 0.5 - half) / self.focal_px
        down = (np.arange(y0_px, y1_px, step_px) + 0.5 - half) / self.focal_px
        right, below = np.meshgrid(across, down)
        in_camera = np.stack([right, -below, -np.ones_like(right)], axis=-1).reshape(-1, 3)
        directions = in_camera @ self.camera_from_world[:, :3]
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        origins = np.broadcast_to(self.position_mm, directions.shape)
        return np.ascontiguousarray(origins, np.float32), np.ascontiguousarray(directions, np.float32)


def sample_camera(settings: CameraSettings, rng: np.random.Generator) -> CameraDraw:
    """Return the random part of a camera: a phone held over a table, from slanted to straight above."""
    low, high = np.sin(np.radians([settings.elevation_min_deg, settings.elevation_max_deg]))
    return CameraDraw(
        azimuth_deg=float(rng.uniform(0, 360)),
        elevation_deg=float(np.degrees(np.arcsin(rng.uniform(low, high)))),
        roll_deg=float(rng.normal(0, settings.roll_deg)),
        field_of_view_deg=float(rng.uniform(settings.field_of_view_min_deg, settings.field_of_view_max_deg)),
        margin=float(rng.uniform(settings.margin_min, settings.margin_max)),
        offset=(float(rng.uniform(-1, 1)), float(rng.uniform(-1, 1))),
        aperture_mm=float(rng.uniform(0, settings.aperture_max_mm)),
        focus=float(rng.uniform(0.1, 0.9)),
    )


MIN_WIDTH_MM = 70.0
"""A picture shows at least this much of the floor, so that a single 1 x 1 plate does not fill it."""


LOWEST_CAMERA_MM = 5.0
"""A lens is above the floor, also where a camera that looks along it is shifted down."""


def frame_pile(draw: CameraDraw, points_mm: NDArray[np.float64], size_px: int) -> Camera:
    """Return the camera of `draw` that has all of `points_mm` (N, 3) inside the picture, margin kept.

    With a margin below 0 the outermost points lie outside the picture, by no more than that share of its width.

    The nearest distance that fits is found by bisection: every point's pixel moves inwards as the
    camera draws back along its axis.
    """
    rotation = _rotation(draw)
    focal_px = size_px / 2 / np.tan(np.radians(draw.field_of_view_deg) / 2)
    low, high = points_mm.min(axis=0), points_mm.max(axis=0)
    target = (low + high) / 2
    centred = (points_mm - target) @ rotation.T  # in the camera's axes, about the target
    usable = 1 - 2 * draw.margin

    def spread(distance_mm: float) -> tuple[float, float, float, float]:
        depth = distance_mm - centred[:, 2]
        across, up = centred[:, 0] / depth, centred[:, 1] / depth
        return across.min(), across.max(), up.min(), up.max()

    full = size_px / focal_px  # width of the picture on a plane at distance 1
    near = float(centred[:, 2].max()) + 1.0
    far = near + 20 * float(np.linalg.norm(high - low)) / usable / full + 10
    for _ in range(60):
        middle = (near + far) / 2
        left, right, bottom, top = spread(middle)
        fits = max(right - left, top - bottom) <= usable * full
        near, far = (near, middle) if fits else (middle, far)
    distance = max(far, MIN_WIDTH_MM / full)

    # The free play becomes a shift of the camera across its axis. That is exact on one plane only: where near
    # bricks would leave the picture, the pile moves towards the middle and the camera a little back.
    offset_x, offset_y = draw.offset
    border = draw.margin * size_px / 2
    for attempt in range(160):
        left, right, bottom, top = spread(distance)
        free_x, free_y = usable * full - (right - left), usable * full - (top - bottom)
        shift_x = ((left + right) / 2 - offset_x * max(free_x, 0) / 2) * distance
        shift_y = ((bottom + top) / 2 - offset_y * max(free_y, 0) / 2) * distance
        camera = _camera(rotation, target, shift_x, shift_y, distance, focal_px, size_px)
        pixels = camera.project(points_mm)
        is_above = camera.position_mm[2] >= LOWEST_CAMERA_MM
        if is_above and pixels.min() >= border and pixels.max() <= size_px - border:
            depth = -(points_mm @ camera.camera_from_world[2, :3] + camera.camera_from_world[2, 3])
            focus_mm = float(depth.min() + draw.focus * np.ptp(depth))
            return replace(camera, aperture_mm=draw.aperture_mm, focus_mm=focus_mm)
        offset_x, offset_y, distance = 0.9 * offset_x, 0.9 * offset_y, (1.01 if attempt < 80 else 1.1) * distance
    raise ValueError(f"no camera of {draw} shows all bricks")


def _camera(
    rotation: NDArray[np.float64],
    target: NDArray[np.float64],
    shift_x_mm: float,
    shift_y_mm: float,
    distance_mm: float,
    focal_px: float,
    size_px: int,
) -> Camera:
    position = target + rotation.T @ np.array([shift_x_mm, shift_y_mm, distance_mm])
    return Camera(np.column_stack([rotation, -rotation @ position]), focal_px, size_px)


def _rotation(draw: CameraDraw) -> NDArray[np.float64]:
    """Return the rotation from world to camera axes, (3, 3)."""
    azimuth, elevation, roll = np.radians([draw.azimuth_deg, draw.elevation_deg, draw.roll_deg])
    back = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    up = np.cross(back, right)
    c, s = np.cos(roll), np.sin(roll)
    return np.stack([c * right + s * up, -s * right + c * up, back])
