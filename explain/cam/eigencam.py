"""Eigen-CAM: the first principal component of the maps, whatever the class."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from explain.cam.capture import LayerMethod
from explain.cam.layers import LayerSettings
from explain.checks import finished
from explain.protocol import FloatMaps, MethodRow


class EigenCam(LayerMethod):
    """Each place's channels, less their mean over places, projected on their first right singular vector.

    Source: Muhammad and Yeasin 2020, Eigen-CAM; centred as in pytorch-grad-cam. The sign of a singular vector is
    arbitrary: the library leaves it to LAPACK, here the end that is farther from 0 is positive (Chung and Ying 2025,
    equation 13).
    """

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps at the size of the layer, as `explain.protocol.Method` says: one, for every class."""
        with self.layer_pass(images, classes) as kept:
            maps = finished([first_component(kept.activations)])[0]
        return [np.repeat(one[None], len(asked), axis=0) for one, asked in zip(maps, classes, strict=True)]


def first_component(activations: Tensor) -> Tensor:
    """Return (N, h, w): the projection of (N, C, h, w) on its first principal component, one for each of N."""
    places = activations.detach().flatten(2).transpose(1, 2).double()  # (N, h w, C)
    places = places - places.mean(dim=1, keepdim=True)
    left, values, _ = torch.linalg.svd(places, full_matrices=False)
    projection = left[..., 0] * values[..., :1]  # what the places' projection on the right singular vector comes to
    flip = projection.amin(dim=1).abs() > projection.amax(dim=1).abs()
    projection = torch.where(flip[:, None], -projection, projection)
    return projection.reshape(len(activations), *activations.shape[2:]).float()


ROW = MethodRow(
    "eigencam", "Eigen-CAM", "method", "class activation", EigenCam, LayerSettings, "bilinear", signed=True,
    images_at_once=16, cost="1 forward, whatever K", source="Muhammad and Yeasin 2020",
    note="the same map for every class: what the layer reacts to, not what speaks for a part",
    claims=("place",), no_zero="it is the middle of the layer's values",
    reference="explain.references.by_grad_cam:eigencam",
)  # fmt: skip
