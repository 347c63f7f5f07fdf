"""Faithfulness by several processes: the scores of one, byte for byte, in whatever order they come."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine import LOCAL, Outcome
from core.engines.local import InProcessEngine
from core.errors import BrickbenchError, PartialFailureError
from dataset.index import open_index
from evaluation.commands import faithfulness_tables
from evaluation.faithfulness import plan, score_writer, scorer
from evaluation.faithfulness.registry import faithfulness_settings
from evaluation.faithfulness.scoring import FaithfulnessResult, score_faithfulness
from training.run.run import Run

METRICS: dict[str, dict[str, object]] = {
    "deletion": {"steps": 4},
    "road": {"shares": (0.3,)},
    "average_drop": {},
    "max_sensitivity": {"samples": 2},
    "model_randomization": {"stages": 2},
    "label_randomization": {"epochs": 1},
    "twin_rank": {},
    "twin_top": {},
}
FEW = {name: METRICS[name] for name in ("deletion", "average_drop", "twin_top")}

SCORE_ITEM = "evaluation.faithfulness.scoring.score_item"


def score(root: Path, metrics: Mapping[str, dict[str, object]], **options: Any) -> FaithfulnessResult:
    chosen = {name: faithfulness_settings(name, values) for name, values in metrics.items()}
    return score_faithfulness(Run.open(root / "runs" / "toy", root), chosen, device="cpu", **options)


def files_of_scores(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (root / "runs" / "toy" / "scores").glob("*.parquet")}


def without_scores(root: Path) -> Path:
    for path in (root / "runs" / "toy" / "scores").glob("*.parquet"):
        path.unlink()
    return root


@pytest.fixture(autouse=True)
def small_items(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make several work items of the dozen maps in a file."""
    monkeypatch.setattr(plan, "GROUPS_AN_ITEM", 1)


