"""LIME by the lime library, called as its documentation does: with a picture and a function that classifies."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from lime.lime_image import LimeImageExplainer
from lime.wrappers.scikit_image import SegmentationAlgorithm
from numpy.typing import NDArray
from torch import Tensor, nn

from explain.perturbation.lime import LimeSettings
from explain.perturbation.segments import SegmentSettings
from explain.protocol import device_of, to_picture
from explain.references.reference import Reference


def _maps(model: nn.Module, settings: LimeSettings, image: Tensor, classes: Sequence[int]) -> NDArray[Any]:
    """Return each class's coefficients painted on the superpixels, (K, H, W); of logits, as ours."""
    device, dtype = device_of(model), next(model.parameters()).dtype

    def logits(pictures: NDArray[Any]) -> NDArray[Any]:
        normalised = (pictures - np.array(settings.mean)) / np.array(settings.std)
        with torch.inference_mode():
            batch = torch.from_numpy(normalised.transpose(0, 3, 1, 2)).float().to(device, dtype)
            return np.asarray(model(batch).cpu().numpy())

    explainer = LimeImageExplainer(
        kernel_width=settings.kernel_width,
        feature_selection=settings.feature_selection,
        random_state=np.random.RandomState(settings.seed),
    )
    color = settings.hide_color
    explanation = explainer.explain_instance(
        to_picture(image, settings),
        logits,
        labels=tuple(classes),
        top_labels=None,
        hide_color=None if color == "superpixel" else settings.mean if color == "mean" else color,
        num_features=settings.num_features,
        num_samples=settings.num_samples,
        segmentation_fn=segmentation(settings),
        # Without one the library draws a number to seed its segmentation with, and all masks are others.
        random_seed=None if settings.draw_seed_first else 0,
    )
    painted = np.zeros((len(classes), explanation.segments.max() + 1))
    for values, index in zip(painted, classes, strict=True):
        for segment, coefficient in explanation.local_exp[index]:
            values[segment] = coefficient
    return np.asarray(painted[:, explanation.segments])


def segmentation(settings: SegmentSettings) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return the library's segmentation by `settings`."""
    parameters: dict[str, dict[str, float]] = {
        "quickshift": {"kernel_size": settings.kernel_size, "max_dist": settings.max_dist, "ratio": settings.ratio},
        # From 0: the library counts superpixels from there, and would never hide the last.
        "slic": {"n_segments": settings.n_segments, "compactness": settings.compactness, "start_label": 0},
        "felzenszwalb": {"scale": settings.scale, "sigma": settings.sigma, "min_size": settings.min_size},
    }
    algorithm: Callable[[NDArray[Any]], NDArray[Any]] = SegmentationAlgorithm(
        settings.segmentation, **parameters[settings.segmentation]
    )
    return algorithm


lime = Reference("lime", _maps)
