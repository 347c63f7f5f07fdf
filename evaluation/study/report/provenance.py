"""What decided the numbers of a study's report: answers, seed, versions. No path, no clock."""

import platform
from collections import Counter
from importlib import metadata

import numpy as np

from evaluation.study.report.contents import StudyReport

_LIBRARIES = ("brickbench", "numpy", "scipy", "matplotlib")
_KINDS = {"main": "main", "repeat": "repeated", "swapped": "swapped", "attention": "attention checks"}


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
    return [
        *rows,
        ("Intervals", "95 %"),
        ("Resampling and permutations", f"{result.draws} draws, seed {result.seed}"),
        ("Software", f"Python {platform.python_version()}, " + ", ".join(_versions())),
    ]


def _versions() -> list[str]:
    versions = []
    for name in _LIBRARIES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:  # a checkout that is not installed
            continue
    return versions
