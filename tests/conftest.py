"""Fixtures that several packages' tests share."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests/toy.py, which is no package under importmode=importlib


@pytest.fixture(scope="session")
def make_toy() -> Callable[..., Path]:
    """Return ``make_toy_dataset(root, *, piles=40, size=64, seed=0)``."""
    from toy import make_toy_dataset

    return make_toy_dataset


@pytest.fixture(scope="session")
def toy_dataset(tmp_path_factory: pytest.TempPathFactory, make_toy: Callable[..., Path]) -> Path:
    """Return a dataset of 40 toy piles that tests share: read it, never write into it."""
    return make_toy(tmp_path_factory.mktemp("toy") / "dataset")
