"""The report of a run: one HTML file that needs no network, the same bytes for the same inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.pages import page_environment, save_page
from dataset.manifest import Manifest
from dataset.pile_dataset import PileDataset
from evaluation.localization.registry import SPLIT_METRICS
from evaluation.measures import MEASURES, definition_rows
from evaluation.report import sections
from evaluation.report.data import ReportData, gather
from evaluation.report.files import write_files
from evaluation.report.gallery import Gallery
from evaluation.report.plots import training_plot
from evaluation.report.provenance import provenance
from evaluation.report.split_tables import focus_lines, split_lines
from evaluation.report.verdict import Verdict, core_metrics
from evaluation.report.words import growth_words, variation_words
from evaluation.statistics.strata import FEWEST_PILES
from evaluation.statistics.summary import LEVEL

GALLERY_CASES = 10


@dataclass(frozen=True)
class Report:
    """What was written, and the verdict in it."""

    path: Path
    verdict: Verdict
    files: tuple[Path, ...] = ()
    """Scores and findings for other programs."""


def write_report(
    run_folder: Path,
    dataset_root: Path,
    out: Path,
    *,
    checkpoint: str | None = None,
    seed: int = 0,
    cases: int = GALLERY_CASES,
    also: Sequence[Path] = (),
    data: Path | None = None,
    strict: bool = False,
) -> Report:
    """Write the report of a run's scores and return its verdict.

    Args:
        run_folder: with scores.
        dataset_root: pictures and masks.
        out: the HTML file; written over if it is there.
        checkpoint: whose maps; None takes the best one that has scores.
        seed: of the resampling.
        cases: how many pairs the gallery shows side by side; 0 leaves out all pictures.
        also: further runs on the same pictures, which tell training from pictures.
        data: a folder for JSON, CSV and Parquet files; None writes none.
        strict: undefined scores count as the worst value.

    Raises:
        BrickbenchError: a run has no scores, or a file cannot be written.
    """
    found = gather(run_folder, dataset_root, checkpoint=checkpoint, seed=seed, also=also, strict=strict)
    html = render_report(found, cases=cases)
    save_page(out, html)
    return Report(out, found.verdict, tuple(write_files(found, data)) if data else ())


def render_report(found: ReportData, *, cases: int) -> str:
    """Return the report as HTML; `cases` is how many pairs the gallery shows side by side, 0 for no gallery."""
    table, summary = found.table, found.summary
    pictures = PileDataset(found.root, None, with_masks=True)
    names = {part.part_id: part.name for part in Manifest.load_folder(found.root).parts}
    gallery = Gallery(found.run_folder, table, pictures, names, found.logits)
    environment = page_environment("evaluation.report")
    environment.filters["pvalue"] = p_text
    return environment.get_template("report.html.j2").render(
        found=found,
        run=found.info,
        table=table,
        verdict=found.verdict,
        plots=sections.metric_panels(found),
        cells=[[summary.cell(method, metric) for metric in table.metrics] for method in table.methods],
        metrics={name: MEASURES[name] for name in table.metrics},
        lead=MEASURES[found.lead],
        core=core_metrics(table),
        rankings=sections.ranking_panels(found),
        differences=sections.difference_rows(found),
        effects=sections.effect_rows(found),
        curves=sections.curve_sections(found),
        strata=sections.strata_panels(found),
        leaders=[method.title for method in sections.leading(found)],
        fewest=FEWEST_PILES,
        split_lines=split_lines(found),
        split_metrics=[definition.title for definition in SPLIT_METRICS.values()],
        focus=focus_lines(found),
        mass=sections.mass_plot(found),
        shares=sections.mass_shares(found),
        growth=sections.epoch_panels(found),
        growth_words=growth_words(found),
        variation=sections.variation_plot(found),
        variation_words=variation_words(found),
        sources=sections.SOURCE_WORDS,
        cases=gallery.side_by_side(cases),
        own_cases=gallery.by_method() if cases else [],
        training=training_plot(found.epochs) if found.epochs else None,
        epoch=found.explained_epoch,
        definitions=definition_rows([name for name in table.metrics if name not in summary.repeated]),
        repeated=[(MEASURES[name].title, MEASURES[other].title) for name, other in summary.repeated.items()],
        provenance=provenance(found),
        pictures=len({image_id for image_id, _ in table.pairs}),
        piles=len(set(table.piles.tolist())),
        level=LEVEL,
    )


def p_text(value: float) -> str:
    """Return a p value as a report prints it: three decimals, a bound where it is smaller, a dash where unknown."""
    if value != value:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
