"""Networks of other kinds: explained rightly by every method, or refused in one sentence."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tiny import (
    HEIGHT,
    WIDTH,
    conv_network,
    images,
    network_of,
    quick_settings,
    relative,
    takes_convolutions,
    transformer,
)
from torch import Tensor, nn

from core.errors import BrickbenchError
from explain.cam.layers import to_grid
from explain.methods import METHODS, create_method
from explain.protocol import FloatMaps, MethodRow, NoSettings, PictureByPicture

NAMES = [name for name, row in METHODS.items() if row.kind == "method"]
CLASSES = [[0, 2], [1]]


@pytest.fixture(params=NAMES, scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def network(name: str) -> nn.Module:
    return network_of(name)


@pytest.fixture(scope="module")
def expected(name: str) -> list[FloatMaps]:
    """Return the method's maps of the plain network."""
    return explained(name, network_of(name))


def explained(name: str, model: nn.Module, pictures: Tensor | None = None) -> list[FloatMaps]:
    """Return finite float32 maps of two pictures."""
    maps = create_method(name, model, **quick_settings(name)).attribute(
        images(2) if pictures is None else pictures, CLASSES
    )
    assert all(one.dtype == np.float32 and np.isfinite(one).all() for one in maps)
    return maps


def same(one: list[FloatMaps], other: list[FloatMaps]) -> bool:
    return all(relative(*pair) < 1e-3 for pair in zip(one, other, strict=True))


class Asks(nn.Module):
    """Answers with what `answer` makes of pictures and network."""

    def __init__(self, network: nn.Module, answer: Callable[[Tensor, nn.Module], Any]) -> None:
        super().__init__()
        self.network, self.answer = network, answer

    def forward(self, pictures: Tensor) -> Any:
        return self.answer(pictures, self.network)


def outcome(name: str, model: nn.Module) -> tuple[list[FloatMaps], str]:
    """Return the maps, or none and what the refusal says."""
    try:
        return explained(name, model), ""
    except BrickbenchError as error:
        return [], str(error)


def test_float64_gives_the_maps_of_float32(name: str, network: nn.Module, expected: list[FloatMaps]) -> None:
    assert same(explained(name, network.double()), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_numbers_too_coarse_for_maps_are_refused(name: str, network: nn.Module, dtype: torch.dtype) -> None:
    method = create_method(name, network, **quick_settings(name))
    network.to(dtype)
    for work in (lambda: method.attribute(images(2), CLASSES), lambda: create_method(name, network)):
        with pytest.raises(
            BrickbenchError, match=r"too coarse for maps.*: explain model\.float\(\), which has the same"
        ):
            work()
    answer = Asks(network.float(), lambda pictures, own: own(pictures).to(dtype))
    with pytest.raises(BrickbenchError, match=r"^The network's logits are b?float16, too coarse for maps: let it"):
        explained(name, answer)


def test_modes_flags_and_wrappers_change_nothing(name: str, network: nn.Module, expected: list[FloatMaps]) -> None:
    assert same(explained(name, network.train()), expected)  # with dropout and batch normalisation
    assert network.training
    assert same(explained(name, network.requires_grad_(False)), expected)
    assert same(explained(name, nn.DataParallel(network)), expected)


def test_pictures_survive_a_network_that_works_in_place(name: str, network: nn.Module) -> None:
    pictures = images(2)
    in_place = explained(name, Asks(network, lambda given, own: own(given.mul_(-0.5))), pictures)
    torch.testing.assert_close(pictures, images(2), rtol=0, atol=0)
    assert same(in_place, explained(name, Asks(network, lambda given, own: own(given.mul(-0.5)))))


@pytest.mark.slow  # to import what compiles takes seconds
def test_a_compiled_network_runs_as_it_was_written(name: str, expected: list[FloatMaps]) -> None:
    whole, part, itself = (network_of(name) for _ in range(3))
    parts = [(key, module) for key, module in part.named_children() if list(module.parameters())]
    for key, module in parts:
        setattr(part, key, torch.compile(module, backend="eager"))
    itself.compile(backend="eager")
    for model in (torch.compile(whole, backend="eager"), part, itself):
        with torch.no_grad():
            model(images(2))  # compiled before anything is hooked
        assert same(explained(name, model), expected)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda pictures, own: (own(pictures), pictures), "a tuple of 2: wrap it in a module that returns the logits"),
        (lambda pictures, own: [own(pictures)], "a list of 1: wrap it"),
        (lambda pictures, own: {"logits": own(pictures), "aux": None}, "a dict of 'logits', 'aux': wrap it"),
        (lambda pictures, own: own(pictures)[..., None, None], r", 3, 1, 1) for "),
        (lambda pictures, own: own(pictures)[:, 0], " images: wrap it, as nn.Sequential(model, nn.Flatten()) does"),
    ],
)
def test_what_is_no_logits_is_refused(name: str, answer: Callable[[Tensor, nn.Module], Any], words: str) -> None:
    with pytest.raises(BrickbenchError, match=r"^The network should give \(N, classes\) logits; it gives ") as told:
        explained(name, Asks(network_of(name), answer))
    assert words in str(told.value)


