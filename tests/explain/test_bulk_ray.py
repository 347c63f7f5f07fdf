"""Maps made on two Ray nodes: those of one process, byte for byte."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from core.engines.on_ray import RayEngine
from explain import explainer
from explain.bulk import explain_run
from explain.store import load_maps, read_attributions
from training.run.run import Run

pytestmark = pytest.mark.slow

METHODS = {"gradcam": {}, "lime": {"num_samples": 12}}


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Give this process as many threads as the workers have: with others torch rounds otherwise here and there."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def crash_once(context: explainer.ExplainContext, group: explainer.Group) -> explainer.Explained:
    """Explain, but end the process the first time that it is LIME's turn."""
    marker = context.run.folder / "crashed"
    if group.name == "lime" and not marker.exists():
        marker.touch()
        os._exit(7)
    return explainer.explain_group(context, group)


def maps_of(run: Path) -> dict[str, np.ndarray]:
    rows = read_attributions(run)
    found = dict(zip((row.attribution_id for row in rows), load_maps(run, rows), strict=True))
    assert len(found) == len(rows)
    return found


def test_maps_made_on_ray_are_those_of_one_process(
    own_trained: Path, on_two_nodes: RayEngine, one_thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = own_trained / "runs" / "toy"
    whole = explain_run(Run.open(run, own_trained), METHODS, split="train", device="cpu")
    expected = maps_of(run)
    shutil.rmtree(run / "attributions")
    monkeypatch.setattr("explain.bulk.explain_group", crash_once)
    made = explain_run(Run.open(run, own_trained), METHODS, split="train", device="cpu", engine=on_two_nodes)
    assert (run / "crashed").exists()
    assert (made.made, made.found) == (whole.made, 0)
    found = maps_of(run)
    assert set(found) == set(expected)
    for identity, values in found.items():
        assert values.dtype == np.float32
        assert values.tobytes() == expected[identity].tobytes(), identity
