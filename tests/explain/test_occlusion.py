"""Occlusion against captum's."""

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import SettingsError
from explain.memory import BatchSize
from explain.methods import METHODS, create_method
from explain.references.reference import load_reference, network_copy
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
    reference = load_reference(METHODS["occlusion"].reference)
    for own, image, asked in zip(method.attribute(images, [[3, 0], [2]]), images, [[3, 0], [2]], strict=True):
        expected = reference.maps(network_copy(network), method.settings, image, asked)
        np.testing.assert_allclose(own, expected, atol=1e-5 * max(1, np.abs(expected).max()))


def test_equals_captum_with_a_colour(network: nn.Module) -> None:
    images = torch.randn(1, 3, 40, 40, generator=torch.Generator().manual_seed(2))
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.5)
    method = create_method("occlusion", network, mean=mean, std=std, hide_color=(0.6, 0.5, 0.1))
    reference = load_reference(METHODS["occlusion"].reference)
    expected = reference.maps(network_copy(network), method.settings, images[0], [1])
    np.testing.assert_allclose(method.attribute(images, [[1]])[0], expected, atol=1e-5)


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
