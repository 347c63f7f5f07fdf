"""Which plots the study's report shows of a result."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from evaluation.statistics.effects import Estimate
from evaluation.study.models.results import Group
from evaluation.study.report.contents import StudyReport
from evaluation.study.report.plots import Line, curve_plot, share_plot, strength_plot
from evaluation.study.report.rows import numbered
from evaluation.study.report.words import contest


@dataclass(frozen=True)
class Panels:
    """The plots; None where there is nothing to draw."""

    answer: Markup
    """The share four ways."""
    familiarity: Markup | None
    sides: Markup | None
    consistency: Markup | None
    people: Markup
    items: Markup | None
    strengths: Markup | None
    attention: Markup | None
    scores: Markup | None


def panels(report: StudyReport) -> Panels:
    """Return all plots of `report`."""
    result, group = report.result, report.result.everyone
    first, against = contest(result, report.titles)
    whole = group.pooled.wilson.value
    choosing = f"Share of answers for {first} rather than {against}"

    def shares(name: str, lines: Sequence[Line], by: str, *, around: float = whole) -> Markup | None:
        known = [line for line in lines if np.isfinite(line.estimate.value)]
        return share_plot(name, known, f"{choosing}, {by}.", around) if known else None

    steady, position = group.consistency, group.position
    answer = [
        Line("new ones: model", group.generalisation.share),
        Line("new ones: resampled", group.two_way.share),
        Line("these only: Wilson", group.pooled.wilson, "pale"),
        Line("these only: exact", group.pooled.exact, "pale"),
    ]
    return Panels(
        answer=share_plot("answer", [line for line in answer if np.isfinite(line.estimate.value)], f"{choosing}."),
        familiarity=shares("familiarity", _lines(group.familiarity.levels), "by familiarity"),
        sides=_of_sides(Line("left chosen", position.left)),
        consistency=_same(
            [
                Line("repeated", steady.repeated, answers=steady.repeats),
                Line("swapped", steady.swapped, answers=steady.swaps),
            ]
        ),
        people=share_plot("people", _lines(_by_share(numbered(group.by_person))), f"{choosing}, by person.", whole),
        items=shares(
            "items",
            _lines(_by_share([test.group for test in group.by_item.tests]), report.sources.item_titles),
            "by item",
        ),
        strengths=_strengths(report),
        attention=_attention(report, choosing),
        scores=_scores(report),
    )


def _lines(groups: Sequence[Group], titles: dict[str, str] | None = None) -> list[Line]:
    return [Line((titles or {}).get(each.name, each.name), each.share, answers=each.answers) for each in groups]


def _by_share(groups: Sequence[Group]) -> list[Group]:
    return sorted(groups, key=lambda each: -each.share.value if np.isfinite(each.share.value) else 1.0)


def _of_sides(line: Line) -> Markup | None:
    if not np.isfinite(line.estimate.value):
        return None
    return share_plot("sides", [line], "Share of answers for the left side, whatever stood there.")


def _same(lines: Sequence[Line]) -> Markup | None:
    known = [line for line in lines if np.isfinite(line.estimate.value)]
    return share_plot("consistency", known, "Share of trials answered alike when they came again.") if known else None


def _strengths(report: StudyReport) -> Markup | None:
    scale = report.result.everyone.bradley_terry
    if scale is None or not scale.strengths:
        return None
    lines = []
    for each in scale.strengths:
        title = report.titles.get(each.method, each.method)
        if each.method == scale.reference:
            lines.append(Line(f"{title} (reference)", Estimate(0.0, 0.0, 0.0)))
        else:
            lines += [Line(title, each.clustered), Line("if independent", each.independent, "pale")]
    return strength_plot("strengths", lines, "Strength of each method in logits, with people resampled.")


def _attention(report: StudyReport, choosing: str) -> Markup | None:
    attentive = report.result.attentive
    if attentive is None:
        return None
    everyone = report.result.everyone
    lines = []
    for title, group in ((f"all {everyone.people} people", everyone), (f"{attentive.people} who passed", attentive)):
        lines += [
            Line(f"{title}, new ones", group.generalisation.share),
            Line("these only", group.pooled.wilson, "pale"),
        ]
    known = [line for line in lines if np.isfinite(line.estimate.value)]
    return share_plot("attention", known, f"{choosing}, with and without people who failed an attention check.")


def _scores(report: StudyReport) -> Markup | None:
    if len(report.by_score) < 2:
        return None
    at, shares = zip(*report.by_score, strict=True)
    return curve_plot(
        "scores",
        at,
        shares,
        f"{report.metric}, left − right",
        f"Share of answers for the left map against its lead in {report.metric}.",
    )
