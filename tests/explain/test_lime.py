"""LIME against the lime library as it is published, and what must not depend on company."""

import re
import warnings

import numpy as np
import pytest
import torch
from skimage.segmentation import quickshift
from sklearn.metrics import pairwise_distances
from torch import nn

from core.errors import BrickbenchError
from explain.linear_models import coefficient_rows, model_rows
from explain.memory import BatchSize
from explain.methods import create_method
from explain.perturbation.lime import Lime
from explain.perturbation.linear_model import Selection, draw_masks, fit_linear_models, proximity
from explain.perturbation.perturbed import Perturbed
from explain.perturbation.segments import SegmentSettings, hidden_picture

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lime.lime_base import LimeBase
    from lime.lime_image import ImageExplanation, LimeImageExplainer

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


class Weighs(nn.Module):
    """Three logits that bend, of weighted sums of the pixels: exact, and the same in any batch."""

    def __init__(self, size: int = 32) -> None:
        super().__init__()
        weights = torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
        self.weights = nn.Parameter(weights / size)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        sums = (images.double()[:, None] * self.weights).sum(dim=(2, 3, 4))
        return torch.tanh(sums) + sums**2 / 5


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


def by_the_library(
    image: torch.Tensor, segments: np.ndarray, label: int, seed: int, selection: str = "auto", **settings: object
) -> ImageExplanation:
    model = Weighs(image.shape[-1])

    def logits(pictures: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(pictures).permute(0, 3, 1, 2)).numpy()

    explainer = LimeImageExplainer(random_state=np.random.RandomState(seed), feature_selection=selection)
    return explainer.explain_instance(
        image.permute(1, 2, 0).numpy(), logits, labels=(label,), top_labels=None,
        segmentation_fn=lambda _: segments, **settings,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("place", "selection", "num_features"),
    [(0, "auto", 100000), (1, "auto", 100000), (2, "auto", 8), (0, "auto", 3), (1, "highest_weights", 4),
     (2, "forward_selection", 5), (1, "lasso_path", 5), (0, "none", 2)],
)  # fmt: skip
def test_equals_the_library(images: torch.Tensor, place: int, selection: str, num_features: int) -> None:
    shared = {"num_samples": 60, "num_features": num_features}
    method = create_method(
        "lime", Weighs(), preset="lime", mean=MEAN, std=STD, max_dist=10, seed=place, feature_selection=selection,
        **shared,
    )  # fmt: skip
    assert isinstance(method, Lime)
    found = method.explain(images[place], [2, 0])
    assert found.segments.max() >= 8
    for model, label in zip(found.models, (2, 0), strict=True):
        expected = by_the_library(images[place], found.segments, label, place, selection, **shared)
        assert list(model.used) == [segment for segment, _ in expected.local_exp[label]]
        coefficients = [model.coefficients[segment] for segment in model.used]
        np.testing.assert_allclose(coefficients, [value for _, value in expected.local_exp[label]], rtol=0, atol=1e-10)
        assert np.count_nonzero(model.coefficients) <= len(model.used)
        assert model.intercept == pytest.approx(expected.intercept[label], abs=1e-10)
        assert model.score == pytest.approx(expected.score, abs=1e-10)
        assert model.prediction == pytest.approx(expected.local_pred[0], abs=1e-10)


@pytest.mark.parametrize("color", [0.5, (0.1, 0.2, 0.9)])
def test_equals_the_library_with_a_colour_and_a_seed_for_the_segmentation(images: torch.Tensor, color: object) -> None:
    settings = {"max_dist": 10, "num_samples": 50, "seed": 4, "kernel_size": 4}
    method = create_method("lime", Weighs(), mean=MEAN, std=STD, hide_color=color, **settings)
    (found,) = method.attribute(images[:1], [[1]])
    hidden = ((np.array(color) - np.array(MEAN)) / np.array(STD)).astype(np.float32)
    segments = method.explain(images[0], [1]).segments  # type: ignore[attr-defined]
    expected = by_the_library(images[0], segments, 1, 4, hide_color=hidden, num_samples=50, random_seed=7)
    painted = np.zeros(segments.max() + 1)
    for segment, coefficient in expected.local_exp[1]:
        painted[segment] = coefficient
    np.testing.assert_array_equal(found[0], painted.astype(np.float32)[segments])


