"""Finer-CAM: Grad-CAM of what tells a class from those that the network finds nearly as likely."""

from collections.abc import Sequence
from functools import partial

import torch
from pydantic import Field
from torch import Tensor

from explain.cam.layers import NO_ZERO, LayerSettings
from explain.cam.weighted import WeightedActivations, gradcam
from explain.protocol import MethodRow


class FinerCamSettings(LayerSettings):
    """The layer, and what a class is compared with."""

    alpha: float = Field(1.0, ge=0)
    """How much the other classes' logits count; 0 is Grad-CAM, 1 the library's default."""
    comparisons: int = Field(3, ge=1)
    """Classes that one is compared with: those whose logits are nearest to its own; 3 is the library's default."""


class FinerCam(WeightedActivations[FinerCamSettings]):
    """Grad-CAM of a class's logit less those of the classes most like it.

    Source: Zhang et al. 2025, Finer-CAM, with the comparison of pytorch-grad-cam, whose authors' code it is; see
    `contrast`. Where the network has one class there is nothing to compare, and the map is Grad-CAM's.
    """

    def explained(self, logits: Tensor, indices: Sequence[int]) -> Tensor:
        """Return the contrast of each row's class, (N,), of `logits` (N, classes)."""
        return contrast(logits, indices, self.settings.alpha, self.settings.comparisons)


def contrast(logits: Tensor, indices: Sequence[int], alpha: float, comparisons: int) -> Tensor:
    """Return sum_j p_j (y_c - alpha y_j) / sum_j p_j, (N,), of logits y (N, classes) and the class c of each row.

    j are the `comparisons` classes whose logits are nearest to y_c, above or below, p their softmax. Of the quotient
    only the softmax over j is left, so that the other classes do not matter. The library adds 1e-9 to the denominator.
    In a multi-label network the nearest logits are often those of other parts in the picture.
    """
    own = logits.gather(1, torch.tensor(indices, device=logits.device)[:, None])  # (N, 1)
    distance = (logits.detach() - own.detach()).abs()
    distance[range(len(indices)), list(indices)] = torch.inf  # never itself, also where another logit is equal
    count = min(comparisons, logits.shape[1] - 1)
    if count == 0:
        return own[:, 0]
    others = logits.gather(1, distance.argsort(dim=1, stable=True)[:, :count])  # (N, count)
    return own[:, 0] - alpha * (others.softmax(dim=1) * others).sum(dim=1)


ROW = MethodRow(
    "finercam", "Finer-CAM", "method", "class activation", partial(FinerCam, gradcam), FinerCamSettings, "bilinear",
    signed=True, images_at_once=16, cost="1 forward, K short backward", source="Zhang et al. 2025",
    note="for parts that look alike: what a class has and the nearest logits' classes lack; below 0 lies what speaks "
    "for those, also for another part in the picture; with one class it is Grad-CAM",
    claims=("place", "class"), no_zero=NO_ZERO, reference="explain.references.by_grad_cam:finercam",
)  # fmt: skip
