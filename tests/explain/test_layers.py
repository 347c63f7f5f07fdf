"""Which layer class activation maps read unless told otherwise, and how far its cells look."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from core.errors import SettingsError
from explain.bulk import explain_run
from explain.cam.footprint import footprint
from explain.cam.layers import FEWEST_CELLS, LARGEST_OFFSET, default_layer
from explain.methods import METHODS, create_method
from training.network.models import conv_stages, create_model
from training.run.run import Run


def pooling(factor: int) -> nn.Conv2d:
    """Return a convolution that averages squares of pixels, channel by channel."""
    layer = nn.Conv2d(3, 3, factor, stride=factor, groups=3, bias=False)
    nn.init.constant_(layer.weight, 1 / factor**2)
    return layer


def shifting(cells: int) -> nn.Conv2d:
    """Return a convolution in which each cell is the one so many to its right, round the border."""
    layer = nn.Conv2d(3, 3, (1, 2 * cells + 1), padding=(0, cells), padding_mode="circular", groups=3, bias=False)
    nn.init.zeros_(layer.weight)
    with torch.no_grad():
        layer.weight[..., -1] = 1
    return layer


def chain(*layers: nn.Module) -> nn.Sequential:
    """Return these layers, a mean over places and two logits."""
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)).eval()


def test_cells_that_average_their_own_pixels_look_at_themselves() -> None:
    network = chain(pooling(4), pooling(2))
    found = footprint(network, network[1], 64)
    assert found is not None
    assert found.offset == pytest.approx(0, abs=1e-6)
    assert found.spread == pytest.approx(((1 - 1 / 8**2) / 6) ** 0.5 / 8, rel=1e-4)  # 8 x 8 pixels in each of 8 cells


def test_cells_that_are_shifted_look_beside_themselves() -> None:
    network = chain(pooling(8), shifting(1))
    found = footprint(network, network[1], 80)
    assert found is not None
    # Of three columns the last one looks at the first, nine cells to its left.
    assert found.offset == pytest.approx((1 + 1 + 9) / 3 / 10, rel=1e-4)


def test_the_network_is_left_as_it_was_and_the_result_is_the_same_again() -> None:
    network = create_model("bricknet", 2, width=0.05, stem_stride=2).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    first, again = (footprint(network, network.get_submodule("act5"), 64) for _ in range(2))
    assert first == again
    assert network.training
    assert all(weight.requires_grad and weight.grad is None for weight in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_layer_without_gradients_has_no_footprint() -> None:
    class Counts(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.detach().clone()

    network = chain(Counts(), pooling(4))
    assert footprint(network, network[1], 32) is None


@pytest.mark.parametrize(
    ("layers", "size_px", "chosen"),
    [
        ((pooling(4), pooling(2)), 64, "1"),  # 8 x 8 cells that look at themselves
        ((pooling(4), pooling(4)), 64, "0"),  # 4 x 4 are too few
        ((pooling(4), pooling(4)), 96, "1"),  # 6 x 6 are not
        ((pooling(4), pooling(2), shifting(2)), 64, "0"),  # the last look beside themselves
        ((pooling(8), shifting(1), pooling(4)), 64, "1"),  # all that are fine enough do
        ((pooling(16), pooling(2)), 64, "1"),  # none are fine enough
    ],
)
def test_the_deepest_layer_with_cells_that_are_small_and_look_at_themselves(
    layers: tuple[nn.Module, ...], size_px: int, chosen: str
) -> None:
    found = default_layer(chain(*layers), size_px)
    assert found.name == chosen
    assert found.grid is not None
    assert create_method("gradcam", chain(*layers), input_size_px=size_px).settings.layer == chosen  # type: ignore[attr-defined]


def test_the_note_names_layer_and_grid_and_warns_of_cells_that_look_away() -> None:
    fine = default_layer(chain(pooling(4), pooling(2)), 64)
    assert fine.note == "reads layer 1, 8 x 8 cells, which look 0% of the picture beside themselves"
    beside = default_layer(chain(pooling(8), shifting(1), pooling(4)), 64)
    assert beside.footprint is not None
    assert beside.footprint.offset > LARGEST_OFFSET
    assert beside.note.endswith("of the picture beside themselves: its maps may point beside what matters")


@pytest.mark.parametrize(
    ("name", "size_px", "stages"),
    [
        ("bricknet", 128, {"act1": 31, "act2": 15, "act5": 7}),
        ("resnet10t", 128, {"layer1": 32, "layer2": 16, "layer3": 8, "layer4": 4}),
        ("tf_efficientnet_lite0", 128, {"blocks.1": 32, "blocks.2": 16, "blocks.4": 8, "bn2": 4}),
        ("test_convnext", 64, {"stages": 2}),
    ],
)
def test_stages_end_with_their_outermost_module(name: str, size_px: int, stages: dict[str, int]) -> None:
    kwargs = {"width": 0.05} if name == "bricknet" else {}
    found = {layer: size[0] for layer, _, size in conv_stages(create_model(name, 2, **kwargs), size_px)}
    assert found.items() >= stages.items()
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_a_layer_is_chosen_anew_when_weights_or_the_size_change() -> None:
    network = chain(pooling(4), pooling(2), nn.Conv2d(3, 3, (1, 5), padding=(0, 2), groups=3, bias=False))
    with torch.no_grad():
        network[2].weight.zero_()
        network[2].weight[..., 2] = 1
    assert default_layer(network, 64).name == "2"
    assert default_layer(network, 32).name == "0"  # 4 x 4 cells are too few
    with torch.no_grad():
        network[2].weight.zero_()
        network[2].weight[..., 4] = 1
    assert default_layer(network, 64).name == "0"


def test_the_input_size_is_no_part_of_a_maps_key() -> None:
    network = chain(pooling(4), pooling(2))
    small, large = (create_method("gradcam", network, layer="1", input_size_px=size).settings for size in (64, 96))
    assert small.digest() == large.digest()
    assert "input_size_px" not in small.model_dump()
    with pytest.raises(SettingsError, match="input_size_px = 0"):
        create_method("gradcam", network, input_size_px=0)


def test_bulk_runs_say_which_layer_was_taken_at_their_own_size(own_trained: Path) -> None:
    run = Run.open(own_trained / "runs" / "toy")
    result = explain_run(run, {"gradcam": {}, "hirescam": {"layer": "act4"}, "random": {}}, limit=1, device="cpu")
    chosen = default_layer(run.load("best", "cpu").model, 64)
    assert result.notes == [f"gradcam {chosen.note}"]
    assert chosen.grid is not None
    assert min(chosen.grid) >= FEWEST_CELLS


@pytest.mark.parametrize("name", [name for name, row in METHODS.items() if row.family == "class activation"])
def test_every_class_activation_method_takes_the_rules_layer(name: str, chosen_layer: Callable[[str], str]) -> None:
    assert chosen_layer(name) == "0"


@pytest.fixture
def chosen_layer() -> Callable[[str], str]:
    """Return what layer a method reads of a network whose last cells look beside themselves."""
    network = chain(pooling(4), pooling(2), shifting(2))
    return lambda name: str(create_method(name, network, input_size_px=64).settings.layer)  # type: ignore[attr-defined]
