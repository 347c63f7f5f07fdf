"""Everything that the report of a study tells, gathered before anything is drawn, and what decided its numbers."""

import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.bootstrap import Estimate
from core.versions import installed_versions
from evaluation.study.analysis import StudyResult
from evaluation.study.answers.answers import Answers
from evaluation.study.models.scores import ScoreKey
from evaluation.study.models.share import wilson
from evaluation.study.report.sources import Sources
from evaluation.study.report.words import StudyVerdict, decide

SCORE_BINS = 6
"""Groups of equal size of a plot of choices against scores."""
FEWEST_IN_BIN = 8
_LIBRARIES = ("brickbench", "numpy", "scipy", "matplotlib")
_KINDS = {"main": "main", "repeat": "repeated", "swapped": "swapped", "attention": "attention checks"}


@dataclass(frozen=True)
class StudyReport:
    """Everything that the report tells."""

    sources: Sources
    result: StudyResult
    verdict: StudyVerdict
    titles: Mapping[str, str]
    """Titles of methods, for readers."""
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
    pairs = []
    for image_id, part_id, left, right, chosen in zip(
        main.image_id.tolist(), main.part_id.tolist(), main.left.tolist(), main.right.tolist(), main.chosen.tolist(),
        strict=True,
    ):  # fmt: skip
        of_left, of_right = (scores.get((image_id, part_id, method)) for method in (left, right))
        if of_left is not None and of_right is not None:
            pairs.append((of_left - of_right, chosen == "left"))
    if not pairs:
        return ()
    difference, is_left = (np.array(column) for column in zip(*pairs, strict=True))
    bins = max(1, min(SCORE_BINS, len(pairs) // FEWEST_IN_BIN))
    edges = np.unique(np.quantile(difference, np.linspace(0, 1, bins + 1)[1:-1]))
    bin_of = np.searchsorted(edges, difference, side="left")
    groups = [bin_of == index for index in np.unique(bin_of)]
    return tuple(
        (float(difference[group].mean()), wilson(int(is_left[group].sum()), int(group.sum()))) for group in groups
    )


def provenance(report: StudyReport) -> list[tuple[str, str]]:
    """Return label and text of each thing that decided the numbers: equal inputs, equal text."""
    answers, result = report.sources.answers, report.result
    kinds = Counter(answers.kind.tolist())
    rows = [
        ("Answers from", ", ".join(report.sources.names)),
        ("Answers", f"{len(answers)}, digest {report.sources.digest}"),
        ("Of these", ", ".join(f"{kinds[kind]} {name}" for kind, name in _KINDS.items() if kinds[kind])),
        ("Methods", ", ".join(report.titles.get(name, name) for name in result.methods)),
    ]
    languages = Counter(language for language in answers.language.tolist() if language)
    if languages:
        rows.append(("Answered in", ", ".join(f"{name} ({count})" for name, count in sorted(languages.items()))))
    seconds = answers.seconds[np.isfinite(answers.seconds)]
    if len(seconds):
        low, middle, high = np.quantile(seconds, [0.25, 0.5, 0.75])
        rows.append(("Time for an answer", f"median {middle:.1f} s, half of them from {low:.1f} to {high:.1f} s"))
    if report.metric:
        rows.append(("Held against", report.metric))
    versions = ", ".join(f"{name} {version}" for name, version in installed_versions(_LIBRARIES).items())
    return [
        *rows,
        ("Intervals", "95 %"),
        ("Resampling and permutations", f"{result.draws} draws, seed {result.seed}"),
        ("Software", f"Python {platform.python_version()}, {versions}"),
    ]
