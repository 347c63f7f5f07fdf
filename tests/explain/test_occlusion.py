"""Occlusion against captum's."""

import numpy as np
import pytest
import torch
from captum.attr import Occlusion as Captum
from torch import nn

from core.errors import SettingsError
from explain.memory import BatchSize
from explain.methods import create_method
from training.network.models import create_model


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return create_model("bricknet", 4, width=0.05, stem_stride=2).eval()


@pytest.mark.parametrize(
    ("window", "stride", "size"),
    [(16, 8, (48, 64)), (10, 7, (48, 40)), (9, 9, (37, 47)), (36, 36, (36, 40))],
)  # fmt: skip
def test_equals_captum(network: nn.Module, window: int, stride: int, size: tuple[int, int]) -> None:
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    method = create_method("occlusion", network, window_px=window, stride_px=stride)
    for found, image, wanted in zip(method.attribute(images, [[3, 0], [2]]), images, [[3, 0], [2]], strict=True):
        for one, target in zip(found, wanted, strict=True):
            with torch.no_grad():
                expected = Captum(network).attribute(
                    image[None], target=target, sliding_window_shapes=(3, window, window), strides=(3, stride, stride)
                )[0]
            for channel in expected:
                np.testing.assert_allclose(one, channel.numpy(), atol=1e-5 * max(1, float(channel.abs().max())))


def test_equals_captum_with_a_colour(network: nn.Module) -> None:
    images = torch.randn(1, 3, 40, 40, generator=torch.Generator().manual_seed(2))
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.5)
    method = create_method("occlusion", network, mean=mean, std=std, hide_color=(0.6, 0.5, 0.1))
    baseline = torch.tensor([1.0, 0.0, -1.0])[:, None, None].expand(1, 3, 40, 40)
    with torch.no_grad():
        expected = Captum(network).attribute(
            images, target=1, sliding_window_shapes=(3, 16, 16), strides=(3, 8, 8), baselines=baseline
        )
    np.testing.assert_allclose(method.attribute(images, [[1]])[0][0], expected[0, 0].numpy(), atol=1e-5)


def test_batches_do_not_matter(network: nn.Module) -> None:
    images = torch.randn(1, 3, 40, 40, generator=torch.Generator().manual_seed(3))
    whole, cut = (create_method("occlusion", network) for _ in range(2))
    cut.batch = BatchSize(3, "pictures")  # type: ignore[attr-defined]
    np.testing.assert_allclose(cut.attribute(images, [[1]])[0], whole.attribute(images, [[1]])[0], atol=1e-5)


def test_windows_that_do_not_fit_are_refused(network: nn.Module) -> None:
    message = r"^Windows of 4 pixels every 5 pixels leave gaps: stride_px should be at most window_px\.$"
    with pytest.raises(SettingsError, match=message):
        create_method("occlusion", network, window_px=4, stride_px=5)
    method = create_method("occlusion", network, window_px=20)
    with pytest.raises(SettingsError, match=r"^A window of 20 pixels does not fit into pictures of \(16, 32\)\.$"):
        method.attribute(torch.zeros(1, 3, 16, 32), [[0]])
