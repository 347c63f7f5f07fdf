"""Ablation-CAM against a loop over channels, on networks that take a batch at the layer and on those that do not."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from explain.methods import create_method


class Plain(nn.Module):
    """A convolution, a rectifier, a residual sum across the layer, and a head that is not linear."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.conv, self.act = nn.Conv2d(3, 5, 3, padding=1), nn.Conv2d(5, 5, 3, padding=1), nn.ReLU()
        self.head = nn.Linear(5, 3)
        self.passes: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        below = self.stem(images)
        self.passes.append(len(below))
        maps = self.act(self.conv(below))
        return self.head(torch.relu_(self.joined(below, maps)).mean(dim=(2, 3)) ** 2)

    def joined(self, below: Tensor, maps: Tensor) -> Tensor:
        return maps + below


class Joining(Plain):
    """The same, which joins maps from below the layer: it needs as many of them."""

    def joined(self, below: Tensor, maps: Tensor) -> Tensor:
        return torch.stack([maps, below]).sum(dim=0)


class Counting(Plain):
    """The same, which lays maps out by the number of pictures that came in, so that a batch would be mixed up."""

    def joined(self, below: Tensor, maps: Tensor) -> Tensor:
        both = maps + below
        return both.reshape(len(below), -1, *both.shape[1:]).mean(dim=1)


def of_loop(model: nn.Module, image: Tensor, index: int) -> np.ndarray:
    """Return the sum over channels of what the logit loses without one, times the channel."""
    kept: list[Tensor] = []

    def logit(hidden: int | None) -> float:
        def hide(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
            kept.append(output.clone())
            changed = output.clone()
            if hidden is not None:
                changed[:, hidden] = 0
            return changed

        handle = model.act.register_forward_hook(hide)
        with torch.no_grad():
            value = float(model(image[None])[0, index])
        handle.remove()
        return value

    whole = logit(None)
    drops = [whole - logit(channel) for channel in range(5)]
    return np.asarray(sum(drop * kept[0][0, channel].numpy() for channel, drop in enumerate(drops)))


@pytest.mark.parametrize("kind", [Plain, Joining, Counting])
def test_equals_a_loop_over_channels(kind: type[Plain]) -> None:
    model = kind().double().eval()
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)).double()
    found = create_method("ablationcam", model, layer="act").attribute(images, [[0, 2], [1]])
    for image, asked, maps in zip(images, [[0, 2], [1]], found, strict=True):
        for index, one in zip(asked, maps, strict=True):
            np.testing.assert_allclose(one, of_loop(model, image, index), rtol=1e-5, atol=1e-8)


def test_below_the_layer_one_picture_goes_where_the_network_allows_it() -> None:
    for kind, expected in ((Plain, {1}), (Joining, {1, 5}), (Counting, {1, 5})):
        model = kind().eval()
        image = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
        create_method("ablationcam", model, layer="act").attribute(image, [[0]])
        assert set(model.passes) == expected


@pytest.mark.parametrize("kind", [Plain, Joining])
def test_a_network_that_changes_its_pictures_gets_copies(kind: type[Plain]) -> None:
    model, image = kind().eval(), torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    in_place = kind().eval()
    in_place.register_forward_pre_hook(lambda _module, inputs: inputs[0].mul_(-0.5))
    expected = create_method("ablationcam", model, layer="act").attribute(-0.5 * image, [[0]])[0]
    before = image.clone()
    found = create_method("ablationcam", in_place, layer="act").attribute(image, [[0]])[0]
    torch.testing.assert_close(image, before, rtol=0, atol=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_channels_that_are_silent_take_no_passes() -> None:
    model = Plain().eval()
    with torch.no_grad():
        model.conv.weight.zero_()
        model.conv.bias.fill_(-1.0)  # type: ignore[union-attr]
    (maps,) = create_method("ablationcam", model, layer="act").attribute(torch.randn(1, 3, 8, 8), [[0, 1]])
    assert not maps.any()
    assert len(model.passes) <= 2


def test_a_map_of_a_negative_logit_is_not_turned_round() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 2, 1, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 1)
    )
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1, 0]])[..., None, None])  # type: ignore[operator, union-attr]
        model[4].weight.copy_(torch.tensor([[1.0, -1.0]]))  # type: ignore[operator, union-attr]
        model[4].bias.fill_(-5.0)  # type: ignore[operator, union-attr]
    image = torch.zeros(1, 3, 4, 4)
    image[0, 0, 0, 0], image[0, 1, 3, 3] = 1, 1
    (maps,) = create_method("ablationcam", model, layer="1").attribute(image, [[0]])
    assert (maps[0, 0, 0], maps[0, 3, 3]) == pytest.approx((1 / 16, -1 / 16), rel=1e-4)
