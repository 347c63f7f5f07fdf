"""Superpixels of a picture: which algorithm, with which parameters, and kept so that they are computed once."""

import hashlib
import zlib
from collections import OrderedDict
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from skimage.segmentation import felzenszwalb, slic
from torch import Tensor

from core.errors import BrickbenchError
from explain.perturbation.quickshift import quickshift
from explain.protocol import PictureSettings, to_picture

Segments = NDArray[np.intp]
_KEPT_BYTES = 128 << 20
"""Superpixels kept in memory: deflated, some 80,000 pictures of 128 pixels, 25,000 of 224."""


class SegmentSettings(PictureSettings):
    """How a picture is cut into superpixels, and what a hidden one is painted with."""

    segmentation: Literal["slic", "quickshift", "felzenszwalb"] = "slic"
    """The algorithm, as scikit-image has it. Superpixels of slic keep to one thing best, so that maps find what
    is known to be there; quickshift, the paper's and the lime library's, joins parts with the floor."""
    kernel_size: float = Field(2, ge=1)
    """Quickshift: width of the smoothing kernel, in pixels; smaller gives more superpixels."""
    max_dist: float = Field(200, gt=0)
    """Quickshift: longest link between a pixel and its neighbour of higher density; 200 is no limit."""
    ratio: float = Field(0.2, ge=0, le=1)
    """Quickshift: weight of colour against place."""
    n_segments: int = Field(100, ge=1)
    """Slic: about how many superpixels."""
    compactness: float = Field(10, gt=0)
    """Slic: weight of place against colour."""
    scale: float = Field(1, gt=0)
    """Felzenszwalb: larger gives larger superpixels."""
    sigma: float = Field(0.8, ge=0)
    """Felzenszwalb: width of the smoothing before, in pixels."""
    min_size: int = Field(20, ge=1)
    """Felzenszwalb: fewest pixels of a superpixel."""
    hide_color: Literal["superpixel", "mean"] | float | tuple[float, float, float] = "mean"
    """What a hidden superpixel is painted with: ``mean``, the mean colour of the network's pictures (0 as the network
    takes it); ``superpixel``, its own mean colour, the lime library's default, which hides nothing of a face of one
    colour: of a network that counts red pixels it finds none; a grey, or red, green, blue, from 0 to 1."""


_CUT = ("segmentation", "kernel_size", "max_dist", "ratio", "n_segments", "compactness", "scale", "sigma", "min_size")


def superpixels(image: Tensor, settings: SegmentSettings) -> Segments:
    """Return the superpixels of `image` (C, H, W), normalised as `settings` say: (H, W) labels 0, 1, … without gaps.

    They are kept in memory by the picture's content and the settings, so that several methods share them.
    """
    picture = to_picture(image, settings)
    key = hashlib.sha256(picture.tobytes() + repr([getattr(settings, name) for name in _CUT]).encode()).digest()
    segments = _KEPT.get(key)
    if segments is None:
        segments = segment(picture, settings)
        _KEPT.put(key, segments)
    return segments


def segment(picture: NDArray[np.float64], settings: SegmentSettings) -> Segments:
    """Return the superpixels of `picture` (H, W, 3) in 0..1, computed anew.

    They are those of the lime library's ``SegmentationAlgorithm`` with the same parameters, but that slic's labels
    start from 0: the library counts features from 0 and slic from 1, so that its last superpixel is never hidden.
    The library's `random_seed` does not reach scikit-image, whose own default of 42 is what breaks ties.
    """
    if settings.segmentation == "quickshift":
        return quickshift(picture, kernel_size=settings.kernel_size, max_dist=settings.max_dist, ratio=settings.ratio)
    if settings.segmentation == "slic":
        labels = slic(picture, n_segments=settings.n_segments, compactness=settings.compactness, start_label=0)
    else:
        labels = felzenszwalb(picture, scale=settings.scale, sigma=settings.sigma, min_size=settings.min_size)
    return np.asarray(labels, dtype=np.intp)


def count_segments(segments: Segments) -> int:
    """Return how many superpixels there are.

    Raises:
        BrickbenchError: their labels are not 0, 1, …: each column of a perturbation's mask is one label, so that a
            gap would paint every coefficient after it on the wrong superpixel.
    """
    sizes = np.bincount(segments.ravel()) if segments.size and segments.min() >= 0 else np.zeros(1, dtype=np.intp)
    if not sizes.all():
        raise BrickbenchError(
            f"Labels of superpixels should be 0, 1, … without gaps; they are {_listed(np.unique(segments))}. "
            "Number them with numpy.unique(segments, return_inverse=True)."
        )
    return int(sizes.size)


def mean_colors(image: NDArray[np.float32], segments: Segments) -> NDArray[np.float32]:
    """Return the mean colour (S, C) of each superpixel of `image` (H, W, C), the lime library's to the last bit.

    The library takes `numpy.mean` of each superpixel's pixels in reading order, in the image's own precision.
    """
    order = np.argsort(segments.ravel(), kind="stable")
    pixels = image.reshape(-1, image.shape[2])[order]
    ends = np.cumsum(np.bincount(segments.ravel()))
    means = [[part[:, channel].mean() for channel in range(image.shape[2])] for part in np.split(pixels, ends[:-1])]
    return np.asarray(means, dtype=image.dtype)


def hidden_picture(image: NDArray[np.float32], segments: Segments, settings: SegmentSettings) -> NDArray[np.float32]:
    """Return `image` (H, W, C), as the network takes it, with every superpixel hidden as `settings.hide_color` says."""
    color = settings.hide_color
    if color == "superpixel":
        return mean_colors(image, segments)[segments]
    normalised = 0.0 if color == "mean" else settings.normalised(color, image.shape[2])
    return np.broadcast_to(np.asarray(normalised, dtype=image.dtype), image.shape)


class _Kept:
    """The superpixels used last, as many as fit into so many bytes.

    Deflated they take a twentieth, so that a night's pictures stay for the methods that come after; of 128 pixels that
    costs 0.4 ms, and 0.05 ms to read, where quickshift takes 10 to 20. On disk they are not kept: that would save later
    commands a hundredth of what they take for the forward passes.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit, self._bytes = limit_bytes, 0
        self._arrays: OrderedDict[bytes, tuple[bytes, tuple[int, ...]]] = OrderedDict()

    def get(self, key: bytes) -> Segments | None:
        if key not in self._arrays:
            return None
        self._arrays.move_to_end(key)
        deflated, shape = self._arrays[key]
        return np.frombuffer(zlib.decompress(deflated), dtype=np.uint32).reshape(shape).astype(np.intp)

    def put(self, key: bytes, segments: Segments) -> None:
        deflated = zlib.compress(segments.astype(np.uint32).tobytes())
        self._arrays[key] = deflated, segments.shape
        self._bytes += len(deflated)
        while self._bytes > self._limit:
            self._bytes -= len(self._arrays.popitem(last=False)[1][0])


_KEPT = _Kept(_KEPT_BYTES)


def _listed(labels: NDArray[np.intp]) -> str:
    text = ", ".join(map(str, labels[:4]))
    return f"{text}, … {labels[-1]}" if labels.size > 4 else text
