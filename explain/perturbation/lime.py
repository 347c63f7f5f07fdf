"""LIME: which superpixels speak for a class, by a linear model of the network around one picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from explain.memory import BatchSize
from explain.perturbation.linear_model import LinearModel, Selection, draw_masks, fit_linear_models, proximity
from explain.perturbation.perturbed import PassSettings, Perturbed, batch_size, logits_of
from explain.perturbation.segments import Segments, SegmentSettings, count_segments, superpixels
from explain.protocol import FloatMaps, MethodRow, PictureByPicture, device_of, frozen_eval

LIBRARY: dict[str, object] = {
    "segmentation": "quickshift", "kernel_size": 4, "hide_color": "superpixel", "draw_seed_first": True,
}  # fmt: skip
"""Where the lime library's defaults differ from ours."""


class LimeSettings(SegmentSettings, PassSettings):
    """Superpixels, perturbations, and the linear model."""

    preset: Literal["brickbench", "lime"] = "brickbench"
    """``lime`` takes the lime library's defaults for what is not given: above all quickshift with kernel_size 4, made
    for photos of 300 pixels, by which renders of 128 pixels fall into some ten superpixels, and paint that hides no
    plain face."""
    num_samples: int = Field(1000, ge=2)
    """Perturbed pictures for each picture."""
    kernel_width: float = Field(0.25, gt=0)
    """How fast a perturbed picture loses weight with its cosine distance from the whole one."""
    num_features: int = Field(100000, ge=1)
    """Most superpixels in the linear model; all of them by default."""
    feature_selection: Selection = "auto"
    """How they are chosen: ``auto`` is forward_selection for 6 or fewer, else highest_weights."""
    seed: int = Field(0, ge=0)
    """Of the perturbations. Each picture starts a fresh stream, so that order and company change nothing."""
    draw_seed_first: bool = False
    """Draw a number before the perturbations, as the library does to seed its segmentation when it is given no
    `random_seed`: all masks are others then. (That seed never reaches scikit-image, whose own is 42.)"""

    @model_validator(mode="before")
    @classmethod
    def _fill_preset(cls, values: Any) -> Any:
        preset = values.get("preset") if isinstance(values, dict) else None
        return {**LIBRARY, **values} if preset == "lime" else values


@dataclass(frozen=True)
class LimeExplanation:
    """Superpixels of a picture, and a linear model for each class asked for."""

    segments: Segments
    """(H, W), labels 0, 1, …"""
    models: tuple[LinearModel, ...]

    def maps(self) -> FloatMaps:
        """Return each model's coefficients painted on their superpixels, (K, H, W)."""
        table = [model.coefficients for model in self.models]
        return np.asarray(np.array(table, dtype=np.float32).reshape(len(table), -1)[:, self.segments])


class Lime(PictureByPicture[LimeSettings]):
    """The coefficient of each superpixel in a ridge regression of the class's logit, painted on its pixels, signed.

    Source: Ribeiro, Singh, Guestrin 2016, "Why should I trust you?". Superpixels, masks, weights and coefficients are
    those of the lime library 0.2.0.1. The library explains probabilities; logits are taken here, since probabilities of
    a sigmoid saturate. All classes of a picture share one set of perturbed pictures.
    """

    batch: BatchSize | None = None
    """Known from the first picture on."""

    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        """Return raw maps at the size of the picture, as the base says."""
        return self.explain(image, classes).maps()

    def explain(self, image: Tensor, classes: Sequence[int], segments: Segments | None = None) -> LimeExplanation:
        """Return the linear models of `classes` for `image` (C, H, W), as the network takes it.

        Args:
            image: float32, normalised.
            classes: which logits.
            segments: (H, W) superpixels of your own, labels 0, 1, …; None for those of the settings.

        Raises:
            BrickbenchError: labels of `segments` have gaps, or the network has no such class.
        """
        settings, device = self.settings, device_of(self._model)
        segments = superpixels(image, settings) if segments is None else segments
        stream = np.random.RandomState(settings.seed)
        masks = draw_masks(settings.num_samples, count_segments(segments), stream, seed_first=settings.draw_seed_first)
        self.batch = batch = batch_size(self.batch, image, device)
        with frozen_eval(self._model), torch.inference_mode():
            perturbed = Perturbed(image, segments, settings, device)
            logits = logits_of(
                self._model, len(masks), lambda part: perturbed.compose(masks[part]), classes, batch, settings.precision
            )
        models = fit_linear_models(
            masks,
            logits,
            proximity(masks, settings.kernel_width),
            num_features=settings.num_features,
            selection=settings.feature_selection,
        )
        return LimeExplanation(segments, tuple(models))


ROW = MethodRow(
    "lime", "LIME", "method", "perturbation", Lime, LimeSettings, "nearest", signed=True, images_at_once=1,
    cost="num_samples forward passes, whatever K", source="Ribeiro et al. 2016", unit="logit",
    note="superpixels with signed weights, as coarse as they are; preset=lime for the library's defaults",
    claims=("place", "class", "sign", "mass"), reference="explain.references.by_lime:lime", tolerance=1e-3,
)  # fmt: skip
