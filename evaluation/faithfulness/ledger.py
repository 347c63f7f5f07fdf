"""Scores as they come, in any order, written beside the files of maps that they belong to."""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from core.settings import Settings
from evaluation.faithfulness.files import Score, ScoreKey, write_scores
from evaluation.faithfulness.plan import Job, known_levels
from evaluation.faithfulness.registry import find_faithfulness
from evaluation.faithfulness.scorer import Noise, WorkItem
from explain.methods import find_method
from explain.store import Attribution

SECONDS_UNWRITTEN = 60.0
"""What a kill can cost of a slow measure; others are written as soon as a file of maps is complete by one of them."""


class Ledger:
    """Keeps the scores of a run's maps and writes them; use it with ``with``, which writes what is left.

    A score whose level of chance another work item measures waits for that.

    Attributes:
        levels: the levels of chance that were measured.
        made: scores that are new and complete.
        failures: maps whose scores could not be made, by reason.
    """

    def __init__(self, jobs: Sequence[Job], metrics: Mapping[str, Settings]) -> None:
        """Take the files of maps with what they lack, and the settings of all measures."""
        self._jobs = {job.rows[0].file: job for job in jobs}
        self._settings = {name: settings.model_dump_json() for name, settings in metrics.items()}
        self._waiting: dict[tuple[str, str], dict[str, Score]] = defaultdict(dict)  # by file and measure, by map
        self._unwritten: dict[str, float] = {}  # by file, since when
        self.levels = known_levels(jobs, metrics)
        self.made = 0
        self.failures: Counter[str] = Counter()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is left, also when the work was interrupted."""
        for file in list(self._unwritten):
            self._write(file)

    def take(self, item: WorkItem, scores: Sequence[Score]) -> None:
        """Take the scores of one work item, and write what is complete or has waited for long."""
        if isinstance(item, Noise):
            measured = zip(item.pairs, scores, strict=True)
            self.levels.update({(item.metric, *pair): score.value for pair, score in measured})
            files = [file for file, metric in self._waiting if metric == item.metric]
        else:
            found = zip(item.rows, scores, strict=True)
            files = [item.rows[0].file]
            self._waiting[files[0], item.metric].update({row.attribution_id: score for row, score in found})
        for file in files:
            self._settle(file, item.metric)
        for file, since in list(self._unwritten.items()):
            if time.monotonic() - since >= SECONDS_UNWRITTEN:
                self._write(file)

    def fail(self, item: WorkItem, reason: str) -> None:
        """Take that a work item has no scores; its maps go on lacking them."""
        self.failures[f"{item.name}: {reason}"] += 1

    @property
    def lacking(self) -> int:
        """How many scores are not there."""
        return sum(len(rows) for job in self._jobs.values() for rows in job.lacking.values())

    def _settle(self, file: str, metric: str) -> None:
        """Move scores whose level of chance is known to those that are there; write a file that is complete by it."""
        job, waiting = self._jobs[file], self._waiting[file, metric]
        lacking = job.lacking[metric]
        for identity in list(waiting):
            score = self._with_level(metric, lacking[identity], waiting[identity])
            if score is not None:
                job.scores[ScoreKey(identity, metric)] = score, self._settings[metric]
                del waiting[identity], lacking[identity]
                self.made += 1
                self._unwritten.setdefault(file, time.monotonic())
        if not lacking and file in self._unwritten:
            self._write(file)

    def _with_level(self, metric: str, row: Attribution, score: Score) -> Score | None:
        if not find_faithfulness(metric).chance_of_noise:
            return score
        level = self.levels.get((metric, row.image_id, row.part_id))
        return None if level is None else replace(score, chance=level)

    def _write(self, file: str) -> None:
        job = self._jobs[file]
        del self._unwritten[file]
        write_scores(job.out, job.scores, find_method(job.rows[0].method).resize)