def test_the_lime_preset_is_the_library_called_with_nothing_but_a_picture() -> None:
    rng = np.random.default_rng(3)
    picture = np.kron(rng.random((4, 4, 3)), np.ones((12, 12, 1))) * 0.8 + rng.random((48, 48, 3)) * 0.1
    image = torch.from_numpy(picture.transpose(2, 0, 1)).float()
    method = create_method("lime", Weighs(48), preset="lime", mean=(0, 0, 0), std=(1, 1, 1), num_samples=40, seed=9)
    found = method.explain(image, [0, 1])  # type: ignore[attr-defined]
    explainer = LimeImageExplainer(random_state=np.random.RandomState(9))
    expected = explainer.explain_instance(
        image.permute(1, 2, 0).double().numpy(),
        lambda pictures: Weighs(48)(torch.from_numpy(pictures).permute(0, 3, 1, 2)).detach().numpy(),
        labels=(0, 1), top_labels=None, num_samples=40,
    )  # fmt: skip
    np.testing.assert_array_equal(found.segments, expected.segments)
    for model, label in zip(found.models, (0, 1), strict=True):
        for segment, coefficient in expected.local_exp[label]:
            # Means of superpixels are float32 here, as the picture is, and float64 there.
            assert model.coefficients[segment] == pytest.approx(coefficient, abs=1e-6)


def test_masks_and_pictures_are_the_librarys_to_the_last_bit(images: torch.Tensor) -> None:
    image = images[1].permute(1, 2, 0).numpy()
    segments = np.arange(16).reshape(4, 4).repeat(8, 0).repeat(8, 1)
    hidden = hidden_picture(image, segments, SegmentSettings(hide_color="superpixel"))
    asked: list[np.ndarray] = []

    def classifier(pictures: np.ndarray) -> np.ndarray:
        asked.append(pictures)
        return np.zeros((len(pictures), 1))

    explainer = LimeImageExplainer(random_state=np.random.RandomState(8))
    data, _ = explainer.data_labels(image, hidden, segments, classifier, 30)
    masks = draw_masks(30, 16, np.random.RandomState(8))
    np.testing.assert_array_equal(masks, data)
    found = Perturbed(images[1], segments, SegmentSettings(hide_color="superpixel"), torch.device("cpu")).compose(masks)
    np.testing.assert_array_equal(found.permute(0, 2, 3, 1), np.concatenate(asked))


def test_weights_are_the_librarys_of_cosine_distances() -> None:
    masks = np.random.default_rng(0).random((40, 9)) < 0.5
    masks[0], masks[1] = True, False
    distances = pairwise_distances(masks.astype(float), np.ones((1, 9)), metric="cosine").ravel()
    expected = LimeImageExplainer().base.kernel_fn(distances)
    np.testing.assert_allclose(proximity(masks), expected, rtol=1e-12)
    np.testing.assert_allclose(proximity(masks), np.exp(-((1 - np.sqrt(masks.mean(1))) ** 2) / (2 * 0.25**2)))


@pytest.mark.parametrize("selection", ["auto", "highest_weights", "forward_selection", "lasso_path", "none"])
@pytest.mark.parametrize("num_features", [1, 6, 7, 10, 30])
def test_linear_models_are_the_librarys(selection: Selection, num_features: int) -> None:
    rng = np.random.default_rng(num_features)
    masks = draw_masks(60, 10, np.random.RandomState(num_features))
    outputs = masks @ rng.normal(size=(10, 2)) + rng.normal(size=(60, 2))
    weights = proximity(masks)
    models = fit_linear_models(masks, outputs, weights, num_features=num_features, selection=selection)
    base = LimeBase(lambda distances: distances, random_state=np.random.RandomState(0))
    for label, model in enumerate(models):
        intercept, pairs, score, prediction = base.explain_instance_with_data(
            masks.astype(float), outputs, weights, label, num_features, feature_selection=selection
        )
        assert list(model.used) == [segment for segment, _ in pairs]
        values = [model.coefficients[segment] for segment in model.used]
        np.testing.assert_allclose(values, [value for _, value in pairs], rtol=0, atol=1e-10)
        found = (model.intercept, model.score, model.prediction)
        np.testing.assert_allclose(found, (intercept, score, prediction[0]), rtol=0, atol=1e-10)


def test_presets_fill_what_is_not_given(images: torch.Tensor) -> None:
    ours = create_method("lime", Weighs()).settings
    library = create_method("lime", Weighs(), preset="lime", hide_color=0.5).settings
    assert (ours.kernel_size, ours.hide_color) == (2, "mean")  # type: ignore[attr-defined]
    plain = create_method("lime", Weighs(), preset="lime").settings
    assert (plain.kernel_size, plain.hide_color) == (4, "superpixel")  # type: ignore[attr-defined]
    assert (library.kernel_size, library.hide_color) == (4, 0.5)  # type: ignore[attr-defined]
    assert type(library).parse(library.model_dump()) == library


