"""The registry of methods: a new one is one small file and one row here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from core.errors import SettingsError
from core.settings import Settings, near_matches
from explain.baselines import (
    CenterGaussian,
    CenterGaussianSettings,
    Edges,
    RandomBaseline,
    RandomSettings,
    Uniform,
    UniformSettings,
)
from explain.gradcam import GradCam, GradCamSettings
from explain.lime_method import Lime, LimeSettings
from explain.protocol import Method, PictureSettings


@dataclass(frozen=True)
class MethodRow:
    """One method: how it is made and what a user should know of it."""

    name: str
    title: str
    kind: Literal["method", "baseline"]
    factory: Callable[[nn.Module, Any], Method]
    settings: type[Settings]
    resize: Literal["bilinear", "nearest"]
    """How its maps are brought to the size of a picture: samples on a grid, or areas with sharp borders."""
    signed: bool
    images_at_once: int
    """Pictures in one call; 1 where each takes seconds, so that progress shows and little is lost by stopping."""
    source: str
    note: str


METHODS: dict[str, MethodRow] = {
    row.name: row
    for row in (
        MethodRow(
            "gradcam", "Grad-CAM", "method", GradCam, GradCamSettings, "bilinear", False, 16,
            "Selvaraju et al. 2017", "coarse: one cell of the last convolutional maps; positive evidence only",
        ),
        MethodRow(
            "lime", "LIME", "method", Lime, LimeSettings, "nearest", True, 1,
            "Ribeiro et al. 2016", "superpixels with signed weights; slow: num_samples forward passes a picture",
        ),
        MethodRow(
            "random", "Random noise", "baseline", RandomBaseline, RandomSettings, "nearest", False, 16,
            "uniform noise", "what chance looks like",
        ),
        MethodRow(
            "center_gaussian", "Centre Gaussian", "baseline", CenterGaussian, CenterGaussianSettings, "bilinear",
            False, 16,
            "centre bias, as in saliency benchmarks (Judd et al. 2012)", "beats chance where piles lie in the middle",
        ),
        MethodRow(
            "edges", "Edges", "baseline", Edges, PictureSettings, "bilinear", False, 16,
            "Sobel; as in Adebayo et al. 2018", "traces outlines without knowing the network",
        ),
        MethodRow(
            "uniform", "Uniform", "baseline", Uniform, UniformSettings, "nearest", False, 16,
            "a constant", "what each metric gives for nothing",
        ),
    )
}  # fmt: skip


def find_method(name: str) -> MethodRow:
    """Return the row called `name`, or raise SettingsError with the nearest known name."""
    if name not in METHODS:
        known = list(METHODS)
        raise SettingsError(f"There is no method {name!r}{near_matches(name, known)}; known are {', '.join(known)}.")
    return METHODS[name]


def create_method(name: str, model: nn.Module, **settings: object) -> Method:
    """Return method `name` bound to `model`; it has ``attribute(images, classes)`` and its resolved ``settings``.

    Raises:
        SettingsError: no such method or setting, or a value out of its range.
    """
    row = find_method(name)
    return row.factory(model, row.settings.parse(settings, where=f"the settings of method {name}"))


def with_normalisation(
    name: str, settings: Mapping[str, object], mean: tuple[float, ...], std: tuple[float, ...]
) -> dict[str, object]:
    """Return `settings` with the network's normalisation where method `name` wants it and `settings` lack it."""
    given = {"mean": mean, "std": std} if issubclass(find_method(name).settings, PictureSettings) else {}
    return {**given, **settings}


def method_rows() -> list[dict[str, object]]:
    """Return the registry as rows for a table."""
    return [
        {
            "method": row.name,
            "kind": row.kind,
            "settings": ", ".join(
                f"{name}={field.default!r}" for name, field in row.settings.model_fields.items() if name not in _PICTURE
            ),
            "source": row.source,
            "note": row.note,
        }
        for row in METHODS.values()
    ]


_PICTURE = frozenset(PictureSettings.model_fields)  # given by the checkpoint
