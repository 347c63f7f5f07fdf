"""Calibration of a real camera: read from what OpenCV, ROS or a person wrote, scaled to the pictures' size."""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import Field, model_validator

from core.errors import SettingsError
from core.settings import Settings
from render.lens import Lens

_COEFFICIENTS = ("k1", "k2", "p1", "p2", "k3")
_SHAPE_TOLERANCE = 0.01
"""Sides of pictures that a camera makes smaller are rounded."""


class Calibration(Settings):
    """What a calibration says of a camera, in OpenCV's names and conventions: the first pixel's centre is (0, 0)."""

    image_width: int = Field(ge=16)
    """Width of the pictures it was calibrated with, in pixels."""

    image_height: int = Field(ge=16)
    """Their height, in pixels."""

    fx: float = Field(gt=0)
    """Focal length across, in pixels."""

    fy: float = Field(gt=0)
    """Focal length down, in pixels."""

    cx: float
    """Principal point, pixels from the left."""

    cy: float
    """Principal point, pixels from the top."""

    k1: float = 0.0
    """First radial coefficient."""

    k2: float = 0.0
    """Second radial coefficient."""

    p1: float = 0.0
    """First tangential coefficient."""

    p2: float = 0.0
    """Second tangential coefficient."""

    k3: float = 0.0
    """Third radial coefficient."""

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, values: Any) -> Any:
        """Take the name of a file as well, so that settings hold its values and no worker needs the file."""
        try:
            if isinstance(values, str | Path):
                return _flat(_read(Path(values)), str(values))
            return _flat(values, "the calibration") if isinstance(values, dict) else values
        except SettingsError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _usable(self) -> "Calibration":
        if not (0 <= self.cx <= self.image_width and 0 <= self.cy <= self.image_height):
            raise ValueError(f"the principal point ({self.cx:g}, {self.cy:g}) should lie in the picture")
        if self.lens(self.image_width, self.image_height).folds():
            raise ValueError("the distortion folds over within the picture, so its pixels have no direction; calibrate "
                             "again with corners near the borders, or with fewer coefficients")  # fmt: skip
        return self

    def lens(self, width_px: int, height_px: int) -> Lens:
        """Return the lens of pictures of this size, which are the calibrated ones made smaller or larger.

        Raises:
            ValueError: they have another shape, so they are no such pictures.
        """
        across, down = width_px / self.image_width, height_px / self.image_height
        if abs(across / down - 1) > _SHAPE_TOLERANCE:
            raise ValueError(
                f"the camera was calibrated with {self.image_width} x {self.image_height} pixels, and pictures of "
                f"{width_px} x {height_px} have another shape; set image_size_px: "
                f"[{width_px}, {max(round(width_px * self.image_height / self.image_width), 1)}]"
            )
        return Lens(
            width_px, height_px, self.fx * across, self.fy * down, (self.cx + 0.5) * across, (self.cy + 0.5) * down,
            (self.k1, self.k2, self.p1, self.p2, self.k3),
        )  # fmt: skip


class _OpenCvLoader(yaml.SafeLoader):
    """YAML as ``cv2.FileStorage`` writes it."""


def _mapping(loader: _OpenCvLoader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    return loader.construct_mapping(node, deep=True)


_OpenCvLoader.add_constructor("tag:yaml.org,2002:opencv-matrix", _mapping)


def _read(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix.lower() == ".json":
            return json.loads(text)
        return yaml.load(text.replace("%YAML:1.0", "%YAML 1.0", 1), Loader=_OpenCvLoader)
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        raise SettingsError(f"cannot read the calibration {path}: {str(error).splitlines()[0]}") from error


def _flat(values: Any, where: str) -> dict[str, Any]:
    """Return the fields of `Calibration` from a file's: matrices are taken apart, what else it says is passed over."""
    if not isinstance(values, dict):
        raise SettingsError(f"{where} should hold camera_matrix, distortion_coefficients, image_width and image_height")
    if not {"camera_matrix", "distortion_coefficients"} & values.keys():
        return values
    flat = {name: values[name] for name in ("image_width", "image_height") if name in values}
    matrix = _numbers(values.get("camera_matrix"), "camera_matrix", where)
    if matrix.size != 9 or matrix[1] or matrix[3] or tuple(matrix[6:]) != (0, 0, 1):
        raise SettingsError(f"camera_matrix in {where} should be fx 0 cx, 0 fy cy, 0 0 1")
    flat |= dict(zip(("fx", "cx", "fy", "cy"), matrix[[0, 2, 4, 5]].tolist(), strict=True))
    coefficients = _numbers(values.get("distortion_coefficients", [0.0] * 5), "distortion_coefficients", where)
    if coefficients.size < 4 or coefficients[5:].any() or values.get("distortion_model", "plumb_bob") != "plumb_bob":
        raise SettingsError(
            f"distortion_coefficients in {where} should be k1 k2 p1 p2 k3 of Brown and Conrady's model; others are not "
            "supported"
        )
    return flat | dict(zip(_COEFFICIENTS, [*coefficients.tolist(), 0.0], strict=False))


def _numbers(value: Any, name: str, where: str) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return the numbers of a matrix, row by row: of OpenCV's or ROS' mapping, or of rows."""
    try:
        return np.asarray(value["data"] if isinstance(value, dict) else value, dtype=np.float64).ravel()
    except (TypeError, ValueError, KeyError) as error:
        raise SettingsError(f"{name} in {where} should be a matrix of numbers") from error