def test_neither_order_nor_batch_nor_other_classes_matter(images: torch.Tensor) -> None:
    settings = {"mean": MEAN, "std": STD, "num_samples": 40, "max_dist": 10}
    method = create_method("lime", Weighs(), **settings)
    maps = method.attribute(images, [[0], [1, 2], [0, 1]])
    turned = method.attribute(images.flip(0), [[1, 0], [2], [0]])
    for one, other in ((maps[0], turned[2]), (maps[1][1], turned[1][0]), (maps[2], turned[0][::-1])):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-12)
    small = create_method("lime", Weighs(), **settings)
    small.batch = BatchSize(7, "pictures")  # type: ignore[attr-defined]
    np.testing.assert_allclose(small.attribute(images[:1], [[0]])[0], maps[0], rtol=1e-6)


def test_no_class_asked_for_gives_no_map(images: torch.Tensor) -> None:
    (maps,) = create_method("lime", Weighs()).attribute(images[:1], [[]])
    assert maps.shape == (0, 32, 32)


def test_own_superpixels_are_taken_and_checked(images: torch.Tensor) -> None:
    method = create_method("lime", Weighs(), num_samples=20)
    assert isinstance(method, Lime)
    quarters = np.arange(4).reshape(2, 2).repeat(16, 0).repeat(16, 1)
    assert method.explain(images[0], [0], quarters).models[0].coefficients.shape == (4,)
    message = re.escape(
        "Labels of superpixels should be 0, 1, … without gaps; they are 1, 2, 3, 4. "
        "Number them with numpy.unique(segments, return_inverse=True)."
    )
    with pytest.raises(BrickbenchError, match=f"^{message}$"):
        method.explain(images[0], [0], quarters + 1)


def test_the_network_is_given_back_as_it_was(images: torch.Tensor) -> None:
    model = Weighs().train()
    with pytest.raises(BrickbenchError, match=r"^Class 3 was asked for; the network has classes 0 to 2\.$"):
        create_method("lime", model, num_samples=5).attribute(images[:1], [[3]])
    assert model.training
    assert model.weights.requires_grad


def test_segments_are_scikit_images(images: torch.Tensor) -> None:
    method = create_method("lime", Weighs(), mean=MEAN, std=STD, segmentation="quickshift", max_dist=10)
    found = method.explain(images[0], [0]).segments  # type: ignore[attr-defined]
    picture = images[0].double().permute(1, 2, 0).numpy() * np.array(STD) + np.array(MEAN)
    np.testing.assert_array_equal(found, quickshift(picture.clip(0, 1), kernel_size=2, max_dist=10, ratio=0.2))


def test_nothing_is_printed(images: torch.Tensor, capfd: pytest.CaptureFixture[str]) -> None:
    create_method("lime", Weighs(), num_samples=5).attribute(images[:1], [[0]])
    assert capfd.readouterr() == ("", "")


def test_models_are_told_in_rows(images: torch.Tensor) -> None:
    method = create_method("lime", Weighs(), num_samples=30, num_features=2, hide_color="superpixel")
    quarters = np.arange(4).reshape(2, 2).repeat(16, 0).repeat(16, 1)
    found = method.explain(images[0], [0, 1], quarters)  # type: ignore[attr-defined]
    first, second = model_rows(found, ["3001", "3003"])
    assert (first["part"], second["part"], first["superpixels"]) == ("3001", "3003", 2)
    expected = by_the_library(images[0], quarters, 0, 0, num_samples=30, num_features=2, random_seed=1)
    assert first["intercept"] == pytest.approx(expected.intercept[0], abs=1e-10)
    assert first["score"] == pytest.approx(expected.score, abs=1e-10)
    assert first["prediction"] == pytest.approx(expected.local_pred[0], abs=1e-10)
    assert first["for"] + first["against"] == 2  # type: ignore[operator]
    rows = coefficient_rows(found, ["3001", "3003"], top=1)
    strongest = found.models[1].used[0]
    assert rows[1] == {
        "part": "3003", "superpixel": strongest, "coefficient": found.models[1].coefficients[strongest],
        "x_px": 7.5 + 16 * (strongest % 2), "y_px": 7.5 + 16 * (strongest // 2), "area": "25.0%",
    }  # fmt: skip
