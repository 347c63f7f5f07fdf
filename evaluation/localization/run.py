"""Scores of all maps of a run, written into the run; what is scored already is not scored again."""

from collections.abc import Mapping
from pathlib import Path

from core.engine import LOCAL, Engine, run_items
from core.errors import BrickbenchError, SettingsError
from core.files import require_writable
from core.locks import sole_writer
from core.progress import Progress
from core.settings import Settings
from dataset.index import merge_run
from evaluation.localization.registry import METRICS, MOSAIC_METRICS, SPLIT_METRICS, metric_settings
from evaluation.localization.score_shard import ShardTask, by_folder, find_lacking, score_shard
from evaluation.localization.split_scores import finish_splits
from evaluation.score_store import SCORES, SUMS
from explain.store import shard_files

__all__ = ["SCORES", "score_run"]
FEW_SHARDS = 48
"""Up to so many files of maps are scored in this process: starting others takes about as long."""


def score_run(
    run_folder: Path,
    dataset_root: Path,
    metrics: Mapping[str, Mapping[str, object]] | None = None,
    *,
    force: bool = False,
    workers: int | None = 1,
    seed: int = 0,
    engine: Engine = LOCAL,
) -> int:
    """Score the maps of a run that lack scores, merge the run's rows into the index, return how many were scored.

    Each map is brought to its picture's size by its method's rule and held against the mask of its part; a part that
    is not in the picture has an empty mask. One file of scores stands for one file of maps. `iou_best` and the
    metrics of splits are put together from all files at the end.

    Args:
        run_folder: with maps made by `explain`.
        dataset_root: the pictures.
        metrics: name to settings; None takes all with their defaults.
        force: score again, also where the settings of a metric differ from those in the files.
        workers: processes; None leaves it to the engine.
        seed: of the resampling of piles for metrics of splits.
        engine: where they run.

    Raises:
        SettingsError: an unknown metric or setting, or other settings than the scores that are there.
        BrickbenchError: the run has no maps, a picture is unknown to the dataset, a file is damaged, or another
            process scores the run.
    """
    every: Mapping[str, Mapping[str, object]] = {name: {} for name in (*METRICS, *SPLIT_METRICS)}
    chosen = by_folder(_checked(every if metrics is None else metrics))
    shards = shard_files(run_folder)
    if not shards:
        raise BrickbenchError(f"{run_folder} has no maps: make them with `brickbench explain run {run_folder}`.")
    for folder in (SCORES, SUMS):
        require_writable(run_folder / folder)
    with sole_writer(run_folder / SCORES):
        tasks = {}
        for shard in shards:
            lacking = find_lacking(run_folder, shard, chosen, force=force)
            if any(lacking.values()):
                tasks[f"{shard.parent.name}/{shard.stem}"] = ShardTask(run_folder, dataset_root, shard, lacking)
        scored = _score(tasks, len(shards), workers, engine)
        if chosen[SUMS]:
            finish_splits(run_folder, dataset_root, seed=seed)
    merge_run(dataset_root, run_folder)
    return scored


def _checked(metrics: Mapping[str, Mapping[str, object]]) -> dict[str, Settings]:
    chosen = {name: metric_settings(name, values) for name, values in metrics.items()}
    for name in chosen:
        if name in MOSAIC_METRICS:
            raise SettingsError(f"{name} is scored on mosaics: run `brickbench evaluate {name}`.")
    if getattr(chosen.get("iou_best"), "threshold", None) is not None:
        raise SettingsError(
            "iou_best takes the threshold that suits the maps of val pictures best: "
            "for one of your own, set iou_fixed.threshold."
        )
    return chosen


def _score(tasks: Mapping[str, ShardTask], shards: int, workers: int | None, engine: Engine) -> int:
    """Score all files, in other processes if there are many, and return the number of maps."""
    scored = 0
    with Progress("Localize", shards, "files of maps", done=shards - len(tasks)) as progress:
        crew = engine.crew(workers, len(tasks))
        if engine.is_here and (crew.workers == 1 or len(tasks) <= FEW_SHARDS):
            for task in tasks.values():
                scored += score_shard(task)
                progress.advance()
            return scored
        for outcome in run_items(score_shard, tasks, workers=crew.workers, setup=one_thread, engine=engine):
            if outcome.value is None:
                raise BrickbenchError(f"The maps {outcome.key} could not be scored ({outcome.error}).")
            scored += outcome.value
            progress.advance()
    return scored


def one_thread() -> None:
    """Keep OpenCV to one thread in a process that shares the machine with others."""
    import cv2

    cv2.setNumThreads(1)
