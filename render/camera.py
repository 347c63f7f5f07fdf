"""Cameras: what is drawn by lot, and the camera that results once the bricks lie still.

Frames: world is right-handed, z up, floor at z = 0, millimetres. Camera looks along its -z, x to the
right and y up (Blender's and OpenGL's way). Pixel (0, 0) is the upper left; its centre is (0.5, 0.5).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from core.settings import Settings, require_order
from render.calibration import Calibration
from render.lens import Lens, frame_border
from render.motion import Motion

Floats = NDArray[np.float64]


class CameraSettings(Settings):
    """Where the camera stands and what its lens does; ranges are drawn from evenly."""

    elevation_min_deg: float = Field(42.0, ge=5, le=90)
    """Lowest height of the camera above the horizon; the direction is uniform on the sphere above it."""

    elevation_max_deg: float = Field(90.0, ge=5, le=90)
    """Greatest height; 90 looks straight down."""

    roll_deg: float = Field(6.0, ge=0, le=90)
    """Standard deviation of the turn about the camera's axis."""

    distance_min_mm: float = Field(250.0, ge=20, le=10_000)
    """Nearest distance of the lens from the middle of the pile: few hold a phone nearer than 25 cm. The picture is a
    crop of what the phone sees, so that the pile fills it as the margins say."""

    distance_max_mm: float = Field(600.0, ge=20, le=10_000)
    """Farthest distance, an arm's length. From a pile that is wider than a phone's 65 degrees the camera draws back
    further."""

    margin_min: float = Field(-0.04, ge=-0.3, le=0.45)
    """Least free border around the things in the picture, as a share of its sides; below 0 the frame cuts some."""

    margin_max: float = Field(0.26, ge=-0.3, le=0.45)
    """Largest free border; 0.3 shows small bricks."""

    aperture_max_mm: float = Field(4.0, ge=0, le=50)
    """Largest entrance pupil; the smallest is 0.45 of it: phones have 1.8 to 4 mm. What is out of focus is blurred;
    0: everything is sharp."""

    calibration: Calibration | None = None
    """A real camera: a file of OpenCV's, or its values. The lens is then that camera's, whole, and the distance alone
    decides how large the pile is; the camera draws back further only where the margins would not be kept."""

    turn_max_deg_per_s: float = Field(0.0, ge=0, le=90)
    """Fastest turn of the hand while the picture is taken; a hand turns by 1 to 5. 0: neither motion blur nor rolling
    shutter."""

    exposure_ms: float = Field(15.0, ge=0, le=1000)
    """Time for which each row gathers light, the cause of motion blur."""

    readout_ms: float = Field(0.0, ge=0, le=1000)
    """Time from the first row to the last, the cause of rolling shutter: a phone's is 10 to 30. 0: all rows at once."""

    @model_validator(mode="before")
    @classmethod
    def _no_field_of_view(cls, values: object) -> object:
        if isinstance(values, dict) and any(str(name).startswith("field_of_view_") for name in values):
            raise ValueError(
                "field_of_view_min_deg and field_of_view_max_deg are gone: give distance_min_mm and distance_max_mm, "
                "and the lens follows from the margins"
            )
        return values

    @model_validator(mode="after")
    def _ordered(self) -> "CameraSettings":
        elevation, distance = ("elevation_min_deg", "elevation_max_deg"), ("distance_min_mm", "distance_max_mm")
        require_order(self, elevation, distance, ("margin_min", "margin_max"))
        return self


@dataclass(frozen=True)
class CameraDraw:
    """The random part of a camera; its lens follows from where the bricks come to rest."""

    azimuth_deg: float
    elevation_deg: float
    roll_deg: float
    distance_mm: float
    """From the lens to the middle of the pile."""

    margin: float
    """Free border around the bricks, as a share of the picture's sides."""

    offset: tuple[float, float]
    """Where within its free play the pile sits, -1..1 right and up."""

    aperture_mm: float
    """Diameter of the entrance pupil; 0 is a pinhole."""

    focus: float
    """Plane of focus, from the nearest (0) to the farthest (1) of the things in the picture."""

    motion: Motion | None = None
    calibration: Calibration | None = None


SMALLEST_APERTURE = 0.45
"""Of the largest: pupils of phones' main cameras since 2015."""


def sample_camera(settings: CameraSettings, rng: np.random.Generator) -> CameraDraw:
    """Return the random part of a camera: a phone held over a table, from slanted to straight above."""
    low, high = np.sin(np.radians([settings.elevation_min_deg, settings.elevation_max_deg]))
    return CameraDraw(
        azimuth_deg=float(rng.uniform(0, 360)),
        elevation_deg=float(np.degrees(np.arcsin(rng.uniform(low, high)))),
        roll_deg=float(rng.normal(0, settings.roll_deg)),
        distance_mm=float(rng.uniform(settings.distance_min_mm, settings.distance_max_mm)),
        margin=float(rng.uniform(settings.margin_min, settings.margin_max)),
        offset=(float(rng.uniform(-1, 1)), float(rng.uniform(-1, 1))),
        aperture_mm=float(rng.uniform(SMALLEST_APERTURE, 1)) * settings.aperture_max_mm,
        focus=float(rng.uniform(0.1, 0.9)),
        motion=_sample_motion(settings, rng),
        calibration=settings.calibration,
    )


