"""Kernels, feature maps and activation maximisation: values, scales, and what they refuse."""

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from matplotlib.image import imread
from torch import Tensor, nn

from core.errors import BrickbenchError, SettingsError
from dataset.pile_dataset import PileDataset
from explain.commands import explain
from explain.network.layers import feature_maps, kernel_sheet, three_layers
from explain.network.maximize import MaximizeSettings, _roughness_gradient, as_rgb, maximize_channel, maximize_class
from explain.network.sheets import _MARGIN_PX as MARGIN_PX
from explain.network.sheets import GAP_PX, Sheet, tiled, value_sheet, write_sheets
from training.network.models import create_model


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return create_model("bricknet", 3, width=0.05, stem_stride=2).eval()


def test_tiles_stand_in_lines_on_white() -> None:
    tiles = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 3), dtype=np.uint8)
    sheet = tiled(tiles, 2)
    high, wide = 160, 240  # 80 times as large: the largest tile is 240 pixels wide
    assert sheet.shape == (high + GAP_PX + high, wide + GAP_PX + wide, 3)
    assert (sheet[:high, :wide] == 0).all()
    assert (sheet[:high, wide + GAP_PX :] == 1).all()
    assert (sheet[high + GAP_PX :, :wide] == 2).all()
    assert (sheet[high : high + GAP_PX] == 255).all()
    assert (sheet[high + GAP_PX :, wide:] == 255).all()


def test_maps_of_a_sheet_share_one_scale() -> None:
    values = np.stack([np.full((2, 2), 1.0), np.full((2, 2), -4.0)])
    sheet = value_sheet("x", values, 2)
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
    assert sheet.picture.shape == (3 * 240 + 2 * GAP_PX, 4 * 240 + 3 * GAP_PX, 3)
    with pytest.raises(SettingsError, match=r"^BrickNet has no convolution 'conv22' \(did you mean 'conv2'\?\);"):
        kernel_sheet(network, "conv22")


def test_depthwise_kernels_stand_side_by_side() -> None:
    model = nn.Sequential(nn.Conv2d(3, 24, 1), nn.Conv2d(24, 24, 3, groups=24))
    sheet = kernel_sheet(model, "1")
    assert sheet.title == "1: 24 of 24 kernels of 3 x 3, one input channel each"
    assert sheet.picture.shape == (2 * 96 + GAP_PX, 12 * 96 + 11 * GAP_PX, 3)
    weights = model[1].weight.detach().numpy()[:, 0]
    assert sheet.colouring is not None
    expected = sheet.colouring.ramp((weights[13, 2, 0] / np.abs(weights).max() + 1) / 2)[:3]
    np.testing.assert_allclose(sheet.picture[96 + GAP_PX + 80, 96 + GAP_PX + 10], np.array(expected) * 255, atol=1)


def test_layers_are_the_papers_by_default(network: nn.Module) -> None:
    assert three_layers(network) == ["conv1", "conv3", "conv5"]
    assert three_layers(nn.Sequential(nn.Conv2d(3, 2, 1))) == ["0"]


def test_labels_and_bars_have_room(tmp_path: Path) -> None:
    tiles = np.zeros((7, 4, 4, 3), dtype=np.uint8)
    rgb = Sheet("x " * 200, tiled(tiles, 6, label_px=20), None, tuple("abcdefg"), 6)
    values = value_sheet("y", np.linspace(-1, 1, 32).reshape(8, 2, 2), 4)
    write_sheets([rgb, values], tmp_path / "sheet.png")
    drawn = (255 * imread(tmp_path / "sheet.png")[..., :3]).round().astype(np.uint8)
    side = 1200 // 6 - GAP_PX
    assert rgb.picture.shape == (2 * (side - side % 4 + 20) + GAP_PX, 6 * (side - side % 4) + 5 * GAP_PX, 3)
    black = (drawn == 0).all(axis=2)
    assert black.sum() >= 7 * (side - side % 4) ** 2  # tiles are drawn pixel by pixel
    written = drawn[-MARGIN_PX - 20 :].min()
    assert written < 100  # the bar's numbers are within the picture


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
        assert network(grown.picture[None])[0, 1] > network(noise.picture[None])[0, 1]
        assert grown.score == pytest.approx(float(network(grown.picture[None])[0, 1]), abs=1e-5)
    torch.testing.assert_close(maximize_class(network, 1, 64, settings).picture, grown.picture)
    channel = maximize_channel(network, "conv3", 2, 64, settings)
    maps = feature_maps(network, channel.picture, "conv3")
    assert channel.score == pytest.approx(float(maps[2].mean()), abs=1e-5)
    with pytest.raises(BrickbenchError, match=r"^Layer 'conv3' has channels 0 to 18; 99 was asked for\.$"):
        maximize_channel(network, "conv3", 99, 64, settings)
    assert not any(module._forward_hooks for module in network.modules())
    assert all(weight.requires_grad and weight.grad is None for weight in network.parameters())


def test_regularisers_do_what_they_are_for(network: nn.Module) -> None:
    def grown(**settings: float) -> Tensor:
        plain = {"steps": 40, "jitter_px": 0, "total_variation": 0.0, "decay": 0.0}
        return maximize_class(network, 1, 64, MaximizeSettings.parse({**plain, **settings})).picture

    free, smooth, pulled = grown(), grown(total_variation=0.5), grown(decay=1.0)
    assert smooth.diff(dim=1).square().mean() < 0.5 * free.diff(dim=1).square().mean()
    assert pulled.square().mean() < 0.5 * free.square().mean()
    mean, std = (torch.tensor(one)[:, None, None] for one in (MaximizeSettings().mean, MaximizeSettings().std))
    shown = free * std + mean
    assert shown.min() >= -1e-6
    assert shown.max() <= 1 + 1e-6
    torch.testing.assert_close(
        torch.from_numpy(as_rgb(free, MaximizeSettings().mean, MaximizeSettings().std)).permute(2, 0, 1) / 255,
        shown, atol=0.51 / 255, rtol=0,
    )  # fmt: skip


def test_roughness_is_the_gradient_of_squared_differences() -> None:
    picture = torch.randn(1, 3, 5, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    half = 0.5 * sum(picture.diff(dim=dim).square().sum() for dim in (2, 3))
    (expected,) = torch.autograd.grad(half, picture)
    torch.testing.assert_close(_roughness_gradient(picture.detach()), expected)


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
            ["maximize", run, "--layer", "conv1", "--channels", "99", "--steps", "1", "--device", "cpu"],
        )
    ):
        out = tmp_path / f"{number}.png"
        done = CliRunner().invoke(explain, [*words, "-o", str(out)], catch_exceptions=False)
        assert done.exit_code == 0
        assert out.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(BrickbenchError, match=r"is there already: .* -o, or give --force"):
        CliRunner().invoke(explain, ["kernels", run, "-o", str(tmp_path / "0.png")], catch_exceptions=False)
    with pytest.raises(SettingsError, match=r"^The network has no class '30033' \(did you mean '3003'\?\)\.$"):
        CliRunner().invoke(
            explain, ["maximize", run, "--parts", "30033", "-o", str(tmp_path / "x.png")], catch_exceptions=False
        )
