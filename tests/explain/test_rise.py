"""RISE against the paper's formula, pixel by pixel."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from core.seeding import Purpose, generator
from explain.memory import BatchSize
from explain.methods import create_method
from explain.perturbation.rise import RiseMasks, RiseSettings
from training.network.models import create_model


def slow_mask(cells: np.ndarray, height: int, width: int, down: int, right: int) -> np.ndarray:
    """Return one mask by the paper's words: enlarge bilinearly to one cell more than the picture, cut out."""
    grid = len(cells)
    tall, wide = ((grid + 1) * math.ceil(size / grid) for size in (height, width))
    mask = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            y = min(max((row + down + 0.5) * grid / tall - 0.5, 0), grid - 1)
            x = min(max((column + right + 0.5) * grid / wide - 0.5, 0), grid - 1)
            top, left = min(int(y), grid - 2), min(int(x), grid - 2)
            y, x = y - top, x - left
            upper = cells[top, left] * (1 - x) + cells[top, left + 1] * x
            lower = cells[top + 1, left] * (1 - x) + cells[top + 1, left + 1] * x
            mask[row, column] = upper * (1 - y) + lower * y
    return mask


@pytest.mark.parametrize(("height", "width", "grid"), [(24, 32, 4), (23, 17, 3), (16, 16, 8)])
def test_masks_are_the_papers(height: int, width: int, grid: int) -> None:
    settings = RiseSettings(num_masks=12, grid=grid, share=0.4, seed=3)
    found = RiseMasks(settings, height, width, torch.device("cpu"))(slice(0, 12)).numpy()
    stream = generator(3, Purpose.BASELINE, 1)
    cells = stream.random((12, grid, grid)) < 0.4
    down, right = (stream.integers(0, math.ceil(size / grid), 12) for size in (height, width))
    for place in range(12):
        expected = slow_mask(cells[place].astype(float), height, width, down[place], right[place])
        np.testing.assert_allclose(found[place], expected, atol=1e-6)


def test_masks_are_enlarged_as_torch_enlarges() -> None:
    settings = RiseSettings(num_masks=3, grid=5)
    masks = RiseMasks(settings, 40, 30, torch.device("cpu"))
    large = nn.functional.interpolate(masks._cells[:, None], size=(48, 36), mode="bilinear", align_corners=False)[:, 0]
    for place, mask in enumerate(masks(slice(0, 3))):
        down, right = (int(shifts[place]) for _, shifts in masks._sides)
        np.testing.assert_allclose(mask, large[place, down : down + 40, right : right + 30], atol=1e-5)


def test_maps_are_the_papers_sum() -> None:
    torch.manual_seed(0)
    network = create_model("bricknet", 3, width=0.05, stem_stride=2).eval()
    images = torch.randn(2, 3, 36, 40, generator=torch.Generator().manual_seed(0))
    settings = {"num_masks": 50, "grid": 4, "share": 0.3, "seed": 1}
    method = create_method("rise", network, **settings)
    method.batch = BatchSize(16, "pictures")  # type: ignore[attr-defined]
    masks = RiseMasks(RiseSettings.parse(settings), 36, 40, torch.device("cpu"))(slice(0, 50))
    for image, found in zip(images, method.attribute(images, [[2, 0], [2, 0]]), strict=True):
        total = np.zeros((2, 36, 40))
        for mask in masks:
            with torch.no_grad():
                logits = network((image * mask)[None])[0].double().numpy()
            for place, label in enumerate((2, 0)):
                total[place] += mask.numpy() / (1 + math.exp(-logits[label]))
        np.testing.assert_allclose(found, total / (50 * 0.3), rtol=1e-5)


def test_a_place_that_matters_stands_out() -> None:
    class Corner(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images[:, :, :8, :8].mean(dim=(1, 2, 3), keepdim=False)[:, None] * 6

    (found,) = create_method("rise", Corner(), num_masks=400, grid=4).attribute(torch.ones(1, 3, 32, 32), [[0]])
    row, column = np.unravel_index(found[0].argmax(), (32, 32))
    assert row < 12
    assert column < 12
