"""Two or more runs side by side: what was set otherwise, how well each did, and whether the difference is luck."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import BrickbenchError, SettingsError
from dataset.index import open_index
from dataset.pile_dataset import PileDataset
from dataset.splits import SPLITS
from training.run.checkpoint import resolve_checkpoint
from training.run.history import best_epoch
from training.run.run_list import RunSummary, summarize
from training.run.runs import Row, RunInfo, load_settings, read_epochs
from training.validation.intervals import RESAMPLES, Interval, estimate, intervals
from training.validation.metrics import Tally

SCORES = ("val_map_macro", "val_map_micro", "val_f1_macro", "val_precision_macro", "val_recall_macro", "val_loss")
COMPARED = ("map_macro", "map_micro", "f1_macro")


@dataclass(frozen=True)
class Paired:
    """How much higher a score of one run is than that of another on the very same pictures."""

    split: str
    pictures: int
    groups: int
    run: str
    minus: str
    metric: str
    difference: Interval

    def as_row(self) -> dict[str, object]:
        """Return it as a row of a table."""
        return {
            "split": self.split,
            "pictures": self.pictures,
            "groups": self.groups,
            "run": self.run,
            "minus": self.minus,
            "metric": self.metric,
            **self.difference.as_row("difference"),
        }


@dataclass(frozen=True)
class Comparison:
    """Runs side by side, by the names in `runs`."""

    runs: tuple[str, ...]
    summaries: tuple[RunSummary, ...]
    settings: dict[str, tuple[object, ...]]
    """Settings and origins in which not all runs agree: one value a run."""
    scores: tuple[Row, ...]
    """Of the best epoch of each run."""
    paired: tuple[Paired, ...]
    """Each run less the first one, on each split of which the predictions of both are in the index."""

    def setting_rows(self) -> list[dict[str, object]]:
        """Return one row a setting."""
        return [{"setting": name} | dict(zip(self.runs, values, strict=True)) for name, values in self.settings.items()]

    def score_rows(self) -> list[dict[str, object]]:
        """Return one row a run: epochs, and the scores of its best one on its own val split."""
        return [
            {
                "run": name,
                "model": summary.model,
                "epochs": summary.epochs,
                "finished": summary.finished,
                "best_epoch": summary.best_epoch,
                **{score: row.get(score) for score in SCORES},
            }
            for name, summary, row in zip(self.runs, self.summaries, self.scores, strict=True)
        ]

    def as_document(self) -> dict[str, object]:
        """Return everything as one JSON document."""
        return {
            "runs": self.score_rows(),
            "settings": self.setting_rows(),
            "paired": [pair.as_row() for pair in self.paired],
        }


@dataclass(frozen=True)
class _Run:
    name: str
    folder: Path
    info: RunInfo
    best: str
    """Checkpoint."""


def compare_runs(folders: Sequence[Path], root: Path, *, seed: int = 0, resamples: int = RESAMPLES) -> Comparison:
    """Return the runs in `folders` side by side.

    Args:
        folders: two or more runs.
        root: the dataset whose index has their predictions.
        seed: of the resampling.
        resamples: for the intervals; the same ones for both runs of a pair.

    Raises:
        SettingsError: fewer than two runs, or one twice.
        BrickbenchError: one of them is no run, or has no epoch yet.
    """
    if len({folder.resolve() for folder in folders}) < len(folders) or len(folders) < 2:
        raise SettingsError("Give two or more different runs to compare.")
    infos = [RunInfo.load_run(folder) for folder in folders]
    names = [info.run_id for info in infos]
    if len(set(names)) < len(names):
        names = [str(folder) for folder in folders]
    runs = [
        _Run(name, folder, info, resolve_checkpoint(folder).stem)
        for name, folder, info in zip(names, folders, infos, strict=True)
    ]
    return Comparison(
        runs=tuple(names),
        summaries=tuple(summarize(folder) for folder in folders),
        settings=_differing([_facts(run) for run in runs]),
        scores=tuple(best_epoch(read_epochs(folder)) for folder in folders),
        paired=tuple(
            pair
            for split in SPLITS
            for run in runs[1:]
            for pair in _pairs(run, runs[0], root, split, seed=seed, resamples=resamples)
        ),
    )


def _facts(run: _Run) -> dict[str, object]:
    """Return what was set and where it ran, flat: ``augment_renders.hue`` …."""
    facts = _flat(load_settings(run.folder).model_dump(mode="json"))
    origin = {
        "dataset": run.info.dataset,
        "dataset_digest": run.info.dataset_digest,
        "classes": len(run.info.classes),
        "device": run.info.device,
        "git_commit": run.info.git_commit,
    }
    return facts | origin | {f"version of {name}": version for name, version in run.info.versions.items()}


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value:
            found |= _flat(value, f"{before}{name}.")
        else:
            found[before + name] = json.dumps(value) if isinstance(value, list | dict) else value
    return found


def _differing(facts: list[dict[str, object]]) -> dict[str, tuple[object, ...]]:
    names = dict.fromkeys(name for each in facts for name in each)
    values = {name: tuple(each.get(name) for each in facts) for name in names}
    return {name: each for name, each in values.items() if any(value != each[0] for value in each)}


def _pairs(run: _Run, other: _Run, root: Path, split: str, *, seed: int, resamples: int) -> list[Paired]:
    """Return `run` less `other` on a split; nothing unless both were predicted on all of its pictures."""
    if set(run.info.classes) != set(other.info.classes):
        return []
    try:
        pictures = PileDataset(root, split, classes=other.info.classes)
    except BrickbenchError:  # other parts, or no picture in that split
        return []
    mine, theirs = (stored_logits(root, each.info.run_id, each.best, pictures) for each in (run, other))
    if mine is None or theirs is None:
        return []
    one, two = (
        estimate(Tally(logits, pictures.targets, pictures.groups), seed=seed, resamples=resamples)
        for logits in (mine, theirs)
    )
    return [
        Paired(
            split=split,
            pictures=len(pictures),
            groups=one.groups,
            run=run.name,
            minus=other.name,
            metric=metric,
            difference=intervals(
                one.values[metric] - two.values[metric],
                one.resampled[metric] - two.resampled[metric],
                [one.groups],
                lowest=-1.0,
            )[0],
        )
        for metric in COMPARED
    ]


def stored_logits(root: Path, run_id: str, checkpoint: str, pictures: PileDataset) -> npt.NDArray[np.float32] | None:
    """Return the logits (N, C) of a checkpoint that the index has of all `pictures`; None if one is lacking."""
    row_of = {image_id: row for row, image_id in enumerate(pictures.image_ids)}
    column_of = {part_id: column for column, part_id in enumerate(pictures.classes)}
    with open_index(root) as index:
        found = index.execute(
            "SELECT image_id, part_id, logit FROM predictions WHERE run_id = ? AND checkpoint = ? "
            "AND image_id IN (SELECT unnest(?)) AND part_id IN (SELECT unnest(?))",
            [run_id, checkpoint, list(row_of), list(column_of)],
        ).fetchnumpy()
    logits = np.full((len(row_of), len(column_of)), np.nan, dtype=np.float32)
    rows = [row_of[image_id] for image_id in found["image_id"]]
    logits[rows, [column_of[part_id] for part_id in found["part_id"]]] = found["logit"]
    return None if np.isnan(logits).any() else logits