def test_logits_that_are_not_finite_are_refused(name: str, network: nn.Module) -> None:
    list(network.parameters())[-1].data[1] = torch.nan  # of the last layer's bias
    with pytest.raises(BrickbenchError, match=r"^The network's logit of class 1 is NaN or infinite: check its weights"):
        explained(name, network)


def test_gradients_that_are_not_finite_give_no_map(name: str) -> None:
    def answer(pictures: Tensor, own: nn.Module) -> Tensor:
        found: Tensor = own(pictures)
        return found + (found * 0).abs().sqrt()  # a root at 0: finite, with infinite slope

    maps, refusal = outcome(name, Asks(network_of(name), answer))
    assert maps or METHODS[name].family != "perturbation"
    assert maps or "The map of image 0 of the batch, counted from 0, is NaN or infinite somewhere" in refusal


def test_a_network_without_gradients(name: str, expected: list[FloatMaps]) -> None:
    def answer(pictures: Tensor, own: nn.Module) -> Tensor:
        with torch.no_grad():
            return own(pictures)  # type: ignore[no-any-return]

    maps, refusal = outcome(name, Asks(network_of(name), answer))
    if METHODS[name].family == "perturbation":
        assert same(maps, expected)
    else:
        assert maps or "No gradient of Asks reaches" in refusal or "do not depend on layer" in refusal


