"""LIME against the lime library as it is published, and what must not depend on company."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from explain.methods import create_method

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lime.lime_image import LimeImageExplainer

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


class Weighs(nn.Module):
    """Two logits that are weighted sums of the pixels: exact, and the same in any batch."""

    def __init__(self) -> None:
        super().__init__()
        weights = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
        self.weights = nn.Parameter(weights)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        terms = images.double()[:, None] * self.weights
        return terms.sum(dim=(2, 3, 4))


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    rng = np.random.default_rng(0)
    pictures = np.zeros((3, 32, 32, 3))
    for picture in pictures:
        for row in range(0, 32, 8):
            for column in range(0, 32, 8):
                picture[row : row + 8, column : column + 8] = rng.random(3)
    pictures = np.clip(pictures + rng.normal(scale=0.04, size=pictures.shape), 0, 1)
    normalised = (pictures - np.array(MEAN)) / np.array(STD)
    return torch.from_numpy(normalised.transpose(0, 3, 1, 2)).float().contiguous()


@pytest.mark.parametrize("hide_color", [None, 0.5])
@pytest.mark.parametrize("num_features", [100000, 8, 3])
def test_equals_the_library(images: torch.Tensor, hide_color: float | None, num_features: int) -> None:
    model = Weighs()
    method = create_method(
        "lime", model, mean=MEAN, std=STD, num_samples=60, max_dist=10, seed=3, hide_color=hide_color,
        num_features=num_features,
    )  # fmt: skip
    (maps,) = method.attribute(images[:1], [[2, 0]])
    segments = method.segments(images[0])  # type: ignore[attr-defined]
    assert segments.max() >= 8

    def logits(pictures: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(pictures).permute(0, 3, 1, 2)).numpy()

    hidden = None if hide_color is None else ((hide_color - np.array(MEAN)) / np.array(STD)).astype(np.float32)
    explanation = LimeImageExplainer(random_state=np.random.RandomState(3)).explain_instance(
        images[0].permute(1, 2, 0).numpy(), logits, labels=(2, 0), top_labels=None, hide_color=hidden,
        num_features=num_features, num_samples=60, segmentation_fn=lambda _: segments, random_seed=0,
    )  # fmt: skip
    for found, label in zip(maps, (2, 0), strict=True):
        expected = np.zeros(segments.max() + 1)
        for segment, coefficient in explanation.local_exp[label]:
            expected[segment] = coefficient
        np.testing.assert_allclose(found, expected[segments].astype(np.float32), rtol=1e-6, atol=1e-10)


def test_segments_are_those_of_the_picture_and_count_from_zero(images: torch.Tensor) -> None:
    method = create_method("lime", Weighs(), mean=MEAN, std=STD, max_dist=10)
    segments = method.segments(images[0])  # type: ignore[attr-defined]
    assert sorted(np.unique(segments)) == list(range(segments.max() + 1))
    assert segments.shape == (32, 32)


def test_neither_order_nor_batch_nor_other_classes_matter(images: torch.Tensor) -> None:
    settings = {"mean": MEAN, "std": STD, "num_samples": 40, "max_dist": 10}
    method = create_method("lime", Weighs(), **settings)
    maps = method.attribute(images, [[0], [1, 2], [0, 1]])
    turned = method.attribute(images.flip(0), [[1, 0], [2], [0]])
    np.testing.assert_array_equal(maps[0], turned[2])
    np.testing.assert_array_equal(maps[1][1], turned[1][0])
    np.testing.assert_array_equal(maps[2], turned[0][::-1])
    small = create_method("lime", Weighs(), **settings, batch_size=7).attribute(images[:1], [[0]])
    np.testing.assert_allclose(small[0], maps[0], rtol=1e-6)


def test_no_class_asked_for_gives_no_map(images: torch.Tensor) -> None:
    (maps,) = create_method("lime", Weighs()).attribute(images[:1], [[]])
    assert maps.shape == (0, 32, 32)


def test_nothing_is_printed(images: torch.Tensor, capfd: pytest.CaptureFixture[str]) -> None:
    create_method("lime", Weighs(), num_samples=5).attribute(images[:1], [[0]])
    assert capfd.readouterr() == ("", "")
