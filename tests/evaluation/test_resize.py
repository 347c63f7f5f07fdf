"""Resizing of maps against torch, and the ties that it must keep."""

import numpy as np
import pytest
import torch

from evaluation.resize import resize_maps


@pytest.mark.parametrize("size", [(4, 4), (13, 9), (3, 20), (31, 31)])
def test_equals_torch(size: tuple[int, int]) -> None:
    maps = np.random.default_rng(0).normal(size=(3, 6, 5))
    tensor = torch.from_numpy(maps)[:, None]
    bilinear = torch.nn.functional.interpolate(tensor, size=size, mode="bilinear", align_corners=False)
    np.testing.assert_allclose(resize_maps(maps, *size, "bilinear"), bilinear[:, 0].numpy(), atol=1e-12)
    nearest = torch.nn.functional.interpolate(tensor, size=size, mode="nearest-exact")
    np.testing.assert_array_equal(resize_maps(maps, *size, "nearest"), nearest[:, 0].numpy())


@pytest.mark.parametrize("policy", ["bilinear", "nearest"])
def test_a_constant_map_stays_exactly_constant(policy: str) -> None:
    resized = resize_maps(np.full((1, 7, 7), 0.1, dtype=np.float32), 57, 43, policy)  # type: ignore[arg-type]
    assert resized.shape == (1, 57, 43)
    assert len(np.unique(resized)) == 1


def test_same_size_is_untouched() -> None:
    maps = np.random.default_rng(0).normal(size=(2, 8, 8)).astype(np.float32)
    np.testing.assert_array_equal(resize_maps(maps, 8, 8, "bilinear"), maps)
