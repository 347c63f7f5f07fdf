"""Everything that the report of a study tells, gathered before anything is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluation.statistics.effects import Estimate
from evaluation.study.analysis import StudyResult
from evaluation.study.answers.answers import Answers
from evaluation.study.models.scores import ScoreKey
from evaluation.study.models.share import wilson
from evaluation.study.report.sources import Sources
from evaluation.study.report.words import StudyVerdict, decide

SCORE_BINS = 6
"""Groups of equal size of a plot of choices against scores."""
FEWEST_IN_BIN = 8


@dataclass(frozen=True)
class StudyReport:
    """Everything that the report tells."""

    sources: Sources
    result: StudyResult
    verdict: StudyVerdict
    titles: Mapping[str, str]
    """Of methods, for readers."""
    metric: str
    """Title of the scores that choices are held against; empty without them."""
    by_score: tuple[tuple[float, Estimate], ...]
    """Mean difference of scores (left minus right) in groups of answers, and the share that chose left."""


def make_report(
    sources: Sources,
    result: StudyResult,
    *,
    titles: Mapping[str, str] | None = None,
    metric: str = "",
    scores: Mapping[ScoreKey, float] | None = None,
) -> StudyReport:
    """Return the report of `result`, which was made of `sources` and, where given, `scores`."""
    names = dict(titles or {})
    by_score = choices_by_score(sources.answers, scores) if scores else ()
    return StudyReport(sources, result, decide(result, names), names, metric, by_score)


def choices_by_score(answers: Answers, scores: Mapping[ScoreKey, float]) -> tuple[tuple[float, Estimate], ...]:
    """Return the mean score difference (left minus right) of groups of main answers, and the share that chose left.

    Answers are sorted by the difference and cut into up to `SCORE_BINS` groups of about the same size; answers with one
    and the same difference stay together.
    """
    main = answers.where(answers.kind == "main")
    found = []
    for image_id, part_id, left, right, chosen in zip(
        main.image_id.tolist(), main.part_id.tolist(), main.left.tolist(), main.right.tolist(), main.chosen.tolist(),
        strict=True,
    ):  # fmt: skip
        pair = [scores.get((image_id, part_id, method)) for method in (left, right)]
        if pair[0] is not None and pair[1] is not None:
            found.append((pair[0] - pair[1], chosen == "left"))
    if not found:
        return ()
    difference, is_left = (np.array(column) for column in zip(*found, strict=True))
    bins = max(1, min(SCORE_BINS, len(found) // FEWEST_IN_BIN))
    edges = np.unique(np.quantile(difference, np.linspace(0, 1, bins + 1)[1:-1]))
    place = np.searchsorted(edges, difference, side="left")
    groups = [place == each for each in np.unique(place)]
    return tuple((float(difference[each].mean()), wilson(int(is_left[each].sum()), int(each.sum()))) for each in groups)
