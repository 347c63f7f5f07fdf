"""KernelSHAP on superpixels: each one's fair share in the logit, by Shapley's rule."""

import numpy as np
from pydantic import Field
from torch import Tensor

from core.seeding import Purpose, generator
from explain.perturbation.perturbed import Perturbed, PerturbingMethod, batch_size, logits_of
from explain.perturbation.precision import PassSettings
from explain.perturbation.segments import SegmentSettings, count_segments, superpixels
from explain.perturbation.shapley import coalitions, shapley_values
from explain.protocol import FloatMaps, MethodRow, device_of, image_key

KEY = 2
"""Sets the stream of coalitions apart from other streams for baselines."""


class KernelShapSettings(SegmentSettings, PassSettings):
    """Superpixels, and how many coalitions of them are looked at."""

    num_samples: int = Field(1000, ge=4)
    """Coalitions for each picture, at least two a superpixel; all of them where fewer exist, and then it is exact."""
    seed: int = Field(0, ge=0)
    """Of the coalitions; together with the picture's content it decides them."""


class KernelShap(PerturbingMethod[KernelShapSettings]):
    """The Shapley value of each superpixel for the class's logit, painted on its pixels, signed.

    Source: Lundberg & Lee 2017. The values of a picture add up to the logit of the whole picture less that of the one
    with every superpixel hidden. Superpixels are LIME's.
    """

    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        """Return raw maps at the size of the picture; BrickbenchError if `num_samples` are too few for it."""
        segments = superpixels(image, self.settings)
        players = count_segments(segments)
        rng = generator(self.settings.seed, Purpose.BASELINE, KEY, image_key(image))
        masks, weights = coalitions(players, self.settings.num_samples, rng)
        shown = np.concatenate([np.zeros((1, players), dtype=np.bool_), np.ones((1, players), dtype=np.bool_), masks])
        device = device_of(self._model)
        self.batch = batch_size(self.batch, image, device)
        perturbed = Perturbed(image, segments, self.settings, device)
        precision = self.settings.precision
        logits = logits_of(
            self._model, len(shown), lambda part: perturbed.compose(shown[part]), classes, self.batch, precision
        )
        values = shapley_values(masks, logits[2:], weights, empty=logits[0], whole=logits[1])
        return np.asarray(values.T.astype(np.float32)[:, segments])


ROW = MethodRow(
    "kernel_shap", "KernelSHAP", "method", "perturbation", KernelShap, KernelShapSettings, "nearest", signed=True,
    images_at_once=1, cost="num_samples forward passes, whatever K", source="Lundberg & Lee 2017", unit="logit",
    note="values add up to the logit's rise over the hidden picture; exact where a picture has few superpixels",
    reference="explain.references.by_captum:kernel_shap", tolerance=1e-2,  # captum fits in float32
)  # fmt: skip
