"""The analysis as a table, one row a figure in the order in which the report tells them, and as files for programs."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.bootstrap import Estimate
from core.cli import plain_json
from core.csv_table import table_text
from core.files import atomic_file, cannot_write, require_writable
from evaluation.study.analysis import Preference, StudyResult
from evaluation.study.models.results import NO_ESTIMATE, Group
from evaluation.study.report.contents import StudyReport, provenance

NAMES = ("study.json", "figures.csv", "groups.csv")
NEW, NEW_PEOPLE, THESE = "new people and items", "new people", "these only"
SHARE_WILSON = "share, Wilson's interval"
SHARE_MODEL = "share, crossed-effects model"
_POOLED = "p takes all answers for independent: too small"
SHARE_EXACT = "share, exact interval"
SHARE_RESAMPLED = "share, two-way bootstrap"
SIDES = "randomisation of sides"
_OF_ATTENTIVE = (SHARE_WILSON, SHARE_EXACT, SIDES, SHARE_MODEL, SHARE_RESAMPLED)


@dataclass(frozen=True)
class Figure:
    """One number with its interval and p value, and of whom it speaks; NaN where there is none."""

    group: str
    """``everyone``, or ``attentive``: without those who failed an attention check."""
    figure: str
    value: float
    low: float
    high: float
    p: float
    speaks_of: str
    note: str
    """Counts, or why there is no number."""


def figures(result: StudyResult) -> list[Figure]:
    """Return all figures of everyone, of the attention checks, and the preference of those who passed them."""
    rows = list(_preference("everyone", result.everyone))
    checks = result.attention
    passed = Estimate(checks.passed / checks.checks if checks.checks else np.nan, np.nan, np.nan)
    note = checks.reason or f"{checks.passed} of {checks.checks}; {len(checks.failed_people)} people failed one"
    rows.append(_figure("everyone", "attention checks passed", passed, np.nan, THESE, note))
    if result.attentive is not None:
        rows += [row for row in _preference("attentive", result.attentive) if row.figure in _OF_ATTENTIVE]
    return rows


def group_rows(result: StudyResult) -> list[dict[str, object]]:
    """Return one row an item, person and level of familiarity: chosen, answers, share with Wilson's interval, p."""
    people = [_group_row("person", group) for group in numbered(result.everyone.by_person)]
    levels = [_group_row("familiarity", group) for group in result.everyone.familiarity.levels]
    items = [
        _group_row("item", test.group) | {"p": test.p_value, "p_holm": test.holm_p_value}
        for test in result.everyone.by_item.tests
    ]
    return items + people + levels


def numbered(people: Sequence[Group]) -> list[Group]:
    """Return the groups of `people` under numbers instead of names, which may tell who they are."""
    return [replace(person, name=f"Person {number}") for number, person in enumerate(people, start=1)]


def document(report: StudyReport) -> dict[str, Any]:
    """Return all that the report says, and all that the analysis found; people are numbered, not named."""
    result = report.result
    everyone = replace(result.everyone, by_person=tuple(numbered(result.everyone.by_person)))
    analysis: dict[str, Any] = asdict(replace(result, everyone=everyone, attentive=None))
    analysis["attention"]["failed_people"] = len(result.attention.failed_people)
    if result.attentive is not None:
        attentive = replace(result.attentive, by_person=tuple(numbered(result.attentive.by_person)))
        analysis["attentive"] = asdict(attentive)
    return {
        "headline": report.verdict.headline,
        "sentences": report.verdict.sentences,
        "caveats": report.verdict.caveats,
        "figures": [vars(row) for row in figures(result)],
        "analysis": analysis,
        "choices_by_score": [{"difference": at, **share.as_row("left")} for at, share in report.by_score],
        "metric": report.metric,
        "provenance": dict(provenance(report)),
    }


def write_data(report: StudyReport, folder: Path) -> list[Path]:
    """Write the files called `NAMES` into `folder`, over what is there, and return their paths.

    Raises:
        BrickbenchError: `folder` cannot be written.
    """
    require_writable(folder)
    paths = [folder / name for name in NAMES]
    tables = [vars(row) for row in figures(report.result)], group_rows(report.result)
    with cannot_write(f"in {folder}", "Choose another folder."):
        with atomic_file(paths[0]) as temporary:
            text = json.dumps(plain_json(document(report)), ensure_ascii=False, allow_nan=False, indent=1)
            temporary.write_text(text + "\n", encoding="utf-8")
        for path, rows in zip(paths[1:], tables, strict=True):
            cells = [[_cell(row.get(name, "")) for name in rows[0]] for row in rows]
            with atomic_file(path) as temporary:
                temporary.write_text(table_text([list(rows[0]), *cells]), encoding="utf-8", newline="")
    return paths


