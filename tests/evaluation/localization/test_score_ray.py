"""Scores of localisation on two Ray nodes: those of one process, byte for byte."""

import os
import shutil
from pathlib import Path

import pytest

from core.engines.on_ray import RayEngine
from evaluation.localization.run import ShardTask, score_run, score_shard
from evaluation.localization.truth import TruthReader
from explain.bulk import explain_run
from training.run.run import Run

pytestmark = pytest.mark.slow

METRICS = {"pixel_ap": {}, "lift": {}, "iou_best": {}, "pxap": {}}


def crash_once(state: tuple[Run, TruthReader], task: ShardTask) -> int:
    """Score, but end the process the first time, after the file is written and before anybody is told."""
    scored = score_shard(state, task)
    marker = state[0].folder / "crashed"
    if not marker.exists():
        marker.touch()
        os._exit(7)
    return scored


def files_of_scores(run: Path) -> dict[str, bytes]:
    paths = [*run.glob("scores/*.parquet"), *run.glob("score_sums/*.parquet"), run / "split_scores.parquet"]
    return {str(path.relative_to(run)): path.read_bytes() for path in paths}


def test_scores_on_ray_are_those_of_one_process(
    own_trained: Path, on_two_nodes: RayEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = own_trained / "runs" / "toy"
    methods = {"gradcam": {}, "random": {}, "uniform": {}}
    for split in ("test", "val"):
        explain_run(Run.open(run, own_trained), methods, split=split, limit=4, device="cpu")
    total = score_run(Run.open(run, own_trained), METRICS)
    before = files_of_scores(run)
    assert {name.split("/")[0] for name in before} == {"scores", "score_sums", "split_scores.parquet"}
    for folder in ("scores", "score_sums"):
        shutil.rmtree(run / folder)
    (run / "split_scores.parquet").unlink()
    monkeypatch.setattr("evaluation.localization.run.score_shard", crash_once)
    assert score_run(Run.open(run, own_trained), METRICS, workers=None, engine=on_two_nodes) == total
    assert (run / "crashed").exists()
    assert files_of_scores(run) == before
    assert score_run(Run.open(run, own_trained), METRICS, workers=None, engine=on_two_nodes) == 0
