"""The registry of methods: a new one is one small module that ends with its row, which is named here; its tables."""

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Annotated, Any, Literal, cast, get_args, get_origin

from pydantic.fields import FieldInfo
from torch import Tensor, nn

from core.errors import SettingsError
from core.settings import near_matches
from explain import baselines
from explain.attention import attn_lrp, chefer, legrad, rollout
from explain.cam import ablationcam, eigencam, finercam, scorecam, weighted
from explain.forward import opened
from explain.gradients import (
    deeplift,
    fullgrad,
    gradient_shap,
    guided_gradcam,
    integrated_gradients,
    pixel_gradients,
    rules,
    smoothgrad,
)
from explain.perturbation import kernel_shap, lime, occlusion, rise
from explain.protocol import FloatMaps, MaskedMethod, Masks, Method, MethodRow, PictureSettings
from training.run.checkpoint import Checkpoint

METHODS: dict[str, MethodRow] = {
    row.name: row
    for row in (
        *weighted.ROWS, finercam.ROW, scorecam.ROW, ablationcam.ROW, *eigencam.ROWS, *pixel_gradients.ROWS,
        integrated_gradients.ROW, gradient_shap.ROW, smoothgrad.ROW, rules.GUIDED_ROW, guided_gradcam.ROW,
        fullgrad.ROW, deeplift.ROW, rules.LRP_ROW, rollout.ROW,
        chefer.ROW, legrad.ROW, attn_lrp.ROW, lime.ROW, occlusion.ROW, rise.ROW, kernel_shap.ROW,
        *baselines.ROWS,
    )
}  # fmt: skip
"""By name, in the order of tables and pictures. One of your own is one more row: ``METHODS["mine"] = mine.ROW``."""


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
        NotForNetworkError: the method cannot explain this network.
        BrickbenchError: a network that cannot be explained (`explain.forward.opened`).
    """
    row = find_method(name)
    parsed = row.settings.parse(settings, where=f"the settings of method {name}")
    if row.kind == "method":  # others take no notice of the network
        model = opened(model, looks_inside=row.family != "perturbation")
    return row.factory(model, parsed)


def attribute(
    name: str,
    method: Method,
    images: Tensor,
    classes: Sequence[Sequence[int]],
    masks: Callable[[], Masks],
) -> list[FloatMaps]:
    """Return the raw maps of `method`, called `name`, whether it needs masks or not; `masks` is called if it does.

    Masks are those of each image's classes in the same order, at any size.
    """
    if find_method(name).needs_masks:
        return cast(MaskedMethod, method).attribute(images, classes, masks())
    return method.attribute(images, classes)


def for_network(name: str, settings: Mapping[str, object], network: Checkpoint) -> dict[str, object]:
    """Return `settings` with what method `name` wants to know of `network` and `settings` lack.

    That is its normalisation for methods that look at the picture, and its input size for those that try the network.
    """
    given: dict[str, object] = {}
    kind = find_method(name).settings
    if issubclass(kind, PictureSettings):
        given |= {"mean": network.mean, "std": network.std}
    if "input_size_px" in kind.model_fields:
        given |= {"input_size_px": network.input_size_px}
    return {**given, **settings}


def method_rows() -> list[dict[str, object]]:
    """Return the registry as rows for a table."""
    return [
        {
            "method": row.name,
            "title": row.title,
            "kind": row.kind,
            "family": row.family,
            "cost": row.cost,
            "claims": ", ".join(row.claims),
            "no_zero": row.no_zero,
            "signed": row.signed,
            "resize": row.resize,
            "settings": ", ".join(f"{name}={field.default!r}" for name, field in _own_fields(row).items()),
            "source": row.source,
            "note": row.note,
        }
        for row in METHODS.values()
    ]


def setting_rows(name: str) -> list[dict[str, object]]:
    """Return the settings of method `name` as rows for a table; raises SettingsError if there is none of that name."""
    return [
        {
            "setting": setting,
            "default": field.default,
            "values": _values(field.annotation),
            "meaning": (field.description or "").replace("``", "").replace("`", ""),
        }
        for setting, field in _own_fields(find_method(name)).items()
    ]


_GIVEN = frozenset(PictureSettings.model_fields) | {"input_size_px"}
"""What the checkpoint gives."""
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "nothing"}


def _own_fields(row: MethodRow) -> dict[str, FieldInfo]:
    return {name: field for name, field in row.settings.model_fields.items() if name not in _GIVEN}


def _values(annotation: Any) -> str:
    """Return in words what a setting takes."""
    if annotation in _WORDS:
        return _WORDS[annotation]
    if get_origin(annotation) is Annotated:  # a number with bounds, as a part of a union
        return _values(get_args(annotation)[0])
    if get_origin(annotation) is tuple:
        return f"{len(get_args(annotation))} numbers"
    if get_origin(annotation) is Literal:
        return ", ".join(map(str, get_args(annotation)))
    return " or ".join(_values(one) for one in get_args(annotation))


WIDTH = 100
"""Columns that a line takes at most."""
NAMES = 22
"""Columns for names."""


def method_lines(rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """Yield the lines that list `rows`, of `explain.methods.method_rows`, by family."""
    for family, group in groupby(rows, key=itemgetter("family")):
        yield f"{str(family).upper()}"
        for row in group:
            settings = f"Settings: {row['settings']}." if row["settings"] else "No settings."
            claims = [f"Read it for {row['claims']}."] if row["claims"] else []
            yield from _entry(row["method"], f"{row['source']}. Costs {row['cost']}.", row["note"], *claims, settings)
        yield ""
    yield "Settings of one in words: brickbench explain methods METHOD."


def setting_lines(rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """Yield the lines that list `rows`, of `explain.methods.setting_rows`."""
    for row in rows:
        yield from _entry(row["setting"], f"{row['default']} ({row['values']})", row["meaning"])
    if not rows:
        yield "No settings."


def _entry(name: object, *facts: object) -> Iterator[str]:
    lines = [line for fact in facts for line in textwrap.wrap(str(fact), WIDTH - NAMES)]
    yield f"{name!s:<{NAMES}}{lines[0]}"
    yield from (" " * NAMES + line for line in lines[1:])
