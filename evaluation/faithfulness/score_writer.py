"""Scores as they come, in any order, written beside the files of maps that they belong to."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa

from core.settings import Settings
from evaluation.faithfulness.plan import Job, known_levels
from evaluation.faithfulness.registry import find_faithfulness
from evaluation.faithfulness.scorer import Noise, WorkItem
from evaluation.measure import Score, Scores
from evaluation.score_store import score_table, write_rows
from explain.store import Attribution

SECONDS_UNWRITTEN = 60.0
"""What a kill can cost of a slow measure; others are written as soon as a file of maps is complete by one of them."""


class ScoreWriter:
    """Keeps the scores of a run's maps and writes them; use it with ``with``, which writes what is left.

    A score whose level of chance another work item measures waits for that.

    Attributes:
        levels: the levels of chance that were measured.
        made: scores that are new and complete.
    """

    def __init__(self, jobs: Sequence[Job], metrics: Mapping[str, Settings]) -> None:
        """Take the files of maps with what they lack, and the settings of all measures."""
        self._jobs = {job.rows[0].file: job for job in jobs}
        self._metrics = metrics
        self._made: dict[tuple[str, str], dict[str, Score]] = defaultdict(dict)  # by file and measure, by map
        self._waiting: dict[tuple[str, str], dict[str, Score]] = defaultdict(dict)  # by file and measure, by map
        self._unwritten: dict[str, float] = {}  # by file, since when
        self.levels = known_levels(jobs, metrics)
        self.made = 0

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
            files = [item.rows[0].file]
            scored = {row.attribution_id: score for row, score in zip(item.rows, scores, strict=True)}
            self._waiting[files[0], item.metric].update(scored)
        for file in files:
            self._settle(file, item.metric)
        for file, since in list(self._unwritten.items()):
            if time.monotonic() - since >= SECONDS_UNWRITTEN:
                self._write(file)

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
                self._made[file, metric][identity] = score
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
        """Write what is there of one file of maps, sorted by measure and map: the same in whatever order they came."""
        job = self._jobs[file]
        del self._unwritten[file]
        rows = {row.attribution_id: row for row in job.rows}
        tables = list(job.kept.values())
        for metric, settings in self._metrics.items():
            if made := self._made[file, metric]:
                tables.append(score_table(metric, settings, [rows[identity] for identity in made], _as_scores(made)))
        table = pa.concat_tables(tables).sort_by([("metric", "ascending"), ("attribution_id", "ascending")])
        write_rows(job.out, [table.combine_chunks()], compression="snappy")


def _as_scores(made: Mapping[str, Score]) -> Scores:
    return Scores(
        np.array([score.value for score in made.values()], dtype=np.float64),
        np.array([score.status for score in made.values()]),
        np.array([score.chance for score in made.values()], dtype=np.float64),
    )
