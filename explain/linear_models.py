"""The linear models behind a run's LIME maps, fitted again and told in tables."""

from collections.abc import Sequence

import numpy as np

from core.errors import BrickbenchError
from explain.perturbation.lime import Lime, LimeExplanation, LimeSettings
from explain.store import ATTRIBUTIONS, SETTINGS_FILE, read_attributions
from training.run.run import Run

Rows = list[dict[str, object]]


def linear_models(run: Run, image_id: str, part_id: str | None = None, top: int = 10) -> tuple[Rows, Rows]:
    """Return rows for the linear models behind the LIME maps of a picture, and for their strongest superpixels.

    A run keeps maps, not models; with the settings kept beside the maps the same models come out again. That takes
    `num_samples` forward passes on the CPU for each settings and checkpoint.

    Args:
        run: a run with LIME maps of the picture, which is in its dataset.
        image_id: the picture.
        part_id: only this part; None for all that were explained.
        top: superpixels a model.

    Raises:
        BrickbenchError: the run has no LIME map of the picture (and part).
    """
    rows = [row for row in read_attributions(run.folder) if row.method == "lime" and row.image_id == image_id]
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if part_id in (None, row.part_id):
            groups.setdefault((str(row.method_key), row.checkpoint), []).append(row.part_id)
    if not groups:
        raise BrickbenchError(
            f"{run.folder} has no map by LIME of {image_id}{f' for part {part_id}' if part_id else ''}: make it with "
            f"`brickbench explain run {run.folder} --methods lime`."
        )
    pictures = run.dataset.pictures(None)
    picture = pictures.image(pictures.image_ids.index(image_id))
    models: Rows = []
    superpixels: Rows = []
    for (folder, checkpoint), parts in sorted(groups.items()):
        network = run.load(checkpoint)
        method = Lime(network.model, LimeSettings.load(run.folder / ATTRIBUTIONS / folder / SETTINGS_FILE))
        explanation = method.explain(network.network_input(picture), [network.classes.index(part) for part in parts])
        named: dict[str, object] = {"maps": folder, "checkpoint": checkpoint}
        models += [named | row for row in model_rows(explanation, parts)]
        superpixels += [named | row for row in coefficient_rows(explanation, parts, top)]
    return models, superpixels


def model_rows(explanation: LimeExplanation, labels: Sequence[str]) -> list[dict[str, object]]:
    """Return a row for each class's linear model; `labels` name the classes in the order they were asked for."""
    return [
        {
            "part": label,
            "intercept": model.intercept,
            "score": model.score,
            "prediction": model.prediction,
            "superpixels": len(model.used),
            "for": int((model.coefficients > 0).sum()),
            "against": int((model.coefficients < 0).sum()),
        }
        for label, model in zip(labels, explanation.models, strict=True)
    ]


def coefficient_rows(explanation: LimeExplanation, labels: Sequence[str], top: int = 10) -> list[dict[str, object]]:
    """Return a row for each of the `top` strongest superpixels of each class: its coefficient, where and how large.

    Places are the middle of the superpixel's pixels, in pixels from the upper left.
    """
    segments = explanation.segments
    y, x = np.indices(segments.shape)
    sizes = np.bincount(segments.ravel())
    middles = [np.bincount(segments.ravel(), weights=axis.ravel()) / sizes for axis in (x, y)]
    return [
        {
            "part": label,
            "superpixel": segment,
            "coefficient": float(model.coefficients[segment]),
            "x_px": round(float(middles[0][segment]), 1),
            "y_px": round(float(middles[1][segment]), 1),
            "area": f"{sizes[segment] / segments.size:.1%}",
        }
        for label, model in zip(labels, explanation.models, strict=True)
        for segment in model.used[:top]
    ]
