"""Measures that change pixels, against brute force, other libraries and hand-worked cases."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from pytorch_grad_cam.metrics import road as peer_road
from pytorch_grad_cam.metrics.cam_mult_image import CamMultImageConfidenceChange, IncreaseInConfidence
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from core.errors import SettingsError
from evaluation.faithfulness import linear, removal
from evaluation.faithfulness.deletion import (
    DeletionSettings,
    FlippingSettings,
    InsertionSettings,
    RoadSettings,
    deletion,
    insertion,
    pixel_flipping,
    road,
)
from evaluation.faithfulness.drop import DropSettings, average_drop, increase_in_confidence
from evaluation.faithfulness.linear import impute
from evaluation.faithfulness.network import Network
from evaluation.faithfulness.order import cell_numbers, importance_ranks, noise_maps
from evaluation.faithfulness.protocol import Maps
from evaluation.faithfulness.removal import REMOVALS, blurred, find_removal
from evaluation.faithfulness.sensitivity_n import SensitivityNSettings, sensitivity_n

MEAN, STD = (0.5, 0.4, 0.3), (0.25, 0.2, 0.3)
Make = Callable[..., Maps]


def say(maps: Maps, row: int, picture: Tensor, output: str = "probability") -> float:
    with torch.no_grad():
        logit = maps.network.model(picture[None])[0, int(maps.classes[row])]
    return float(torch.sigmoid(logit) if output == "probability" else logit)


class Share(nn.Module):
    """The one logit grows with the sum of the first channel."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, images: Tensor) -> Tensor:
        return self.factor * images[:, :1].sum(dim=(2, 3))


