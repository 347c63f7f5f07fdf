"""The registry of methods: a new one is one small module that ends with its row, and one line here."""

from collections.abc import Mapping

from torch import nn

from core.errors import SettingsError
from core.settings import near_matches
from explain.baselines import brightness, center_gaussian, edges, oracle, random_noise, uniform
from explain.cam import eigencam, gradcam, gradcam_max, gradcam_plus_plus, hirescam, layercam, scorecam, xgradcam
from explain.gradients import (
    guided_backprop,
    guided_gradcam,
    input_x_gradient,
    integrated_gradients,
    lrp,
    saliency,
    smoothgrad,
)
from explain.perturbation import kernel_shap, lime, occlusion, rise
from explain.protocol import Method, MethodRow, PictureSettings

METHODS: dict[str, MethodRow] = {
    row.name: row
    for row in (
        gradcam.ROW,
        gradcam_max.ROW,
        gradcam_plus_plus.ROW,
        hirescam.ROW,
        layercam.ROW,
        xgradcam.ROW,
        scorecam.ROW,
        eigencam.ROW,
        saliency.ROW,
        input_x_gradient.ROW,
        integrated_gradients.ROW,
        smoothgrad.ROW,
        guided_backprop.ROW,
        guided_gradcam.ROW,
        lrp.ROW,
        lime.ROW,
        occlusion.ROW,
        rise.ROW,
        kernel_shap.ROW,
        random_noise.ROW,
        center_gaussian.ROW,
        edges.ROW,
        brightness.ROW,
        uniform.ROW,
        oracle.ROW,
    )
}


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
            "family": row.family,
            "cost": row.cost,
            "settings": ", ".join(
                f"{name}={field.default!r}" for name, field in row.settings.model_fields.items() if name not in _PICTURE
            ),
            "source": row.source,
            "note": row.note,
        }
        for row in METHODS.values()
    ]


_PICTURE = frozenset(PictureSettings.model_fields)  # given by the checkpoint
