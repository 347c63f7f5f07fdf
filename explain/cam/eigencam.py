"""Eigen-CAM and EigenGrad-CAM: the first principal component of a layer's maps, or of what they give to a logit."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from explain.cam.capture import LayerMethod
from explain.cam.layers import LayerSettings
from explain.cam.weighted import weighted_row
from explain.checks import finished
from explain.protocol import FloatMaps, MethodRow


class EigenCam(LayerMethod[LayerSettings]):
    """Each place's channels, less their mean over places, projected on their first right singular vector.

    Source: Muhammad and Yeasin 2020, Eigen-CAM; centred as in pytorch-grad-cam. The sign of a singular vector is
    arbitrary: the library leaves it to LAPACK, here the end that is farther from 0 is positive (Chung and Ying 2025,
    equation 13).
    """

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps at the size of the layer, as `explain.protocol.Method` says: one, for every class."""
        with self.layer_pass(images, classes) as kept:
            component = first_component(kept.activations)
        flip = component.amin(dim=(1, 2)).abs() > component.amax(dim=(1, 2)).abs()
        maps = finished([torch.where(flip[:, None, None], -component, component)])[0]
        return [np.repeat(one[None], len(asked), axis=0) for one, asked in zip(maps, classes, strict=True)]


def eigengradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return the first principal component of g_k A_k over the channels k, (N, h, w) of (N, C, h, w) each.

    Source: pytorch-grad-cam's EigenGradCAM, after Muhammad and Yeasin 2020. It leaves the sign to LAPACK; here a map
    rises where the sum over the channels, which is HiResCAM, rises.
    """
    products = gradients * activations
    component, total = first_component(products), products.sum(dim=1)
    along = (component * (total - total.mean(dim=(1, 2), keepdim=True))).sum(dim=(1, 2))
    return torch.where(along[:, None, None] < 0, -component, component)


def first_component(activations: Tensor) -> Tensor:
    """Return (N, h, w): the projection of (N, C, h, w) on its first principal component, one for each of N.

    Its sign is LAPACK's choice. Where anything is NaN or infinite, all of the projection is NaN.
    """
    places = activations.detach().flatten(2).transpose(1, 2).double()  # (N, h w, C)
    places = places - places.mean(dim=1, keepdim=True)
    finite = places.isfinite().all(dim=(1, 2), keepdim=True)
    places = torch.where(finite, places, 0.0)  # LAPACK takes no others
    left, values, _ = torch.linalg.svd(places, full_matrices=False)
    projection = left[..., 0] * values[..., :1]  # what the places' projection on the right singular vector comes to
    maps: Tensor = torch.where(finite[..., 0], projection, torch.nan).reshape(len(activations), *activations.shape[2:])
    return maps.float()


_NO_ZERO = "it is the middle of the layer's values"
ROWS = (
    MethodRow(
        "eigencam", "Eigen-CAM", "method", "class activation", EigenCam, LayerSettings, "bilinear", signed=True,
        images_at_once=16, cost="1 forward, whatever K", source="Muhammad and Yeasin 2020",
        note="the same map for every class: what the layer reacts to, not what speaks for a part",
        claims=("place",), no_zero=_NO_ZERO, reference="explain.references.by_grad_cam:eigencam",
    ),
    weighted_row(
        "eigengradcam", "EigenGrad-CAM", eigengradcam, ("place", "class"), no_zero=_NO_ZERO,
        source="Gildenblat et al. 2021, pytorch-grad-cam",
        note="what most of the channels' products with their gradients have in common; what other channels say is lost",
    ),
)  # fmt: skip
