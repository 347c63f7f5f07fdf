"""LIME by the lime library, on quickshift superpixels, for all classes of a picture from one set of perturbations."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from lime.lime_image import LimeImageExplainer
from numpy.typing import NDArray
from pydantic import Field
from skimage.segmentation import quickshift
from torch import Tensor, nn

from explain.protocol import (
    FloatMaps,
    MethodRow,
    PictureSettings,
    borrowed,
    check_logits,
    check_request,
    device_of,
    to_picture,
)


class LimeSettings(PictureSettings):
    """Superpixels, perturbations, and the linear model; the defaults are the library's."""

    num_samples: int = Field(1000, ge=2)
    """Perturbed pictures for each picture."""
    kernel_size: float = Field(4, ge=1)
    """Quickshift: width of the smoothing kernel, in pixels."""
    max_dist: float = Field(200, gt=0)
    """Quickshift: longest link between a pixel and its neighbour of higher density."""
    ratio: float = Field(0.2, ge=0, le=1)
    """Quickshift: weight of colour against place."""
    hide_color: float | None = Field(None, ge=0, le=1)
    """What a hidden superpixel is painted with: a grey from 0 to 1, or its own mean colour (None, the library's
    default). Mean colours hide nothing of a superpixel that has one colour anyway, such as a smooth brick's face."""
    kernel_width: float = Field(0.25, gt=0)
    """How fast a perturbed picture loses weight with its cosine distance from the whole one."""
    num_features: int = Field(100000, ge=1)
    """Most superpixels in the linear model; all of them by default."""
    batch_size: int = Field(64, ge=1)
    """Perturbed pictures a forward pass; it changes speed, and values in the last digits only."""
    seed: int = Field(0, ge=0)
    """Of the perturbations. Each picture starts a fresh stream, so that order and company change nothing."""


class Lime:
    """The coefficient of each superpixel in a ridge regression of the class's logit, painted on its pixels, signed.

    Source: Ribeiro, Singh, Guestrin 2016, "Why should I trust you?"; superpixels by Vedaldi & Soatto 2008, quickshift.
    The library explains probabilities; logits are taken here, since probabilities of a sigmoid saturate.
    """

    def __init__(self, model: nn.Module, settings: LimeSettings) -> None:
        """Bind to `model`."""
        self._model = model
        self.settings = settings

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps at the size of the input, as `explain.protocol.Method` says."""
        check_request(images, classes)
        with borrowed(self._model), torch.inference_mode():
            return [self._explain(image, list(wanted)) for image, wanted in zip(images, classes, strict=True)]

    def segments(self, image: Tensor) -> NDArray[np.intp]:
        """Return the superpixels of `image` (3, H, W): (H, W) labels 0, 1, … without gaps."""
        found = quickshift(  # type: ignore[no-untyped-call]
            to_picture(image, self.settings),
            kernel_size=self.settings.kernel_size,
            max_dist=self.settings.max_dist,
            ratio=self.settings.ratio,
            rng=self.settings.seed,
        )
        # The library paints label numbers as if they were 0, 1, …: a gap would shift every coefficient after it.
        return np.asarray(np.unique(found, return_inverse=True)[1], dtype=np.intp).reshape(found.shape)

    def _explain(self, image: Tensor, classes: list[int]) -> FloatMaps:
        height, width = image.shape[1:]
        if not classes:
            return np.zeros((0, height, width), dtype=np.float32)
        settings = self.settings
        segments = self.segments(image)
        explainer = _Explainer(
            kernel_width=settings.kernel_width,
            random_state=np.random.RandomState(settings.seed),
        )
        # Perturbed as normalised values: the mean colour is the same, and the whole picture stays exactly as it was.
        explanation = explainer.explain_instance(
            image.detach().cpu().permute(1, 2, 0).numpy(),
            self._classifier(classes),
            labels=tuple(range(len(classes))),
            top_labels=None,  # anything else would override `labels`
            hide_color=self._hidden(),
            num_features=settings.num_features,
            num_samples=settings.num_samples,
            batch_size=settings.batch_size,
            segmentation_fn=lambda _: segments,
            random_seed=0,  # of the library's own segmentation, unused; None would draw from the perturbations' stream
        )
        maps = np.zeros((len(classes), height, width), dtype=np.float32)
        for place in range(len(classes)):
            coefficients = np.zeros(int(segments.max()) + 1)
            for segment, coefficient in explanation.local_exp[place]:
                coefficients[segment] = coefficient
            maps[place] = coefficients[segments]
        return maps

    def _hidden(self) -> NDArray[np.float32] | None:
        if self.settings.hide_color is None:
            return None
        grey = (self.settings.hide_color - np.array(self.settings.mean)) / np.array(self.settings.std)
        return np.asarray(grey, dtype=np.float32)

    def _classifier(self, classes: list[int]) -> Callable[[NDArray[Any]], NDArray[Any]]:
        device = device_of(self._model)

        def logits_of(pictures: NDArray[Any]) -> NDArray[Any]:
            batch = torch.from_numpy(pictures).permute(0, 3, 1, 2).to(device).contiguous()
            logits = self._model(batch)
            check_logits(logits, len(batch), [classes])
            return np.asarray(logits[:, classes].double().cpu().numpy())

        return logits_of


class _Explainer(LimeImageExplainer):  # type: ignore[misc]
    """The library's explainer without its progress bar, composing a batch of perturbed pictures at once.

    Same stream of random numbers and same pictures as the original, which takes one pass over the picture for each
    hidden superpixel.
    """

    def data_labels(
        self,
        image: NDArray[Any],
        fudged_image: NDArray[Any],
        segments: NDArray[np.intp],
        classifier_fn: Callable[[NDArray[Any]], NDArray[Any]],
        num_samples: int,
        batch_size: int = 10,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        features = int(segments.max()) + 1
        data = self.random_state.randint(0, 2, num_samples * features).reshape((num_samples, features))
        data[0, :] = 1
        shown = data.astype(bool)
        logits = [
            classifier_fn(np.where(shown[start : start + batch_size][:, segments][..., None], image, fudged_image))
            for start in range(0, num_samples, batch_size)
        ]
        return data, np.concatenate(logits)


ROW = MethodRow(
    "lime", "LIME", "method", "perturbation", Lime, LimeSettings, "nearest", signed=True, images_at_once=1,
    cost="num_samples forward passes, whatever K", source="Ribeiro et al. 2016",
    note="superpixels with signed weights; slow: num_samples forward passes a picture",
)  # fmt: skip
