"""What an analysis reads: answers of studies and files, names of what was shown, scores of the same maps."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import BrickbenchError, SettingsError
from core.settings import near_matches
from evaluation.study.answers.answers import COLUMNS, Answers, read_answer_file
from evaluation.study.answers.store import read_answers
from evaluation.study.key import read_key
from evaluation.study.models.scores import ScoreKey


@dataclass(frozen=True)
class Sources:
    """Answers, and what is known of what they are about."""

    answers: Answers
    names: tuple[str, ...]
    """Names of the studies and files, without their folders."""
    item_titles: dict[str, str]
    """Item to such as ``i07, Brick 2 x 4``, where a study tells."""

    @property
    def digest(self) -> str:
        """Return 12 hexadecimal digits that differ whenever an answer differs."""
        content = hashlib.sha256()
        for name in COLUMNS:
            content.update(repr(getattr(self.answers, name).tolist()).encode())
        return content.hexdigest()[:12]


def read_sources(paths: Sequence[Path]) -> Sources:
    """Return the answers of all `paths`, each a study or a canonical file of answers.

    Raises:
        BrickbenchError: one cannot be read, has no answers, or has a participant whom another one has too.
    """
    parts: list[Answers] = []
    titles: dict[str, str] = {}
    for path in paths:
        answers = read_answers(path) if path.is_dir() else read_answer_file(path)
        if not len(answers):
            raise BrickbenchError(f"{path} has no answers yet.")
        parts.append(answers)
        if path.is_dir():
            key = read_key(path)
            titles |= {
                item.item_id: f"{item.item_id}, {key.part_names.get(item.part_id, item.part_id)}" for item in key.items
            }
    known: dict[str, Path] = {}
    for path, answers in zip(paths, parts, strict=True):
        for person in sorted(set(answers.participant.tolist())):
            if known.setdefault(person, path) != path:
                raise BrickbenchError(
                    f"Participant {person} is in {known[person]} and in {path}. Name each source once, and give "
                    "different people different names."
                )
    together = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    return Sources(Answers(**together), tuple(path.resolve().name for path in paths), titles)


def read_scores(run_folder: Path, metric: str) -> dict[ScoreKey, float]:
    """Return a run's scores by image, part and method, turned so that higher is better; undefined ones are left out.

    Raises:
        SettingsError: the run has no such metric.
        BrickbenchError: the run has no scores.
    """
    from evaluation.measures import MEASURES
    from evaluation.statistics.table import load_scores
    from training.run.run import Run

    table = load_scores(Run.open(run_folder))
    if metric not in table.metrics:
        known = list(table.metrics)
        raise SettingsError(
            f"{run_folder} has no scores by {metric!r}{near_matches(metric, known)}; it has {', '.join(known)}."
        )
    sign = -1.0 if MEASURES[metric].direction == "lower" else 1.0
    values = sign * table.values[:, table.metrics.index(metric)]
    return {
        (image_id, part_id, label.name): float(values[method, pair])
        for method, label in enumerate(table.methods)
        for pair, (image_id, part_id) in enumerate(table.pairs)
        if np.isfinite(values[method, pair])
    }
