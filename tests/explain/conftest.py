"""A small trained run on toy pictures."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, make_toy: Callable[..., Path]) -> Path:
    """Return a dataset with a trained run in ``runs/toy``: read it, never write into it."""
    from training.loop import train
    from training.settings import TrainingSettings

    root = make_toy(tmp_path_factory.mktemp("explain") / "dataset", piles=30)
    settings = TrainingSettings(model_kwargs={"width": 0.05, "stem_stride": 2}, input_size_px=64, epochs=1)
    train(settings, root, root / "runs" / "toy", device="cpu")
    return root


@pytest.fixture
def own_trained(trained: Path, tmp_path: Path) -> Path:
    """Return a copy of `trained` to write into."""
    return Path(shutil.copytree(trained, tmp_path / "dataset"))
