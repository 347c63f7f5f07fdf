"""Superpixels against scikit-image and lime's wrapper, and what hidden ones are painted with."""

import warnings
import zlib

import numpy as np
import pytest
import torch
from scipy.ndimage import zoom
from skimage import segmentation

from core.errors import BrickbenchError
from explain.perturbation import segments as module
from explain.perturbation.density import Densities, Padded
from explain.perturbation.perturbed import Perturbed
from explain.perturbation.pieces import cut
from explain.perturbation.quickshift import quickshift
from explain.perturbation.segments import SegmentSettings, count_segments, hidden_picture, mean_colors, superpixels

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lime.wrappers.scikit_image import SegmentationAlgorithm

PLAIN = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


def picture(seed: int, height: int = 40, width: int = 56, noise: float = 0.05) -> np.ndarray:
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.random((5, 7, 3)), np.ones((8, 8, 1)))[:height, :width]
    return np.clip(blocks + rng.normal(scale=noise, size=blocks.shape), 0, 1)


def to_image(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1)).float().contiguous()


@pytest.mark.parametrize("noise", [0.0, 0.03, 0.5])
@pytest.mark.parametrize(("kernel_size", "max_dist", "ratio"), [(4, 200, 0.2), (1, 10, 1.0), (2.5, 3, 0.5)])
def test_quickshift_is_scikit_images(kernel_size: float, max_dist: float, ratio: float, noise: float) -> None:
    for seed, shape in enumerate([(24, 40), (9, 31), (23, 5)]):
        pixels = picture(seed, *shape, noise=noise)
        found = quickshift(pixels, kernel_size=kernel_size, max_dist=max_dist, ratio=ratio)
        expected = segmentation.quickshift(pixels, kernel_size=kernel_size, max_dist=max_dist, ratio=ratio)
        np.testing.assert_array_equal(found, expected)


def test_quickshift_of_one_colour_is_scikit_images() -> None:
    pixels = np.full((24, 30, 3), 0.3)
    np.testing.assert_array_equal(
        quickshift(pixels, kernel_size=2, rng=5), segmentation.quickshift(pixels, kernel_size=2, rng=5)
    )


@pytest.mark.parametrize("kernel_size", [2, 4])
def test_quickshift_of_a_smooth_picture_is_scikit_images(kernel_size: float) -> None:
    pixels = np.clip(zoom(picture(7, 10, 14, noise=0.1), (6, 6, 1), order=3), 0, 1)
    found = quickshift(pixels, kernel_size=kernel_size, max_dist=200, ratio=0.2)
    expected = segmentation.quickshift(pixels, kernel_size=kernel_size, max_dist=200, ratio=0.2)
    np.testing.assert_array_equal(found, expected)


def slow_densities(colours: np.ndarray, kernel_size: float, reach: int) -> np.ndarray:
    _, height, width = colours.shape
    found = np.zeros((height, width))
    for row, column in np.ndindex(height, width):
        top, left = max(0, row - reach), max(0, column - reach)
        near = colours[:, top : row + reach + 1, left : column + reach + 1]
        y, x = np.indices(near.shape[1:])
        squared = ((near - colours[:, row, column, None, None]) ** 2).sum(axis=0)
        squared += (y + top - row) ** 2 + (x + left - column) ** 2
        found[row, column] = np.exp(-squared / (2 * kernel_size**2)).sum()
    return found


@pytest.mark.parametrize(("kernel_size", "reach"), [(1.0, 3), (4.0, 12)])
def test_densities_are_within_their_bound_and_exact_once_settled(kernel_size: float, reach: int) -> None:
    colours = np.random.default_rng(0).normal(size=(3, 17, 21)) * 40
    colours[:, :9] /= 60
    padded = Padded(17, 21, reach)
    expected = slow_densities(colours, kernel_size, reach)
    density = Densities(colours, kernel_size, np.zeros((17, 21)), padded)

    def errors() -> np.ndarray:
        return np.abs(padded.moved(density.flat)[padded.pixels] - expected)

    assert 1e-13 < errors().max() <= density.doubt / 2 < 0.01
    some = padded.pixels[::5, 3::4].ravel()
    density.settle(some)
    assert density.doubt > 0
    assert errors()[::5, 3::4].max() < 1e-12
    density.settle(padded.pixels[:10].ravel())
    assert density.doubt == 0
    assert errors().max() < 1e-12


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("quickshift", {"kernel_size": 3, "max_dist": 6, "ratio": 0.5}), ("slic", {"n_segments": 30, "compactness": 5}),
     ("felzenszwalb", {"scale": 50, "sigma": 0.5, "min_size": 30})],
)  # fmt: skip
def test_algorithms_are_those_of_the_library(name: str, parameters: dict[str, float]) -> None:
    image = to_image(picture(1))
    found = superpixels(image, SegmentSettings(segmentation=name, **parameters, **PLAIN))
    expected = SegmentationAlgorithm(name, random_seed=3, **parameters)(image.permute(1, 2, 0).double().numpy())
    if name == "slic":
        assert expected.min() == 1  # what makes the library explain the wrong superpixels
        expected = expected - 1
    np.testing.assert_array_equal(found, expected)
    assert count_segments(found) == len(np.unique(found)) > 3


