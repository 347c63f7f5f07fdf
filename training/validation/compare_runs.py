"""Two or more runs side by side: what was set otherwise, how well each did, and whether the difference is luck."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.bootstrap import Estimate
from core.errors import BrickbenchError, SettingsError
from dataset.database import open_index
from dataset.pile_dataset import PileDataset
from dataset.splits import SPLITS
from training.run.history import Row, best_epoch
from training.run.run import Run, RunSummary, summarize
from training.run.settings import TrainingSettings
from training.validation.intervals import RESAMPLES, estimate
from training.validation.metrics import Tally

SCORES = ("val_map_macro", "val_map_micro", "val_f1_macro", "val_precision_macro", "val_recall_macro", "val_loss")
COMPARED = ("map_macro", "map_micro", "f1_macro")


_Side = tuple[str, Run, str]
"""A run with its name in the comparison and its best checkpoint."""


@dataclass(frozen=True)
class Paired:
    """How much higher a score of one run is than that of another on the very same pictures."""

    split: str
    pictures: int
    groups: int
    run: str
    minus: str
    metric: str
    difference: Estimate

    def as_row(self) -> dict[str, object]:
        """Return it as a row of a table."""
        row = {name: value for name, value in vars(self).items() if name != "difference"}
        return row | self.difference.as_row("difference")


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


def compare_runs(runs: Sequence[Run], *, seed: int = 0, resamples: int = RESAMPLES) -> Comparison:
    """Return two or more runs side by side; the index of the first one's dataset has their predictions.

    Both runs of a pair see the same `resamples`.

    Raises:
        SettingsError: fewer than two runs, or one twice.
        BrickbenchError: one of them has no epoch yet, or the first one's dataset is gone.
    """
    if len({run.folder.resolve() for run in runs}) < len(runs) or len(runs) < 2:
        raise SettingsError("Give two or more different runs to compare.")
    names = [run.info.run_id for run in runs]
    if len(set(names)) < len(names):
        names = [str(run.folder) for run in runs]
    sides = list(zip(names, runs, [run.best for run in runs], strict=True))
    return Comparison(
        runs=tuple(names),
        summaries=tuple(summarize(run.folder) for run in runs),
        settings=_differing([_facts(run) for run in runs]),
        scores=tuple(best_epoch(run.epochs) for run in runs),
        paired=tuple(
            pair
            for split in SPLITS
            for side in sides[1:]
            for pair in _pairs(side, sides[0], split, seed=seed, resamples=resamples)
        ),
    )


def _facts(run: Run) -> dict[str, object]:
    """Return what was set and where it ran, flat: ``augment_renders.hue`` …."""
    facts = run.facts()
    origin = ("dataset", "dataset_digest", "classes", "device", "git_commit")
    settings = _flat({name: facts[name] for name in TrainingSettings.model_fields})
    versions = {f"version of {name}": version for name, version in run.info.versions.items()}
    return settings | {name: facts[name] for name in origin} | versions


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{before}{name}.")
        else:
            flat[before + name] = json.dumps(value) if isinstance(value, list | dict) else value
    return flat


def _differing(facts: list[dict[str, object]]) -> dict[str, tuple[object, ...]]:
    names = dict.fromkeys(name for of_run in facts for name in of_run)
    values = {name: tuple(of_run.get(name) for of_run in facts) for name in names}
    return {name: row for name, row in values.items() if any(value != row[0] for value in row)}


def _pairs(one: _Side, other: _Side, split: str, *, seed: int, resamples: int) -> list[Paired]:
    """Return `one` less `other` on a split; nothing unless both were predicted on all of its pictures."""
    name, run, _ = one
    minus, base, _ = other
    dataset = base.dataset
    if set(run.info.classes) != set(base.info.classes):
        return []
    try:
        pictures = dataset.pictures(split, base.info.classes)
    except BrickbenchError:  # other parts, or no picture in that split
        return []
    mine, theirs = (stored_logits(side.info.run_id, checkpoint, pictures) for _, side, checkpoint in (one, other))
    if mine is None or theirs is None:
        return []
    scores, base_scores = (
        estimate(Tally(logits, pictures.targets, pictures.groups), seed=seed, resamples=resamples)
        for logits in (mine, theirs)
    )
    return [
        Paired(split, len(pictures), scores.groups, name, minus, metric, scores.less(base_scores, metric))
        for metric in COMPARED
    ]


def stored_logits(run_id: str, checkpoint: str, pictures: PileDataset) -> npt.NDArray[np.float32] | None:
    """Return the logits (N, C) of a checkpoint that the index has of all `pictures`; None if one is lacking."""
    row_of = {image_id: row for row, image_id in enumerate(pictures.image_ids)}
    column_of = {part_id: column for column, part_id in enumerate(pictures.classes)}
    with open_index(pictures.root) as index:
        stored = index.execute(
            "SELECT image_id, part_id, logit FROM predictions WHERE run_id = ? AND checkpoint = ? "
            "AND image_id IN (SELECT unnest(?)) AND part_id IN (SELECT unnest(?))",
            [run_id, checkpoint, list(row_of), list(column_of)],
        ).fetchnumpy()
    logits = np.full((len(row_of), len(column_of)), np.nan, dtype=np.float32)
    rows = [row_of[image_id] for image_id in stored["image_id"]]
    logits[rows, [column_of[part_id] for part_id in stored["part_id"]]] = stored["logit"]
    return None if np.isnan(logits).any() else logits