@pytest.fixture(scope="module")
def few_scores(with_twins: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the files of `FEW` scores that one process writes which nobody stops."""
    root = Path(shutil.copytree(with_twins, tmp_path_factory.mktemp("few") / "dataset"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "GROUPS_AN_ITEM", 1)
        score(root, FEW)
    return files_of_scores(root)


@pytest.fixture
def threads_of_two_workers() -> Iterator[None]:
    """Give this process as many threads as each of two workers has: with others torch rounds otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(LOCAL.crew(2, 2).threads)
    yield
    torch.set_num_threads(before)


def crash_once(context: scorer.ScoringContext, item: scorer.WorkItem) -> scorer.ItemScores:
    """Score, but end the process at the first maps that average drop is asked about."""
    marker = context.run.folder / "crashed"
    if isinstance(item, scorer.Slice) and item.metric == "average_drop" and not marker.exists():
        marker.touch()
        os._exit(7)
    return scorer.score_item(context, item)


@pytest.mark.slow
def test_two_processes_of_which_one_dies_write_the_scores_of_one(
    own_twins: Path, threads_of_two_workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = score(own_twins, METRICS)
    expected = files_of_scores(own_twins)
    assert len(expected) == 5
    without_scores(own_twins)
    monkeypatch.setattr(SCORE_ITEM, crash_once)
    together = score(own_twins, METRICS, workers=2)
    assert (own_twins / "runs" / "toy" / "crashed").exists()
    assert (together.made, together.found) == (alone.made, 0)
    assert files_of_scores(own_twins) == expected
    assert score(own_twins, METRICS, workers=2).made == 0


class LastFirst(InProcessEngine):
    """An engine whose only worker is this process, and which does the last item first."""

    is_here = False

    def run(self, function: Callable[..., Any], items: Mapping[str, Any], **options: Any) -> Iterator[Outcome[Any]]:
        return super().run(function, dict(reversed(list(items.items()))), **options)


def test_the_order_in_which_items_end_changes_nothing(own_twins: Path, few_scores: dict[str, bytes]) -> None:
    score(own_twins, FEW, engine=LastFirst())  # scores come before the levels of chance that they wait for
    assert files_of_scores(own_twins) == few_scores


def in_little_memory(context: scorer.ScoringContext, item: scorer.WorkItem) -> scorer.ItemScores:
    def check(_: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        if len(inputs[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    hook = context.trained.model.register_forward_pre_hook(check)
    try:
        return scorer.score_item(context, item)
    finally:
        hook.remove()


def test_workers_tell_what_did_not_fit_into_memory(own_twins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SCORE_ITEM, in_little_memory)
    result = score(own_twins, {"average_drop": {}}, limit=2, pictures_at_once=4, engine=LastFirst())
    assert result.notes == ["2 changed pictures at once, since 4 did not fit into memory"]


def stop_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def score_and_stop(context: scorer.ScoringContext, item: scorer.WorkItem) -> scorer.ItemScores:
        if len(done) == count:
            raise KeyboardInterrupt
        done.append(item)
        return scorer.score_item(context, item)

    monkeypatch.setattr(SCORE_ITEM, score_and_stop)


@pytest.mark.parametrize(("count", "found"), [(4, 12), (19, 92), (30, 156)])
def test_a_stopped_run_goes_on_and_ends_as_one_that_was_not(
    own_twins: Path, few_scores: dict[str, bytes], count: int, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Five files of 8 + 4 maps; deletion and average drop begin with two items of noise each.
    with monkeypatch.context() as patch:
        stop_after(count, patch)
        with pytest.raises(KeyboardInterrupt):
            score(own_twins, FEW)
    assert score(own_twins, FEW).found == found
    assert files_of_scores(own_twins) == few_scores


def test_a_kill_loses_no_measure_that_is_complete(own_twins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        score_writer.ScoreWriter, "__exit__", lambda *_: None
    )  # a killed process writes nothing on its way out
    stop_after(5, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        score(own_twins, {"twin_top": {}})
    assert len(files_of_scores(own_twins)) == 2  # of two items each; the fifth item is half of the third file


def test_a_slow_measure_is_written_before_it_is_complete(own_twins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_writer, "SECONDS_UNWRITTEN", 0.0)
    monkeypatch.setattr(score_writer.ScoreWriter, "__exit__", lambda *_: None)
    stop_after(5, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        score(own_twins, {"twin_top": {}})
    assert len(files_of_scores(own_twins)) == 3


def test_levels_of_chance_are_measured_once_for_all_methods(own_twins: Path) -> None:
    asked: list[scorer.WorkItem] = []
    score(own_twins, {"deletion": {"steps": 4}}, methods=["gradcam"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SCORE_ITEM, lambda context, item: asked.append(item) or scorer.score_item(context, item))
        score(own_twins, {"deletion": {"steps": 4}})
    assert asked
    assert not any(isinstance(item, scorer.Noise) for item in asked)
    with open_index(own_twins) as index:
        levels = index.execute(
            "SELECT count(DISTINCT chance), count(*) FROM scores JOIN attributions USING (attribution_id) "
            "GROUP BY image_id, part_id"
        ).fetchall()
    assert set(levels) == {(1, 5)}


def test_scores_that_fail_are_told_and_made_by_the_next_run(own_twins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(context: scorer.ScoringContext, item: scorer.WorkItem) -> scorer.ItemScores:
        if item.name in {"saliency twin_top", "noise average_drop"}:
            raise ValueError("no good")
        return scorer.score_item(context, item)

    with monkeypatch.context() as patch:
        patch.setattr(SCORE_ITEM, fail)
        with pytest.raises(PartialFailureError) as raised:
            score(own_twins, FEW)
    assert str(raised.value) == (
        "72 scores could not be made, 108 are there. 2 times: noise average_drop: ValueError: no good; "
        "2 times: saliency twin_top: ValueError: no good. Run the command again to try those once more."
    )
    tables = faithfulness_tables(Run.open(own_twins / "runs" / "toy", own_twins), raised.value.result, list(FEW))
    assert {row["metric"] for row in tables["scores"]} == {"deletion", "twin_top"}
    again = score(own_twins, FEW)
    assert (again.found, again.made) == (108, 72)


def test_a_mistake_of_the_user_ends_all_work_and_what_is_scored_stays(
    own_twins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(own_twins, {"twin_top": {}}, methods=["gradcam"])
    damaged = next((own_twins / "runs" / "toy" / "attributions").glob("uniform-*/*.npy"))
    damaged.write_bytes(b"gone")
    with pytest.raises(BrickbenchError, match=r"are damaged or missing: delete 000000\.parquet beside it"):
        score(own_twins, {"twin_top": {}})
    assert "uniform" not in {name.split("-")[1] for name in files_of_scores(own_twins)}
    assert len(files_of_scores(own_twins)) == 4