def test_superpixels_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SegmentSettings(**PLAIN, max_dist=7)
    first = superpixels(to_image(picture(2)), settings)
    monkeypatch.setattr(module, "segment", lambda *_: pytest.fail("computed again"))
    other = SegmentSettings(**PLAIN, max_dist=7, hide_color="superpixel")
    np.testing.assert_array_equal(superpixels(to_image(picture(2)), other), first)
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        superpixels(to_image(picture(2)), SegmentSettings(**PLAIN, max_dist=8))
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        superpixels(to_image(picture(3)), settings)


def test_the_store_lets_go_of_what_was_used_longest_ago() -> None:
    arrays = [np.arange(12).reshape(3, 4) + place for place in range(3)]
    sizes = [len(zlib.compress(array.astype(np.uint32).tobytes())) for array in arrays]
    kept = module._Kept(limit_bytes=sum(sizes) - 1)
    kept.put(b"0", arrays[0])
    kept.put(b"1", arrays[1])
    assert kept.get(b"0") is not None
    kept.put(b"2", arrays[2])
    assert kept.get(b"1") is None
    np.testing.assert_array_equal(kept.get(b"0"), arrays[0])
    np.testing.assert_array_equal(kept.get(b"2"), arrays[2])


@pytest.mark.parametrize("labels", [[[1, 2], [3, 4]], [[0, 2], [2, 3]], [[-1, 0], [1, 2]]])
def test_labels_with_gaps_are_refused(labels: list[list[int]]) -> None:
    with pytest.raises(BrickbenchError, match=r"^Labels of superpixels should be 0, 1, … without gaps; they are "):
        count_segments(np.array(labels))


def test_mean_colours_are_the_librarys_to_the_last_bit() -> None:
    image = picture(4).astype(np.float32)
    segments = quickshift(picture(4), kernel_size=3)
    expected = [[np.mean(image[segments == x][:, c]) for c in range(3)] for x in range(segments.max() + 1)]
    np.testing.assert_array_equal(mean_colors(image, segments), np.array(expected, dtype=np.float32))


def test_what_hidden_superpixels_are_painted_with() -> None:
    image, segments = picture(5).astype(np.float32), np.zeros((40, 56), dtype=np.intp)

    def hidden(color: object) -> np.ndarray:
        settings = SegmentSettings.parse({"hide_color": color, "mean": (0.2, 0.3, 0.4), "std": (0.1, 0.2, 0.4)})
        return hidden_picture(image, segments, settings)[7, 8]

    np.testing.assert_allclose(hidden("mean"), 0)
    np.testing.assert_allclose(hidden(0.4), [2, 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(hidden((0.3, 0.5, 0.0)), [1, 1, -1], atol=1e-6)
    np.testing.assert_allclose(hidden("superpixel"), image.mean(axis=(0, 1)), rtol=1e-5)


def test_perturbed_pictures_show_what_the_mask_says() -> None:
    image = to_image(picture(6))
    segments = np.arange(4).reshape(2, 2).repeat(20, 0).repeat(28, 1)
    masks = np.random.default_rng(0).random((21, 4)) < 0.5
    perturbed = Perturbed(image, segments, SegmentSettings(hide_color=(0.1, 0.5, 0.7), **PLAIN), torch.device("cpu"))
    colors = np.array([0.1, 0.5, 0.7], dtype=np.float32)[:, None, None]
    for part in (slice(0, 8), slice(8, 21), slice(20, 21)):
        found = perturbed.compose(masks[part]).numpy()
        np.testing.assert_array_equal(found, np.where(masks[part][:, segments][:, None], image.numpy(), colors))


@pytest.mark.parametrize(("height", "width", "superpixels"), [(16, 24, 384), (13, 11, 20), (32, 32, 200), (40, 56, 6)])
def test_any_superpixels_can_be_shown_and_hidden(height: int, width: int, superpixels: int) -> None:
    rng = np.random.default_rng(1)
    image = torch.from_numpy(rng.random((3, height, width), dtype=np.float32))
    segments = rng.permutation(np.arange(height * width) % superpixels).reshape(height, width)
    masks = rng.random((11, superpixels)) < 0.5
    perturbed = Perturbed(image, segments, SegmentSettings(hide_color=0.25, **PLAIN), torch.device("cpu"))
    found = perturbed.compose(masks).numpy()
    np.testing.assert_array_equal(found, np.where(masks[:, segments][:, None], image.numpy(), np.float32(0.25)))


def test_pieces_are_shorter_where_superpixels_are_small() -> None:
    large = np.zeros((32, 32), dtype=np.intp)
    assert cut(large).rank.shape == (32, 32)
    assert cut(np.arange(32 * 32).reshape(32, 32)).rank.shape == (256, 4)
