"""The report of a study: one HTML file that needs no network, the same bytes for the same answers and seed."""

from pathlib import Path

from core.pages import page_environment, save_page
from evaluation.study.report.contents import StudyReport
from evaluation.study.report.panels import panels
from evaluation.study.report.plots import number_range, percent_range
from evaluation.study.report.provenance import provenance
from evaluation.study.report.rows import figures, numbered
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
        panels=panels(report),
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
    html = render_report(report)
    save_page(out, html)
