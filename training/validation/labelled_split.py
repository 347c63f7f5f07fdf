"""How well a checkpoint labels a split: logits beside truth, and everything that follows from them."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from core.bootstrap import LEVEL
from core.errors import SettingsError
from core.progress import Progress
from dataset.pile_dataset import PileDataset
from training.run.checkpoint import Thresholds
from training.run.predict import label_split
from training.run.run import Run
from training.validation.breakdown import StratumScores, VisibilityBin, recall_by_visibility, strata, stratum_scores
from training.validation.confusion import Confusion, confuse
from training.validation.intervals import CLASS_SCORES, RESAMPLES, Estimates, estimate
from training.validation.metrics import SCORES, FloatArray, Tally
from training.validation.picture_facts import PictureFacts, read_facts
from training.validation.thresholds import choose_thresholds, save_thresholds

ALL_SPLITS = "all"


@dataclass(frozen=True)
class Validation:
    """What a checkpoint says of the pictures of one split, beside the truth."""

    run_id: str
    checkpoint: str
    split: str
    """train, val, test, or all"""
    classes: tuple[str, ...]
    logits: npt.NDArray[np.float32]
    """(N, C)"""
    targets: npt.NDArray[np.float32]
    """(N, C)"""
    pictures: PileDataset

    @property
    def groups(self) -> npt.NDArray[np.int64]:
        """Return the group of each picture, (N,): views of a pile, or photos that are duplicates."""
        return self.pictures.groups

    @property
    def part_names(self) -> tuple[str, ...]:
        """Return the name of each class."""
        names = {part.part_id: part.name for part in self.pictures.manifest.parts}
        return tuple(names[part_id] for part_id in self.classes)

    def tally(self, thresholds: npt.ArrayLike = 0.0) -> Tally:
        """Return the sums from which all scores follow."""
        return Tally(self.logits, self.targets, self.groups, thresholds)


def validate(
    run: Run,
    split: str = "val",
    checkpoint: str = "best",
    device: str = "auto",
    say: Callable[[str], None] | None = None,
) -> Validation:
    """Return logits and targets of one split, from which its scores follow; stores nothing.

    `say` is told of parts of the dataset that the checkpoint does not know, which are left out.

    Raises:
        BrickbenchError: no checkpoint, a part that the dataset lacks, or a damaged dataset.
    """
    which = None if split == ALL_SPLITS else split
    loaded, pictures, logits = label_split(run, which, checkpoint, device, say)
    return Validation(loaded.run_id, loaded.name, split, loaded.classes, logits, pictures.targets, pictures)


def choose_and_save(run: Run, validation: Validation) -> Thresholds:
    """Choose a threshold for each class on these pictures, keep them beside the checkpoint, and return them.

    Raises:
        SettingsError: the pictures are the test split or all: nothing would be left to test them on.
    """
    if validation.split in {"test", ALL_SPLITS}:
        raise SettingsError(
            f"Thresholds chosen on split {validation.split!r} would flatter every score on test: "
            "choose them with --split val."
        )
    thresholds = Thresholds(
        split=validation.split,
        pictures=len(validation.targets),
        logits=tuple(choose_thresholds(validation.logits, validation.targets).tolist()),
    )
    save_thresholds(run, validation.checkpoint, thresholds)
    return thresholds


@dataclass(frozen=True)
class Findings:
    """All scores of a validation, with their intervals."""

    validation: Validation
    estimates: Estimates
    """With every threshold at logit 0, that is probability one half."""
    thresholds: Thresholds | None
    estimates_at_thresholds: Estimates | None
    """With the chosen thresholds."""
    seed: int
    resamples: int

    @property
    def decision(self) -> FloatArray:
        """Return the logit of each class above which it counts as claimed: the chosen one if there is one, else 0."""
        count = len(self.validation.classes)
        return np.zeros(count) if self.thresholds is None else np.array(self.thresholds.logits)

    @property
    def decided(self) -> Estimates:
        """Return the scores at those thresholds."""
        return self.estimates_at_thresholds or self.estimates

    def score_rows(self) -> list[dict[str, object]]:
        """Return one row a score: its value and interval, beside those with chosen thresholds if there are any."""
        rows = []
        for name in SCORES:
            row: dict[str, object] = {"metric": name} | self.estimates.interval(name).as_row("value")
            if self.estimates_at_thresholds is not None:
                row |= self.estimates_at_thresholds.interval(name).as_row("chosen")
            rows.append(row)
        return rows

    def class_rows(self) -> list[dict[str, object]]:
        """Return one row a class: part_id, name, pictures that show it, and its scores with intervals."""
        scores = {name: self.decided.class_intervals(name) for name in CLASS_SCORES}
        shown = (self.validation.targets > 0.5).sum(axis=0)
        rows: list[dict[str, object]] = []
        names = zip(self.validation.classes, self.validation.part_names, strict=True)
        for number, (part_id, part_name) in enumerate(names):
            row: dict[str, object] = {"part_id": part_id, "name": part_name, "pictures": int(shown[number])}
            for name in CLASS_SCORES:
                row |= scores[name][number].as_row(name)
            rows.append(row)
        return rows


@dataclass(frozen=True)
class Details:
    """Where a network is right and where it is not."""

    facts: PictureFacts
    strata: tuple[StratumScores, ...]
    visibility: tuple[VisibilityBin, ...]
    """Empty where no picture is a render."""
    confusion: Confusion


def find_scores(
    validation: Validation, thresholds: Thresholds | None = None, *, seed: int = 0, resamples: int = RESAMPLES
) -> Findings:
    """Return all scores with intervals over groups, and those at `thresholds` on the very same resamples."""
    estimates = estimate(validation.tally(), seed=seed, resamples=resamples, by_class=True)
    chosen = None
    if thresholds is not None:
        tally = validation.tally(np.array(thresholds.logits))
        chosen = estimate(tally, seed=seed, resamples=resamples, by_class=True)
    return Findings(validation, estimates, thresholds, chosen, seed, resamples)


def find_details(findings: Findings) -> Details:
    """Return the scores of `findings` broken down, at the thresholds that were chosen if there are any."""
    validation, decision = findings.validation, findings.decision
    logits, targets, groups = validation.logits, validation.targets, validation.groups
    drawing = {"seed": findings.seed, "resamples": findings.resamples}
    facts = read_facts(validation.pictures)
    pieces, scores = strata(facts, targets), []
    with Progress("Breaking down", len(pieces), "strata") as progress:
        for stratum in pieces:
            scores.append(stratum_scores(stratum, logits, targets, groups, thresholds=decision, **drawing))
            progress.advance()
    visibility = recall_by_visibility(facts, logits, targets, groups, thresholds=decision, **drawing)
    return Details(facts, tuple(scores), tuple(visibility), confuse(logits, targets, decision))


def as_document(findings: Findings, details: Details) -> dict[str, object]:
    """Return everything as one JSON document."""
    validation, thresholds = findings.validation, findings.thresholds
    shown = (validation.targets > 0.5).any(axis=0)
    return {
        "run_id": validation.run_id,
        "checkpoint": validation.checkpoint,
        "split": validation.split,
        "pictures": len(validation.targets),
        "groups": findings.estimates.groups,
        "classes_scored": int(shown.sum()),
        "classes_without_positives": int((~shown).sum()),
        "interval": {"level": LEVEL, "resamples": findings.resamples, "seed": findings.seed},
        "scores": _scores(findings.estimates),
        "thresholds": None
        if thresholds is None
        else {
            "split": thresholds.split,
            "pictures": thresholds.pictures,
            "logits": dict(zip(validation.classes, thresholds.logits, strict=True)),
        },
        "scores_at_thresholds": None
        if findings.estimates_at_thresholds is None
        else _scores(findings.estimates_at_thresholds),
        "classes": findings.class_rows(),
        "breakdown": [stratum.as_row() for stratum in details.strata],
        "recall_by_visibility": [visible.as_row() for visible in details.visibility],
        "confusions": details.confusion.pairs(validation.classes),
    }


def _scores(estimates: Estimates) -> dict[str, dict[str, float]]:
    return {name: asdict(estimates.interval(name)) for name in SCORES}
