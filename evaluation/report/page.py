"""The report of a run: one HTML file that needs no network, the same bytes for the same inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.bootstrap import LEVEL
from core.pages import page_environment, save_page
from evaluation.gold.checks import TESTS
from evaluation.gold.known import SHIPPED
from evaluation.localization.registry import SPLIT_METRICS
from evaluation.measures import MEASURES, definition_rows
from evaluation.report import sections
from evaluation.report.data import ReportData, gather
from evaluation.report.files import write_files
from evaluation.report.gallery import Gallery
from evaluation.report.judge import core_metrics
from evaluation.report.known_truth import MARK
from evaluation.report.plots import training_plot
from evaluation.report.provenance import provenance
from evaluation.report.verdict import Verdict
from evaluation.report.words import growth_words, variation_words
from evaluation.statistics.strata import FEWEST_PILES
from training.run.run import Run


@dataclass(frozen=True)
class Report:
    """What was written, and the verdict in it."""

    path: Path
    verdict: Verdict
    files: tuple[Path, ...] = ()
    """Scores and findings for other programs."""


def write_report(
    run: Run,
    out: Path,
    *,
    checkpoint: str | None = None,
    seed: int = 0,
    cases: int = 10,
    also: Sequence[Path] = (),
    data: Path | None = None,
    strict: bool = False,
    gold: Path = SHIPPED,
) -> Report:
    """Write the report of a run's scores and return its verdict.

    Args:
        run: with scores of maps of its dataset's pictures.
        out: the HTML file; written over if it is there.
        checkpoint: whose maps; None takes the best one that has scores.
        seed: of the resampling.
        cases: how many pairs the gallery shows side by side; 0 leaves out all pictures.
        also: further runs on the same pictures, such as other seeds: they tell training from pictures.
        data: a folder for JSON, CSV and Parquet files; None writes none.
        strict: undefined scores count as the worst value.
        gold: what `evaluate gold --json` said of the methods; by default, what comes with Brickbench.

    Raises:
        BrickbenchError: a run has no scores, the further ones have other pictures, or a file cannot be written.
        SettingsError: no such checkpoint, or one run is named twice.
    """
    report = gather(run, checkpoint=checkpoint, seed=seed, also=also, strict=strict, gold=gold)
    save_page(out, _render(report, cases))
    return Report(out, report.verdict, tuple(write_files(report, data)) if data else ())


def _render(report: ReportData, cases: int) -> str:
    table, summary = report.table, report.summary
    gallery = Gallery(report.run, table, report.logits)
    return (
        page_environment("evaluation.report")
        .get_template("report.html.j2")
        .render(
            report=report,
            run=report.run.info,
            table=table,
            verdict=report.verdict,
            plots=sections.metric_panels(report),
            cells=[[summary.cell(method, metric) for metric in table.metrics] for method in table.methods],
            not_applicable=not all(cell.applies for cell in summary.cells),
            metrics={name: MEASURES[name] for name in table.metrics},
            lead=MEASURES[report.lead],
            core=core_metrics(table),
            rankings=sections.ranking_panels(report),
            differences=sections.difference_lines(report),
            effects=sections.effect_lines(report),
            curves=sections.curve_sections(report),
            strata=sections.strata_panels(report),
            leaders=[method.title for method in report.leaders[:2]],
            fewest=FEWEST_PILES,
            truth_tests=TESTS,
            mark=MARK,
            split_lines=sections.split_lines(report),
            split_metrics=list(SPLIT_METRICS.values()),
            focus=sections.focus_lines(report),
            mass=sections.mass_plot(report),
            shares=sections.mass_shares(report),
            growth=sections.epoch_panels(report),
            growth_words=growth_words(report.growth, report.lead),
            variation=sections.variation_plot(report),
            variation_words=variation_words(report.variation, report.lead, of_runs=bool(report.also)),
            sources=sections.SOURCE_WORDS,
            cases=gallery.side_by_side(cases),
            own_cases=gallery.by_method() if cases else [],
            training=training_plot(report.epochs) if report.epochs else None,
            epoch=report.explained_epoch,
            definitions=definition_rows([name for name in table.metrics if name not in summary.repeated]),
            repeated=[(MEASURES[name].title, MEASURES[other].title) for name, other in summary.repeated.items()],
            provenance=provenance(report),
            pictures=table.pictures,
            piles=table.pile_count,
            level=LEVEL,
        )
    )
