"""The report of a study: one HTML file that needs no network, the same bytes for the same answers and seed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from core.bootstrap import Estimate
from core.pages import page_environment, save_page
from evaluation.study.models.results import Group
from evaluation.study.report.contents import StudyReport, provenance
from evaluation.study.report.data import figures, numbered
from evaluation.study.report.plots import Line, curve_plot, number_range, percent_range, share_plot, strength_plot
from evaluation.study.report.words import contest, p_words


def render_report(report: StudyReport) -> str:
    """Return the report as HTML."""
    result = report.result
    first, against = contest(result, report.titles)
    environment = page_environment("evaluation.study.report")
    environment.filters |= {"share": percent_range, "logits": number_range}
    environment.filters["pwords"] = lambda value: "–" if value != value else p_words(value).removeprefix("p ")
    return environment.get_template("report.html.j2").render(
        report=report,
        result=result,
        group=result.everyone,
        verdict=report.verdict,
        first=first,
        against=against,
        titles={name: report.titles.get(name, name) for name in result.methods},
        panels=_panels(report),
        figures=figures(result),
        people=numbered(result.everyone.by_person),
        item_titles=report.sources.item_titles,
        provenance=provenance(report),
    )


def write_report(report: StudyReport, out: Path) -> None:
    """Write the report to `out`, over what is there.

    Raises:
        BrickbenchError: it cannot be written.
    """
    save_page(out, render_report(report))


def _panels(report: StudyReport) -> dict[str, Markup | None]:
    """Return all plots of `report`, by name; None where there is nothing to draw."""
    result, group = report.result, report.result.everyone
    first, against = contest(result, report.titles)
    whole = group.pooled.wilson.value
    choosing = f"Share of answers for {first} rather than {against}"
    steady = group.consistency
    items = _by_share([test.group for test in group.by_item.tests])
    answer = [
        Line("new ones: model", group.generalisation.share),
        Line("new ones: resampled", group.two_way.share),
        Line("these only: Wilson", group.pooled.wilson, "pale"),
        Line("these only: exact", group.pooled.exact, "pale"),
    ]
    sides = [Line("left chosen", group.position.left)]
    again = [
        Line("repeated", steady.repeated, answers=steady.repeats),
        Line("swapped", steady.swapped, answers=steady.swaps),
    ]
    return {
        "answer": _shares("answer", answer, f"{choosing}."),
        "familiarity": _shares("familiarity", _lines(group.familiarity.levels), f"{choosing}, by familiarity.", whole),
        "sides": _shares("sides", sides, "Share of answers for the left side, whatever stood there."),
        "consistency": _shares("consistency", again, "Share of trials answered alike when they came again."),
        "people": _shares("people", _lines(_by_share(numbered(group.by_person))), f"{choosing}, by person.", whole),
        "by_item": _shares("items", _lines(items, report.sources.item_titles), f"{choosing}, by item.", whole),
        "strengths": _strengths(report),
        "attention": _attention(report, choosing),
        "scores": _scores(report),
    }


def _lines(groups: Sequence[Group], titles: dict[str, str] | None = None) -> list[Line]:
    return [Line((titles or {}).get(group.name, group.name), group.share, answers=group.answers) for group in groups]


def _by_share(groups: Sequence[Group]) -> list[Group]:
    return sorted(groups, key=lambda group: -group.share.value if np.isfinite(group.share.value) else 1.0)


def _shares(name: str, lines: Sequence[Line], words: str, whole: float = np.nan) -> Markup | None:
    known = [line for line in lines if np.isfinite(line.estimate.value)]
    return share_plot(name, known, words, whole) if known else None


def _strengths(report: StudyReport) -> Markup | None:
    scale = report.result.everyone.bradley_terry
    if scale is None or not scale.strengths:
        return None
    lines = []
    for strength in scale.strengths:
        title = report.titles.get(strength.method, strength.method)
        if strength.method == scale.reference:
            lines.append(Line(f"{title} (reference)", Estimate(0.0, 0.0, 0.0)))
        else:
            lines += [Line(title, strength.clustered), Line("if independent", strength.independent, "pale")]
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
    return _shares("attention", lines, f"{choosing}, with and without people who failed an attention check.")


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