def test_a_network_of_one_size_refuses_others(name: str) -> None:
    flat = nn.Sequential(conv_network()[:5], nn.Flatten(), nn.Linear(5 * HEIGHT * WIDTH // 4, 3))
    if not takes_convolutions(name):
        pytest.skip("wants a transformer")
    layer = {"layer": "0.4"} if "layer" in METHODS[name].settings.model_fields else {}
    method = create_method(name, flat, **quick_settings(name), **layer)
    assert len(method.attribute(images(2), CLASSES)) == 2
    with pytest.raises(BrickbenchError, match=r"^Sequential failed on pictures \(\d+, 3, 24, 12\): "):
        method.attribute(images(2)[..., :-4], CLASSES)
    grey = {"mean": (0.5,), "std": (0.5,)} if "mean" in METHODS[name].settings.model_fields else {}
    with pytest.raises(BrickbenchError, match=r"^Sequential failed on pictures \(\d+, 1, 24, 16\): "):
        create_method(name, flat, **quick_settings(name), **layer, **grey).attribute(images(2)[:, :1], CLASSES)


def test_a_layer_is_not_chosen_on_pictures_of_the_wrong_size() -> None:
    flat = nn.Sequential(conv_network()[:5], nn.Flatten(), nn.Linear(5 * HEIGHT * WIDTH // 4, 3))
    with pytest.raises(
        BrickbenchError,
        match=r"^Sequential does not take pictures of 224 x 224 pixels, on which a layer would be chosen \(.*\): give",
    ):
        create_method("gradcam", flat)
    square = nn.Sequential(conv_network()[:5], nn.Flatten(), nn.Linear(5 * 64, 3))
    assert create_method("gradcam", square, input_size_px=16).settings.layer == "0"  # type: ignore[attr-defined]


def test_weights_that_are_not_made_yet_are_refused(name: str) -> None:
    lazy = nn.Sequential(conv_network()[:7], nn.LazyLinear(3))
    with pytest.raises(BrickbenchError, match=r"^Sequential has weights that are not made yet \(1\.weight\): let it"):
        explained(name, lazy)
    assert not isinstance(lazy[1].weight, nn.Parameter) or lazy[1].has_uninitialized_params()


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_torchscript_is_asked_and_not_looked_into(name: str, expected: list[FloatMaps]) -> None:
    scripted = torch.jit.trace(network_of(name), images(2), check_trace=False)
    if METHODS[name].family == "perturbation":
        assert same(explained(name, scripted), expected)
        return
    with pytest.raises(BrickbenchError, match="is TorchScript, which cannot be looked into: give the network that it"):
        explained(name, scripted)


def test_weights_of_inference_mode_are_refused(name: str) -> None:
    with torch.inference_mode():
        model = network_of(name)
    with pytest.raises(BrickbenchError, match=r"has weights of torch\.inference_mode, which no gradient passes: make"):
        explained(name, model)
    with torch.no_grad():
        explained(name, network_of(name))


def test_what_is_no_network_is_refused(name: str) -> None:
    with pytest.raises(BrickbenchError, match=r"^A network should be a torch\.nn\.Module; function came"):
        create_method(name, lambda pictures: pictures)  # type: ignore[arg-type]


def transposed(network: nn.Module) -> nn.Module:
    """Return the network that takes pictures with rows for columns."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.transpose(2, 3).contiguous()
    return network


@pytest.mark.parametrize("named", [name for name in NAMES if "seed" not in METHODS[name].settings.model_fields])
def test_maps_of_transposed_pictures_are_transposed(named: str) -> None:
    if not takes_convolutions(named):
        pytest.skip("explains transformers, whose positions are not transposed with the picture")
    turned = explained(named, transposed(conv_network()), images(2).transpose(2, 3))
    upright = [maps.transpose(0, 2, 1) for maps in turned]
    assert same(upright, explained(named, conv_network()))


OF_TOKENS = [name for name in NAMES if METHODS[name].family in ("class activation", "attention") and name != "attn_lrp"]
"""Methods whose maps have a value a token."""


@pytest.mark.parametrize("named", OF_TOKENS)
def test_tokens_of_a_picture_that_is_not_square_are_laid_out_as_it_is(named: str) -> None:
    maps = explained(named, transformer())
    assert maps[0].shape == (2, 6, 4)
    assert same(explained(named, nn.Sequential(transformer())), maps)


@pytest.mark.parametrize(
    ("height", "width", "grid"), [(24, 16, (6, 4)), (27, 18, (6, 4)), (16, 24, (4, 6)), (4, 20, (1, 5))]
)
def test_patches_that_do_not_fill_the_picture_are_laid_out_too(height: int, width: int, grid: tuple[int, int]) -> None:
    tokens = torch.randn(2, grid[0] * grid[1], 3, generator=torch.Generator().manual_seed(0))
    maps = to_grid(tokens, nn.Identity(), "x", torch.zeros(2, 3, height, width))
    torch.testing.assert_close(maps, tokens.unflatten(1, grid).permute(0, 3, 1, 2))
    with pytest.raises(BrickbenchError, match=r"^Layer 'x' does not give one stack of maps"):
        to_grid(tokens[:, :3], nn.Identity(), "x", torch.zeros(2, 3, height, height))


def test_a_method_of_ones_own_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(PictureByPicture[NoSettings]):
        def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
            return np.full((len(classes), *image.shape[1:]), np.nan if image[0, 0, 0] > 0 else 1.0, dtype=np.float32)

    row = MethodRow(
        "broken", "Broken", "method", "perturbation", Broken, NoSettings, "bilinear", signed=False, images_at_once=1,
        cost="none", source="this test", note="sometimes NaN",
    )  # fmt: skip
    monkeypatch.setitem(METHODS, "broken", row)
    pictures = images(2).abs() * torch.tensor([-1, 1])[:, None, None, None]
    with pytest.raises(BrickbenchError, match=r"^The map of image 1 of the batch, counted from 0, is NaN or infinite"):
        create_method("broken", conv_network()).attribute(pictures, [[0], [0]])
    assert len(create_method("broken", conv_network()).attribute(pictures[:1], [[0]])[0]) == 1
