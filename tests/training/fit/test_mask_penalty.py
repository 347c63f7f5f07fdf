"""The penalty on attribution outside the mask: by hand, by finite differences, and in a run."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from core.errors import BrickbenchError, SettingsError
from training.fit.loop import train
from training.fit.mask_penalty import WithFeatures, mass_outside
from training.network.models import create_model
from training.run.history import read_epochs
from training.run.settings import TrainingSettings


class TwoSteps(nn.Module):
    """Features are the picture's channels, times a weight each; logits are their means, weighed."""

    def __init__(self, weight: list[list[float]]) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3, dtype=torch.float64))
        self.weight = nn.Parameter(torch.tensor(weight, dtype=torch.float64))

    def forward_features(self, images: Tensor) -> Tensor:
        return images * self.scale[:, None, None]

    def forward_head(self, features: Tensor) -> Tensor:
        return features.mean(dim=(2, 3)) @ self.weight.T


def outside(network: nn.Module, images: Tensor, targets: Tensor, masks: Tensor) -> Tensor:
    logits, features = network(images)
    return mass_outside(logits, features, targets, masks)


def left_half(pictures: int, classes: int) -> Tensor:
    masks = torch.zeros(pictures, classes, 4, 4, dtype=torch.bool)
    masks[..., :2] = True
    return masks


def test_a_share_by_hand() -> None:
    """Class 0 looks at channel 0 alone: 3 of its 4 units of mass lie in the left half, one in the right."""
    images = torch.zeros(1, 3, 2, 2, dtype=torch.float64)
    images[0, 0] = torch.tensor([[1.0, 1.0], [2.0, 0.0]])
    images[0, 1] = 5.0  # class 1's channel
    network = WithFeatures(TwoSteps([[1.0, 0, 0], [0, 1.0, 0]]))
    share = outside(network, images, torch.tensor([[1.0, 0.0]]), left_half(1, 2))
    assert share.item() == pytest.approx(0.25)
    everywhere = torch.ones(1, 2, 4, 4, dtype=torch.bool)
    assert outside(network, images, torch.tensor([[1.0, 0.0]]), everywhere).item() == 0


def test_negative_evidence_and_pictures_without_masks_take_no_part() -> None:
    images = torch.ones(3, 3, 2, 2, dtype=torch.float64)
    network = WithFeatures(TwoSteps([[1.0, 0, 0], [-1.0, 0, 0]]))
    masks = left_half(3, 2)
    masks[1] = False  # not known
    targets = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])  # the last: a map of nothing but negative values
    assert outside(network, images, targets, masks).item() == pytest.approx(0.5 / 2)
    nothing = outside(network, images, targets, torch.zeros_like(masks))
    assert nothing.item() == 0
    nothing.backward()  # type: ignore[no-untyped-call]


def test_its_gradient_is_that_of_finite_differences() -> None:
    torch.manual_seed(0)
    images = torch.rand(2, 3, 2, 2, dtype=torch.float64)
    masks, targets = left_half(2, 1), torch.ones(2, 1)

    def share(weight: Tensor, scale: Tensor) -> Tensor:
        features = torch.sin(images * scale[:, None, None])
        logits = torch.tanh(features.mean(dim=(2, 3)) @ weight.T) + (features**2).mean(dim=(1, 2, 3))[:, None]
        return mass_outside(logits, features, targets, masks)

    weight = torch.rand(1, 3, dtype=torch.float64, requires_grad=True)
    scale = torch.rand(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(share, (weight, scale))


@pytest.mark.slow
def test_steps_on_it_move_the_mass_into_the_mask() -> None:
    torch.manual_seed(0)
    model = create_model("bricknet", 2, width=0.05)
    network, images = WithFeatures(model), torch.rand(4, 3, 128, 128)
    masks, targets = torch.zeros(4, 2, 128, 128, dtype=torch.bool), torch.ones(4, 2)
    masks[..., :64] = True
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    shares = []
    for _ in range(25):
        share = outside(network, images, targets, masks)
        optimizer.zero_grad()
        share.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        shares.append(share.item())
    assert sum(shares[-5:]) < 0.7 * sum(shares[:5])


def test_networks_without_a_grid_are_refused() -> None:
    vit = create_model("vit_tiny_patch16_224", 2, img_size=32)
    with pytest.raises(BrickbenchError, match=r"features are a grid, .*are \(1, 5, 192\)\. Choose another model"):
        WithFeatures(vit)(torch.zeros(1, 3, 32, 32))


@pytest.mark.parametrize(
    ("more", "words"), [({"compile": True}, "which compile does not give"), ({"precision": "float16"}, "too small")]
)
def test_what_it_does_not_go_with(more: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        TrainingSettings.parse({"mask_penalty": 1.0} | more)


def test_a_run_with_it_stops_and_goes_on_to_the_same_weights(toy_dataset: Path, tmp_path: Path) -> None:
    settings = TrainingSettings.parse(
        {"model_kwargs": {"width": 0.05, "drop_rate": 0.2}, "input_size_px": 128, "epochs": 2, "batch_size": 8}
        | {"mask_penalty": 0.5}
    )

    class StoppedError(Exception):
        pass

    def stop(_: object) -> None:
        raise StoppedError

    train(settings, toy_dataset, tmp_path / "whole", device="cpu")
    with pytest.raises(StoppedError):
        train(settings, toy_dataset, tmp_path / "stopped", device="cpu", after_epoch=stop)
    train(settings, toy_dataset, tmp_path / "stopped", device="cpu")
    first, second = (load_file(tmp_path / name / "checkpoints/epoch_0002.safetensors") for name in ("whole", "stopped"))
    assert all(torch.equal(first[name], second[name]) for name in first)

    train(settings.model_copy(update={"mask_penalty": 0.0}), toy_dataset, tmp_path / "free", device="cpu")
    with_it, without = (read_epochs(tmp_path / name)[0]["train_loss"] for name in ("whole", "free"))
    assert with_it != without