def _cell(value: object) -> object:
    return "" if isinstance(value, float) and math.isnan(value) else value


def _preference(group: str, preference: Preference) -> Iterator[Figure]:
    pooled, side = preference.pooled, preference.randomisation
    new = NEW if preference.items else NEW_PEOPLE
    counts = f"{pooled.chosen} of {pooled.answers}"
    yield _figure(group, SHARE_WILSON, pooled.wilson, np.nan, THESE, pooled.reason or counts)
    yield _figure(group, SHARE_EXACT, pooled.exact, pooled.p_value, THESE, pooled.reason or _POOLED)
    expected = "" if np.isnan(side.expected) else f"{side.expected:.1f} expected, {side.chosen} chosen"
    yield _figure(group, SIDES, NO_ESTIMATE, side.p_value, THESE, side.reason or expected)
    model = preference.generalisation
    yield _figure(group, SHARE_MODEL, model.share, model.preference.p_value, new, model.reason or "crossed effects")
    yield _figure(group, SHARE_RESAMPLED, preference.two_way.share, np.nan, new, preference.two_way.reason)
    logit = model.preference
    yield _figure(group, "preference in logits", logit.logit, logit.p_value, new, model.reason)
    for term in model.terms:
        yield _figure(group, f"{term.name} in logits", term.logit, term.p_value, new, "")
    for name, value in (("people", model.person_sd), ("items", model.item_sd)):
        yield _figure(group, f"spread of {name} in logits", Estimate(value, np.nan, np.nan), np.nan, new, model.reason)
    trend = preference.familiarity
    for level in trend.levels:
        note = f"{level.chosen} of {level.answers}, {level.people} people"
        yield _figure(group, f"share, {level.name}", level.share, np.nan, THESE, note)
    concordance = Estimate(trend.concordance, np.nan, np.nan)
    yield _figure(group, "trend with familiarity", concordance, trend.p_value, NEW_PEOPLE, trend.reason)
    left = preference.position
    yield _figure(group, "left chosen", left.left, left.p_value, new, left.reason)
    steady = preference.consistency
    kinds = ("repeated", steady.repeated, steady.repeats), ("swapped", steady.swapped, steady.swaps)
    for name, share, count in kinds:
        yield _figure(group, f"same choice, {name}", share, np.nan, NEW_PEOPLE, steady.reason or f"{count} trials")
    agree = preference.agreement
    yield _figure(group, "Krippendorff's alpha", agree.alpha, np.nan, "new items", agree.reason)
    yield _figure(group, "Fleiss' kappa", agree.kappa, np.nan, "new items", agree.kappa_reason)
    items = preference.by_item
    uneven = sum(test.holm_p_value < 0.05 for test in items.tests)
    note = items.reason or f"df {items.cochran_df}; {uneven} of {len(items.tests)} items differ from even (Holm)"
    q = Estimate(items.cochran_q, np.nan, np.nan)
    yield _figure(group, "Cochran's Q of items", q, items.cochran_p_value, NEW_PEOPLE, note)
    yield from _methods(group, preference)
    yield from _scores(group, preference)


def _methods(group: str, preference: Preference) -> Iterator[Figure]:
    scale = preference.bradley_terry
    if scale is None:
        return
    for strength in scale.strengths:
        yield _figure(group, f"strength of {strength.method}", strength.clustered, np.nan, NEW_PEOPLE, scale.reason)
    for pair in scale.contests:
        note = f"{pair.wins} of {pair.answers}"
        name = f"{pair.first} over {pair.second}"
        yield _figure(group, name, pair.difference, pair.holm_p_value, NEW_PEOPLE, note)


def _scores(group: str, preference: Preference) -> Iterator[Figure]:
    scores = preference.scores
    if scores is None:
        return
    note = scores.reason or f"{scores.answers} answers with both scores, {scores.ties} ties"
    yield _figure(group, "higher score chosen", scores.higher, np.nan, NEW, note)
    yield _figure(group, "slope of score in logits", scores.slope.logit, scores.slope.p_value, NEW, scores.reason)


def _figure(group: str, name: str, estimate: Estimate, p_value: float, speaks_of: str, note: str) -> Figure:
    return Figure(group, name, estimate.value, estimate.low, estimate.high, p_value, speaks_of, note)


def _group_row(kind: str, group: Group) -> dict[str, object]:
    return {
        "by": kind,
        "name": group.name,
        "people": group.people,
        "chosen": group.chosen,
        "answers": group.answers,
        **group.share.as_row("share"),
        "p": np.nan,
        "p_holm": np.nan,
    }
