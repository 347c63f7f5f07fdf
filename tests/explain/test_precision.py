"""Forward passes in fewer digits: within the stated tolerance, or not taken."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import BrickbenchError
from explain.memory import BatchSize
from explain.methods import create_method
from explain.perturbation.perturbed import TOLERANCE, logits_with, settle_precision
from training.network.models import create_model

METHODS: dict[str, dict[str, Any]] = {
    "lime": {"num_samples": 200, "segmentation": "slic", "n_segments": 16, "hide_color": "mean"},
    "kernel_shap": {"num_samples": 200, "segmentation": "slic", "n_segments": 16, "hide_color": "mean"},
    "occlusion": {},
    "rise": {"num_masks": 200, "grid": 4},
}


class Steps(nn.Module):
    """Two logits: the picture's mean plus `offset`, through a matrix product, which autocast computes in few digits."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        with torch.no_grad():
            self.linear.weight.fill_(1.0)
            self.linear.bias.fill_(offset)
        self.seen: list[tuple[int, str]] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.linear(images.mean(dim=(2, 3)))
        self.seen.append((len(images), torch.backends.cudnn.conv.fp32_precision))  # type: ignore[attr-defined]
        return found


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return create_model("bricknet", 3, width=0.05, stem_stride=2).eval()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    rng = np.random.default_rng(0)
    blocks = np.kron(rng.normal(size=(1, 3, 6, 6)), np.ones((1, 1, 8, 8)))
    return torch.from_numpy(blocks + rng.normal(scale=0.1, size=blocks.shape)).float()


@pytest.mark.parametrize("name", METHODS)
def test_maps_stay_within_the_tolerance(name: str, network: nn.Module, images: torch.Tensor) -> None:
    exact, reduced = (
        create_method(name, network, precision=precision, **METHODS[name]).attribute(images, [[0, 2]])[0]
        for precision in ("float32", "bfloat16")
    )
    assert not np.array_equal(exact, reduced)
    for one, other in zip(exact, reduced, strict=True):
        assert np.abs(one - other).max() <= TOLERANCE * np.abs(one).max()


@pytest.mark.parametrize("name", METHODS)
def test_pictures_that_would_lose_too_much_are_done_in_float32(name: str, images: torch.Tensor) -> None:
    model = Steps(offset=1000.0)  # in bfloat16 steps of 4
    exact, reduced = (
        create_method(name, model, precision=precision, **METHODS[name]).attribute(images, [[0, 1]])[0]
        for precision in ("float32", "bfloat16")
    )
    np.testing.assert_array_equal(exact, reduced)


def made(images: torch.Tensor) -> Callable[[slice], torch.Tensor]:
    levels = torch.linspace(-1, 1, 100)[:, None, None, None]
    return lambda part: images * levels[part]


@pytest.mark.parametrize(("offset", "good"), [(0.0, "bfloat16"), (1000.0, "float32")])
def test_the_precision_is_settled_on_some_pictures(images: torch.Tensor, offset: float, good: str) -> None:
    model = Steps(offset)
    found = settle_precision(model, 100, made(images + 1), [0, 1], BatchSize(5, "pictures"), "bfloat16")
    assert found == good
    assert sum(count for count, _ in model.seen) == 64
    assert max(count for count, _ in model.seen) == 5


def test_float32_takes_no_passes_to_settle(images: torch.Tensor) -> None:
    model = Steps(0.0)
    assert settle_precision(model, 100, made(images), [0], BatchSize(5, "pictures"), "float32") == "float32"
    assert not model.seen


@pytest.mark.parametrize(("precision", "inside"), [("float32", "ieee"), ("tf32", "tf32"), ("float16", "ieee")])
def test_convolutions_round_as_asked_and_only_then(images: torch.Tensor, precision: Any, inside: str) -> None:
    convolutions = torch.backends.cudnn.conv  # type: ignore[attr-defined]
    model, before = Steps(0.0), convolutions.fp32_precision
    assert logits_with(model, images, [1], precision).dtype == torch.float32
    assert model.seen == [(1, inside)]
    with pytest.raises(BrickbenchError, match="Steps failed on pictures"):
        logits_with(model, images[:, :2], [1], precision)
    assert convolutions.fp32_precision == before


@pytest.mark.parametrize("name", METHODS)
def test_two_precisions_never_mix(name: str, network: nn.Module) -> None:
    kinds = ("float32", "tf32", "bfloat16", "float16")
    assert len({create_method(name, network, precision=kind).settings.digest() for kind in kinds}) == 4
