"""Faithfulness on two Ray nodes: the scores of one process, byte for byte, whatever dies meanwhile."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from core.engines.on_ray import RayEngine
from core.errors import PartialFailureError
from evaluation.commands import evaluate
from evaluation.faithfulness import plan, scorer
from evaluation.faithfulness.registry import faithfulness_settings
from evaluation.faithfulness.scoring import FaithfulnessResult, score_faithfulness
from training.run.run import Run

pytestmark = pytest.mark.slow

METRICS: dict[str, dict[str, object]] = {
    "deletion": {"steps": 4},
    "sensitivity_n": {"subsets": 4},
    "average_drop": {},
    "model_randomization": {"stages": 2},
    "label_randomization": {"epochs": 1},
    "twin_rank": {},
    "twin_capture": {},
}


def score(root: Path, metrics: Mapping[str, dict[str, object]], **options: Any) -> FaithfulnessResult:
    chosen = {name: faithfulness_settings(name, values) for name, values in metrics.items()}
    return score_faithfulness(Run.open(root / "runs" / "toy", root), chosen, device="cpu", **options)


def files_of_scores(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (root / "runs" / "toy" / "scores").glob("*.parquet")}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give this process as many threads as the workers have, and make several items of the dozen maps in a file."""
    monkeypatch.setattr(plan, "GROUPS_AN_ITEM", 1)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def crash_once_and_fail(context: scorer.ScoringContext, item: scorer.WorkItem) -> scorer.ItemScores:
    """Score, but end the process once in the middle of deletion, and fail each time at the twins of saliency maps."""
    marker = context.run.folder / "crashed"
    if item.name == "gradcam deletion" and not marker.exists():
        marker.touch()
        os._exit(7)
    if item.name == "saliency twin_rank":
        raise ValueError("no good")
    return scorer.score_item(context, item)


def test_the_command_scores_on_ray_as_one_process_does_whatever_dies_and_fails(
    own_twins: Path, on_two_nodes: RayEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = score(own_twins, METRICS).made
    expected = files_of_scores(own_twins)
    for path in (own_twins / "runs" / "toy" / "scores").glob("*.parquet"):
        path.unlink()
    words = ["faithfulness", str(own_twins / "runs" / "toy"), "-d", str(own_twins), "--device", "cpu", "--json"]
    words += ["--metrics", ",".join(METRICS), "--engine", "ray", "--address", str(on_two_nodes.address)]
    for name, values in METRICS.items():
        words += [word for key, value in values.items() for word in ("--set", f"{name}.{key}={value}")]
    with monkeypatch.context() as patch:
        patch.setattr("evaluation.faithfulness.scoring.score_item", crash_once_and_fail)
        done = CliRunner().invoke(evaluate, words)
    assert isinstance(done.exception, PartialFailureError)
    assert str(done.exception) == (
        f"12 scores could not be made, {total - 12} are there. 2 times: saliency twin_rank: ValueError: no good. Run "
        "the command again to try those once more."
    )
    tables = json.loads(done.stdout[done.stdout.index("{\n") :])  # Ray itself may print before that a worker died
    assert {row["metric"] for row in tables["scores"]} == set(METRICS)
    assert (own_twins / "runs" / "toy" / "crashed").exists()
    assert score(own_twins, METRICS).made == 12
    assert files_of_scores(own_twins) == expected
