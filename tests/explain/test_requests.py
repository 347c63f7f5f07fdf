"""What every method refuses, in the same words, and what it takes alike: images, classes, and their kinds."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny import HEIGHT, WIDTH, images, network_of, quick_settings, relative
from torch import Tensor, nn

from core.errors import BrickbenchError, SettingsError
from explain.methods import METHODS, create_method
from explain.protocol import Method

NAMES = [name for name, row in METHODS.items() if row.kind != "oracle"]


@pytest.fixture(params=NAMES, scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def method(name: str) -> Method:
    return create_method(name, network_of(name), **quick_settings(name))


def broken_pixels() -> Tensor:
    pictures = images(3)
    pictures[1, 0, 2, 3], pictures[2, 1, 0, 0] = torch.nan, torch.inf
    return pictures


NONSENSE: list[tuple[Any, Any, str]] = [
    (images(1).numpy(), [[0]], "Images should be a tensor (N, 3, H, W); they are a ndarray"),
    (list(images(2)), [[0], [1]], "Images should be a tensor (N, 3, H, W); they are a list"),
    (images(1)[0], [[0]], "Images should be (N, 3, H, W), or (N, 1, H, W) if they are grey"),
    (images(1)[:, :2], [[0]], f"as the network takes them; they are (1, 2, {HEIGHT}, {WIDTH})."),
    ((images(1) * 255).to(torch.uint8), [[0]], "normalised as the network takes them; they are uint8."),
    (images(1)[:0], [], "There is no picture to explain in images of shape (0, 3, "),
    (broken_pixels(), [[0], [0], [0]], "Pixels are NaN or infinite in image 1, 2 of the batch, counted from 0"),
    (images(2), [[0]], "Each image needs its list of classes: 2 images came with 1 lists."),
    (images(2), [0, 1], "Each image needs its list of classes, whole numbers, such as [[0, 2], [1]]; [0, 1] came."),
    (images(1), [["3001"]], "whole numbers, such as [[0, 2], [1]]; [['3001']] came."),
    (images(1), [[0.0]], "whole numbers, such as [[0, 2], [1]]; [[0.0]] came."),
    (images(1), [[0, -1]], "Class -1 was asked for; the network's classes count from 0."),
]


def test_a_request_that_makes_no_sense_is_refused(method: Method) -> None:
    for pictures, classes, words in NONSENSE:
        with pytest.raises(BrickbenchError) as told:
            method.attribute(pictures, classes)
        assert words in str(told.value)


def test_autocast_is_refused(method: Method) -> None:
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(BrickbenchError, match=r"^torch\.autocast is on"):
        method.attribute(images(1), [[0]])


def test_a_class_that_is_not_there_is_named(name: str, method: Method) -> None:
    if METHODS[name].kind == "baseline":
        pytest.skip("knows nothing of the network")
    with pytest.raises(BrickbenchError, match=r"^Class 3 was asked for; the network has classes 0 to 2\.$"):
        method.attribute(images(2), [[0], [3]])


KINDS: dict[str, Callable[[Tensor], tuple[Tensor, Any]]] = {
    "classes in arrays": lambda pictures: (pictures, np.array([[0, 2], [1, 1]])),
    "classes in a tensor": lambda pictures: (pictures, torch.tensor([[0, 2], [1, 1]])),
    "images that require gradients": lambda pictures: (pictures.requires_grad_(), [[0, 2], [1, 1]]),
    "images made by a network": lambda pictures: (pictures.requires_grad_() * 1, [[0, 2], [1, 1]]),
    "float64": lambda pictures: (pictures.double(), [[0, 2], [1, 1]]),
    "channels last": lambda pictures: (pictures.to(memory_format=torch.channels_last), [[0, 2], [1, 1]]),
    "a view": lambda pictures: (pictures.repeat_interleave(2, dim=0)[::2], [[0, 2], [1, 1]]),
}


def test_the_same_request_in_other_kinds_gives_the_same_maps(method: Method) -> None:
    expected = method.attribute(images(2), [[0, 2], [1, 1]])
    for kind, of in KINDS.items():
        for found, plain in zip(method.attribute(*of(images(2))), expected, strict=True):
            assert found.dtype == np.float32, kind
            assert relative(found, plain) < 1e-3, kind


def test_images_of_inference_mode_may_be_explained_outside_of_it(method: Method) -> None:
    expected = method.attribute(images(2), [[0, 2], [1]])
    with torch.inference_mode():
        pictures = images(2) * 1
        inside = method.attribute(pictures, [[0, 2], [1]])
    for found in (inside, method.attribute(pictures, [[0, 2], [1]])):
        assert all(relative(one, other) < 1e-3 for one, other in zip(found, expected, strict=True))


def test_no_class_gives_no_map_and_images_stay_as_they_are(method: Method) -> None:
    pictures = images(2)
    none, some = method.attribute(pictures, [[], [1]])
    assert none.shape == (0, *some.shape[1:])
    torch.testing.assert_close(pictures, images(2), rtol=0, atol=0)


class OfGrey(nn.Module):
    """Asks a network of grey pictures about the mean of the channels."""

    def __init__(self, grey: nn.Module) -> None:
        super().__init__()
        self.grey = grey

    def forward(self, pictures: Tensor) -> Tensor:
        found: Tensor = self.grey(pictures.mean(dim=1, keepdim=True))
        return found


def test_a_grey_picture_is_explained_like_three_equal_channels(name: str) -> None:
    settings, fields = quick_settings(name), METHODS[name].settings.model_fields
    network, pictures = network_of(name, channels=1), images(2)[:, :1]
    of_one, of_three = (
        create_method(name, model, **settings, **_normalisation(fields, channels))
        for model, channels in ((network, 1), (OfGrey(network), 3))
    )
    grey = of_one.attribute(pictures, [[0, 2], [1]])
    coloured = of_three.attribute(pictures.expand(-1, 3, -1, -1), [[0, 2], [1]])
    assert all(np.isfinite(maps).all() for maps in grey)
    if "seed" in fields and name not in ("lime", "rise", "kernel_shap"):
        return  # their noise follows from the picture's content
    for one, three in zip(grey, coloured, strict=True):
        assert relative(_scaled(one), _scaled(three)) < 1e-3  # a gradient is shared among three channels


def _normalisation(fields: object, channels: int) -> dict[str, object]:
    return {"mean": (0.4,) * channels, "std": (0.3,) * channels} if "mean" in fields else {}  # type: ignore[operator]


def _scaled(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(maps / np.abs(maps).max(axis=(1, 2), keepdims=True))


@pytest.mark.parametrize("named", [name for name in NAMES if "mean" in METHODS[name].settings.model_fields])
def test_a_grey_picture_wants_its_own_normalisation(named: str) -> None:
    method = create_method(named, network_of(named, channels=1), **quick_settings(named))
    with pytest.raises(
        SettingsError, match=r"^Pictures of 1 channel need as many numbers in the settings mean and std"
    ):
        method.attribute(images(1)[:, :1], [[0]])


@pytest.mark.parametrize("named", ["lime", "kernel_shap", "occlusion"])
def test_a_grey_picture_is_painted_grey(named: str) -> None:
    network, settings = network_of(named, channels=1), {**quick_settings(named), "mean": (0.5,), "std": (0.5,)}
    grey = create_method(named, network, hide_color=0.5, **settings).attribute(images(1)[:, :1], [[0]])[0]
    np.testing.assert_allclose(grey, create_method(named, network, **settings).attribute(images(1)[:, :1], [[0]])[0])
    with pytest.raises(SettingsError, match=r"^A colour of 3 numbers is none of grey pictures"):
        create_method(named, network, hide_color=(1, 0, 0), **settings).attribute(images(1)[:, :1], [[0]])


@pytest.mark.parametrize("std", [(0.2, 0.0, 0.2), (), (0.1,) * 4])
def test_a_normalisation_divides_by_one_to_three_positive_numbers(std: tuple[float, ...]) -> None:
    with pytest.raises(SettingsError, match="std"):
        create_method("edges", nn.Identity(), std=std)
