"""Kernels, feature maps and activation maximisation: values, scales, and what they refuse."""

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from core.errors import BrickbenchError, SettingsError
from dataset.loader import PileDataset
from explain.commands import explain
from explain.network.features import feature_maps
from explain.network.kernels import kernel_sheet
from explain.network.maximize import MaximizeSettings, as_rgb, maximize_channel, maximize_class
from explain.network.sheets import GAP_PX, tiled, value_sheet
from training.models import create_model


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return create_model("bricknet", 3, width=0.05, stem_stride=2).eval()


def test_tiles_stand_in_lines_on_white() -> None:
    tiles = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 3), dtype=np.uint8)
    sheet = tiled(tiles, 2, 6)
    assert sheet.shape == (4 + GAP_PX + 4, 6 + GAP_PX + 6, 3)
    assert (sheet[:4, :6] == 0).all()
    assert (sheet[:4, 6 + GAP_PX :] == 1).all()
    assert (sheet[4 + GAP_PX :, :6] == 2).all()
    assert (sheet[4:6] == 255).all()
    assert (sheet[4 + GAP_PX :, 6:] == 255).all()


def test_maps_of_a_sheet_share_one_scale() -> None:
    values = np.stack([np.full((2, 2), 1.0), np.full((2, 2), -4.0)])
    sheet = value_sheet("x", values, 2, 2)
    assert sheet.colouring is not None
    assert (sheet.colouring.low, sheet.colouring.limit) == (-4.0, 4.0)


def test_first_kernels_are_rgb_about_grey() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 2))
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].weight[0, 0] = 0.5
        model[0].weight[1, 2] = -0.25
    sheet = kernel_sheet(model)
    assert sheet.title == "0: 2 of 2 kernels of 2 x 2 as RGB, grey is 0, full colour ±0.5"
    assert sheet.picture[0, 0].tolist() == [255, 128, 128]
    assert sheet.picture[0, -1].tolist() == [128, 128, 64]


def test_deeper_kernels_have_a_line_each(network: nn.Module) -> None:
    sheet = kernel_sheet(network, "conv2", limit=3, inputs=4)
    assert sheet.title.startswith("conv2: 3 of 13 kernels of 5 x 5, a line each: 4 of 5 input channels")
    assert sheet.picture.shape == (3 * 25 + 2 * GAP_PX, 4 * 25 + 3 * GAP_PX, 3)
    with pytest.raises(SettingsError, match=r"^BrickNet has no convolution 'conv22' \(did you mean 'conv2'\?\);"):
        kernel_sheet(network, "conv22")


def test_feature_maps_are_the_layers_output(network: nn.Module) -> None:
    image = torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = network.act1(network.norm1(network.conv1(image[None])))[0]  # type: ignore[operator]
    torch.testing.assert_close(feature_maps(network, image, "act1"), expected)


def test_what_is_grown_excites_more_than_noise_and_is_the_same_again(network: nn.Module) -> None:
    settings = MaximizeSettings(steps=12, jitter_px=2)
    start = MaximizeSettings(steps=1, jitter_px=2)
    grown, noise = (maximize_class(network, 1, 64, one) for one in (settings, start))
    with torch.no_grad():
        assert network(grown[None])[0, 1] > network(noise[None])[0, 1]
    torch.testing.assert_close(maximize_class(network, 1, 64, settings), grown)
    maximize_channel(network, "conv3", 2, 64, settings)
    with pytest.raises(BrickbenchError, match=r"^Layer 'conv3' has channels 0 to 18; 99 was asked for\.$"):
        maximize_channel(network, "conv3", 99, 64, settings)
    assert not any(module._forward_hooks for module in network.modules())
    assert all(weight.requires_grad and weight.grad is None for weight in network.parameters())


def test_grown_pictures_are_shown_as_colours() -> None:
    picture = torch.tensor([0.0, 1.0, -9.0])[:, None, None].expand(3, 2, 2)
    assert as_rgb(picture, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))[0, 0].tolist() == [128, 178, 0]


def test_commands(trained: Path, tmp_path: Path) -> None:
    run, image_id = str(trained / "runs" / "toy"), PileDataset(trained, "test").image_ids[0]
    for number, words in enumerate(
        (
            ["kernels", run],
            ["kernels", run, "--layer", "conv2", "--limit", "4"],
            ["features", run, image_id, "-d", str(trained), "--limit", "4"],
            ["maximize", run, "--parts", "3003", "--steps", "2", "--device", "cpu"],
            ["maximize", run, "--layer", "conv3", "--channels", "2", "--steps", "2", "--device", "cpu"],
        )
    ):
        out = tmp_path / f"{number}.png"
        done = CliRunner().invoke(explain, [*words, "-o", str(out)], catch_exceptions=False)
        assert done.exit_code == 0
        assert out.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(BrickbenchError, match=r"is there already: choose another file with -o, or give --force\.$"):
        CliRunner().invoke(explain, ["kernels", run, "-o", str(tmp_path / "0.png")], catch_exceptions=False)
    with pytest.raises(SettingsError, match=r"^The network has no class '30033' \(did you mean '3003'\?\)\.$"):
        CliRunner().invoke(
            explain, ["maximize", run, "--parts", "30033", "-o", str(tmp_path / "x.png")], catch_exceptions=False
        )