def _sample_motion(settings: CameraSettings, rng: np.random.Generator) -> Motion | None:
    if not settings.turn_max_deg_per_s:
        return None
    axis = rng.normal(size=3)
    x, y, z = (axis / np.linalg.norm(axis) * rng.uniform(0, settings.turn_max_deg_per_s)).tolist()
    return Motion((x, y, z), settings.exposure_ms / 1000, settings.readout_ms / 1000)


@dataclass(frozen=True)
class Camera:
    """A camera in its place; rays and projections are those of its pinhole, whatever the aperture.

    They are those of the picture, with the lens' distortion, and each row at the middle of its own exposure.
    """

    camera_from_world: Floats  # (3, 4), millimetres, in the middle of the exposure
    lens: Lens
    aperture_mm: float = 0.0
    focus_mm: float = 1000.0
    """Distance of the plane of focus along the axis."""

    motion: Motion | None = None

    @property
    def position_mm(self) -> Floats:
        """Centre of projection in the world, (3,)."""
        rotation, translation = self.camera_from_world[:, :3], self.camera_from_world[:, 3]
        return -rotation.T @ translation

    @property
    def forward(self) -> Floats:
        """Unit vector along the axis in the world, (3,)."""
        return np.asarray(-self.camera_from_world[2, :3])

    @property
    def is_plain(self) -> bool:
        """Whether straight lines stay straight in the picture."""
        return self.lens.is_plain and (self.motion is None or not self.motion.readout_s)

    def in_axes(self, points_mm: Floats) -> Floats:
        """Return world points (N, 3) in the camera's axes."""
        return np.asarray(points_mm @ self.camera_from_world[:, :3].T + self.camera_from_world[:, 3])

    def project(self, points_mm: Floats) -> Floats:
        """Return pixel coordinates (N, 2) of world points (N, 3) that lie in front of the camera."""
        return self.lens.pixels(self._at_their_rows(self.in_axes(points_mm)))

    def shows(self, directions: Floats) -> NDArray[np.bool_]:
        """Return which directions (N, 3) in the world, none of them backwards, end in the picture, (N,)."""
        return self.lens.inside(self._at_their_rows(directions @ self.camera_from_world[:, :3].T))

    def _at_their_rows(self, seen: Floats) -> Floats:
        """Return normalised coordinates (N, 2) of vectors (N, 3) in the camera's axes when their rows are exposed."""
        found = normalise(seen)
        if self.motion is None or not self.motion.readout_s:
            return np.asarray(found)
        for _ in range(6):  # a row differs from the one before by the turn since, which is less each time
            seconds = self.motion.row_times(self.lens.pixels(found)[:, 1], self.lens.height_px)
            found = normalise(self.motion.turned(seen, -seconds))
        return found

    def directions(self, pixels: Floats, late_s: float = 0.0) -> Floats:
        """Return what is seen at pixel coordinates (N, 2), as vectors (N, 3) of depth about 1 in the camera's axes.

        `late_s` is a time after the middle of each row's exposure.
        """
        x, y = self.lens.normalised(pixels).T
        found = np.stack([x, -y, -np.ones_like(x)], axis=1)
        if self.motion is None:
            return np.asarray(found)
        seconds = self.motion.row_times(pixels[:, 1], self.lens.height_px) + late_s
        return self.motion.turned(found, seconds)

    def rays(
        self, x0_px: int, y0_px: int, x1_px: int, y1_px: int, step_px: int = 1
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return origins and unit directions (N, 3) of the rays through pixel centres, row by row.

        Args:
            x0_px: first column; of a plain camera columns and rows may lie outside the picture.
            y0_px: first row.
            x1_px: end of the columns, exclusive.
            y1_px: end of the rows, exclusive.
            step_px: take every so many columns and rows.
        """
        across, down = np.meshgrid(np.arange(x0_px, x1_px, step_px) + 0.5, np.arange(y0_px, y1_px, step_px) + 0.5)
        directions = self.directions(np.stack([across.ravel(), down.ravel()], axis=1))
        directions = directions @ self.camera_from_world[:, :3]
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        origins = np.broadcast_to(self.position_mm, directions.shape)
        return np.ascontiguousarray(origins, np.float32), np.ascontiguousarray(directions, np.float32)

    @cached_property
    def view(self) -> tuple[Floats, Floats]:
        """The smallest and the largest normalised coordinates, (2,) each, that the picture shows while it is taken."""
        half = self.motion.exposure_s / 2 if self.motion else 0.0
        border = frame_border(self.lens.width_px, self.lens.height_px)
        seen = normalise(np.concatenate([self.directions(border, late) for late in (-half, half)]))
        return seen.min(axis=0), seen.max(axis=0)


def normalise(seen: Floats) -> Floats:
    """Return normalised coordinates (N, 2), as of `render.lens`, of vectors (N, 3) in a camera's axes."""
    return np.asarray(np.stack([seen[:, 0], -seen[:, 1]], axis=1) / -seen[:, 2:])