def test_deletion_is_the_area_under_a_loop_over_single_pixels(asked: Make) -> None:
    maps = asked(size=6)
    found, _ = deletion(maps, DeletionSettings(steps=36))
    for row, image in enumerate(maps.images):
        picture, heights = image.clone(), [say(maps, row, image)]
        for place in np.argsort(-maps.maps[row].ravel()):
            picture[:, place // 6, place % 6] = 0
            heights.append(say(maps, row, picture))
        assert found[row] == pytest.approx((sum(heights) - heights[0] / 2 - heights[-1] / 2) / 36, abs=1e-6)


def test_insertion_is_the_area_under_a_loop_from_the_blurred_picture(asked: Make) -> None:
    maps = asked(size=12)
    found, _ = insertion(maps, InsertionSettings(steps=9))
    soft = blurred(maps.images)
    for row, image in enumerate(maps.images):
        order, heights = np.argsort(-maps.maps[row].ravel()), []
        for step in range(10):
            picture = soft[row].clone()
            for place in order[: 16 * step]:
                picture[:, place // 12, place % 12] = image[:, place // 12, place % 12]
            heights.append(say(maps, row, picture))
        assert found[row] == pytest.approx((sum(heights) - heights[0] / 2 - heights[-1] / 2) / 9, abs=1e-6)


def test_deletion_of_a_hand_worked_picture() -> None:
    # Four pixels of value 1; the logit is their sum. The map's order removes one after the other whatever it is, so
    # heights are s(4), s(3), s(2), s(1), s(0), and an eight-fold pixel changes which order is right.
    image = torch.zeros(1, 3, 2, 2)
    image[0, 0] = torch.tensor([[8.0, 1.0], [1.0, 1.0]])
    network = Network(Share(1.0), MEAN, STD, 4)

    def s(logit: float) -> float:
        return 1 / (1 + float(np.exp(-logit)))

    right = Maps(network, image, np.array([0]), np.array([[[9.0, 3.0], [2.0, 1.0]]]))
    wrong = Maps(network, image, np.array([0]), np.array([[[1.0, 3.0], [2.0, 9.0]]]))
    one = (s(11) / 2 + s(3) + s(2) + s(1) + s(0) / 2) / 4
    other = (s(11) / 2 + s(10) + s(9) + s(8) + s(0) / 2) / 4
    assert deletion(right, DeletionSettings(steps=4))[0][0] == pytest.approx(one, abs=1e-6)
    assert deletion(wrong, DeletionSettings(steps=4))[0][0] == pytest.approx(other, abs=1e-6)


def test_pixel_flipping_is_the_mean_fall_of_a_loop_over_cells(asked: Make) -> None:
    maps = asked(size=12)
    settings = FlippingSettings(cell_px=5, share=0.5, seed=3)  # 3 x 3 cells, those at two borders 2 pixels wide
    found, _ = pixel_flipping(maps, settings)
    noise = REMOVALS["noise"](maps.images, maps.network, 3)
    everywhere = torch.ones(1, 12, 12, dtype=torch.bool)
    for row, image in enumerate(maps.images):
        paint = noise(torch.tensor([row]), everywhere)[0]
        corners = [(top, left) for top in (0, 5, 10) for left in (0, 5, 10)]
        means = [maps.maps[row, top : top + 5, left : left + 5].mean() for top, left in corners]
        picture, falls = image.clone(), [0.0]
        for place in np.argsort(means)[::-1][:4]:  # round(0.5 * 9) is 4
            top, left = corners[place]
            picture[:, top : top + 5, left : left + 5] = paint[:, top : top + 5, left : left + 5]
            falls.append(say(maps, row, image, "logit") - say(maps, row, picture, "logit"))
        assert found[row] == pytest.approx(np.mean(falls), abs=1e-5)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
@pytest.mark.parametrize("kind", ["scattered", "holes"])
@pytest.mark.parametrize(("residual", "error"), [(3e-7, 5e-4), (linear.RESIDUAL, 1e-2)])
def test_linear_imputation_is_that_of_the_authors(
    share: float, kind: str, residual: float, error: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "RESIDUAL", residual)
    rng = np.random.default_rng(4)
    images = torch.from_numpy(rng.normal(0, 1, (3, 3, 33, 40)).astype(np.float32))
    noise = rng.random((3, 33, 40))
    if kind == "holes":
        noise = np.stack([gaussian_filter(one, 4) for one in noise])
    missing = torch.from_numpy(noise <= np.quantile(noise, share, axis=(1, 2), keepdims=True))
    found = impute(images, missing)
    for image, gone, filled in zip(images, missing, found, strict=True):
        expected = peer_road.NoisyLinearImputer(noise=0.0)(image, (~gone).float())
        torch.testing.assert_close(filled, expected, atol=error, rtol=0)
        assert torch.equal(filled[:, ~gone], image[:, ~gone])


def test_linear_imputation_without_any_or_all_pixels() -> None:
    images = torch.ones(2, 3, 5, 5)
    missing = torch.zeros(2, 5, 5, dtype=torch.bool)
    missing[1] = True
    assert torch.equal(impute(images, missing)[0], images[0])
    assert torch.equal(impute(images, missing)[1], torch.zeros(3, 5, 5))


def test_road_is_combined_as_in_pytorch_grad_cam(asked: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = asked(count=2, size=20)
    cams = (maps.maps - maps.maps.min()) / np.ptp(maps.maps)
    monkeypatch.setattr(removal, "LINEAR_NOISE", 0.0)
    monkeypatch.setattr(peer_road.NoisyLinearImputer.__init__, "__defaults__", (0.0, peer_road.neighbors_weights))

    class Probabilities(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.sigmoid(maps.network.model(images))

    # A percentile of 20 leaves the 20 % of the pixels below it; with ours it is a share of 0.8 that goes.
    found, chance = road(maps, RoadSettings(shares=(0.8, 0.5, 0.2)))
    targets = [ClassifierOutputTarget(int(index)) for index in maps.classes]
    expected = peer_road.ROADCombined(percentiles=[20, 50, 80])(
        maps.images, cams.astype(np.float64), targets, Probabilities()
    )
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert chance.tolist() == [0.0, 0.0]


def test_road_of_noise_and_of_its_negative_are_opposite(asked: Make) -> None:
    maps = asked()
    turned = Maps(maps.network, maps.images, maps.classes, -maps.maps)
    np.testing.assert_allclose(road(maps, RoadSettings())[0], -road(turned, RoadSettings())[0], atol=1e-6)


def test_drop_and_increase_are_those_of_pytorch_grad_cam(asked: Make) -> None:
    maps = asked(count=6)
    settings = DropSettings(fade_to="mean")
    masks = (np.maximum(maps.maps, 0) / maps.maps.max(axis=(1, 2), keepdims=True)).astype(np.float32)

    class Probabilities(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.sigmoid(maps.network.model(images))

    arguments = (maps.images, masks, [ClassifierOutputTarget(int(index)) for index in maps.classes], Probabilities())
    change = CamMultImageConfidenceChange()(*arguments)
    whole = np.array([say(maps, row, image) for row, image in enumerate(maps.images)])
    np.testing.assert_allclose(average_drop(maps, settings)[0], np.maximum(-change, 0) / whole, atol=1e-6)
    increased = increase_in_confidence(maps, settings)[0]
    np.testing.assert_array_equal(increased, IncreaseInConfidence()(*arguments))
    assert set(increased) == {0.0, 1.0}


def test_drop_fades_to_black_as_in_the_paper(asked: Make) -> None:
    maps = asked(count=1)
    picture = maps.images[0] * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]
    share = torch.from_numpy(np.maximum(maps.maps[0], 0) / maps.maps[0].max()).float()
    shown = (picture * share - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    whole, left = say(maps, 0, maps.images[0]), say(maps, 0, shown)
    assert average_drop(maps, DropSettings())[0][0] == pytest.approx(max(0.0, whole - left) / whole, abs=1e-6)
    nothing = Maps(maps.network, maps.images, maps.classes, -np.ones((1, 12, 12)))
    assert np.isnan(average_drop(nothing, DropSettings())[0]).all()
    assert np.isnan(increase_in_confidence(nothing, DropSettings())[0]).all()


def test_sensitivity_n_is_one_for_the_exact_attribution_of_a_linear_network(asked: Make) -> None:
    maps = asked()
    weights = maps.network.model.weights.detach()  # type: ignore[union-attr,operator]
    exact = (maps.images * weights[maps.classes]).sum(dim=1).double().numpy()
    settings = SensitivityNSettings(cell_px=3, subsets=20)
    values, chance = sensitivity_n(Maps(maps.network, maps.images, maps.classes, exact), settings)
    np.testing.assert_allclose(values, 1, atol=1e-5)
    assert chance.tolist() == [0.0] * 3
    flat = Maps(maps.network, maps.images, maps.classes, np.ones((3, 12, 12)))
    assert np.isnan(sensitivity_n(flat, settings)[0]).all()


@pytest.mark.parametrize("batch", [1, 1000])
def test_nothing_depends_on_the_batch(asked: Make, batch: int) -> None:
    together, alone = asked(batch=batch), asked(batch=5)
    for compute, settings in (
        (deletion, DeletionSettings(steps=7, removal="noise")),
        (insertion, InsertionSettings(steps=7)),
        (pixel_flipping, FlippingSettings(cell_px=4)),
        (road, RoadSettings()),
        (sensitivity_n, SensitivityNSettings(cell_px=4, subsets=5)),
    ):
        found = compute(together, settings)[0]  # type: ignore[operator]
        singles = [
            compute(  # type: ignore[operator]
                Maps(
                    alone.network, alone.images[row : row + 1], alone.classes[row : row + 1], alone.maps[row : row + 1]
                ),
                settings,
            )[0][0]
            for row in range(3)
        ]
        np.testing.assert_allclose(found, singles, atol=2e-5)


def test_ties_are_drawn_anew_for_each_picture_and_no_value_is_passed_over(asked: Make) -> None:
    images = asked(count=2).images
    values = np.array([[1.0, 1.0, 5.0, 1.0, 0.0] * 8, [2.0] * 40])
    ranks = importance_ranks(values, images, seed=0)
    assert sorted(ranks[0].tolist()) == sorted(ranks[1].tolist()) == list(range(40))
    assert values[0][np.argsort(ranks[0])].tolist() == sorted(values[0], reverse=True)
    assert not np.array_equal(ranks[1], np.arange(40))
    np.testing.assert_array_equal(ranks, importance_ranks(values, images, seed=0))
    assert not np.array_equal(ranks, importance_ranks(values, images, seed=1))


def test_positive_scaling_changes_nothing(asked: Make) -> None:
    maps = asked()
    larger = Maps(maps.network, maps.images, maps.classes, maps.maps * 1e-3)
    for compute, settings in ((deletion, DeletionSettings(steps=5)), (average_drop, DropSettings())):
        np.testing.assert_allclose(compute(maps, settings)[0], compute(larger, settings)[0], rtol=1e-6)  # type: ignore[operator]


@pytest.mark.parametrize("name", REMOVALS)
def test_a_removal_changes_what_is_missing_and_nothing_else(asked: Make, name: str) -> None:
    maps = asked()
    missing = torch.zeros(2, 12, 12, dtype=torch.bool)
    missing[0, 2:7, 3:9] = True
    rows = torch.tensor([2, 0])
    found = REMOVALS[name](maps.images, maps.network, 0)(rows, missing)
    assert torch.equal(found[1], maps.images[0])
    assert torch.equal(found[0][:, ~missing[0]], maps.images[2][:, ~missing[0]])
    assert (found[0][:, missing[0]] != maps.images[2][:, missing[0]]).all()
    again = REMOVALS[name](maps.images[2:], maps.network, 0)(torch.tensor([0]), missing[:1])
    torch.testing.assert_close(again[0], found[0], atol=1e-5, rtol=0)


def test_colours_of_removals_are_colours_of_pictures(asked: Make) -> None:
    maps = asked(count=1)
    everything = torch.ones(1, 12, 12, dtype=torch.bool)

    def painted(name: str) -> Tensor:
        fill = REMOVALS[name](maps.images, maps.network, 0)
        return maps.network.shown(fill(torch.tensor([0]), everything))[0]

    torch.testing.assert_close(painted("black"), torch.zeros(3, 12, 12), atol=1e-6, rtol=0)
    torch.testing.assert_close(painted("grey"), torch.full((3, 12, 12), 0.5))
    torch.testing.assert_close(painted("mean")[:, 0, 0], torch.tensor(MEAN))
    assert 0 <= painted("noise").min() < 0.1 < 0.9 < painted("noise").max() <= 1 + 1e-6


def test_blur_is_a_gaussian_of_eleven_pixels(asked: Make) -> None:
    images = asked(count=1, size=24).images
    expected = [gaussian_filter(one, 5.0, radius=5, mode="nearest") for one in images[0].numpy()]
    np.testing.assert_allclose(blurred(images)[0].numpy(), expected, atol=1e-5)


def test_cells_at_the_border_are_what_is_left() -> None:
    assert cell_numbers(5, 2).tolist() == [
        [0, 0, 1, 1, 2], [0, 0, 1, 1, 2], [3, 3, 4, 4, 5], [3, 3, 4, 4, 5], [6, 6, 7, 7, 8]
    ]  # fmt: skip


def test_noise_differs_by_picture_and_class(asked: Make) -> None:
    images = asked(count=2).images
    one, other = noise_maps(images, np.array([0, 0]), 0)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, noise_maps(images, np.array([1, 0]), 0)[0])
    assert np.array_equal(other, noise_maps(images[1:], np.array([0]), 0)[0])


def test_an_unknown_removal_is_told() -> None:
    with pytest.raises(
        SettingsError, match=r"^There is no removal 'blurr' \(did you mean 'blur'\?\); known are mean, "
    ):
        find_removal("blurr")
