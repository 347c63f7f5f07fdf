"""The page of findings: one HTML file that needs no network, the same bytes for the same inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from core.bootstrap import LEVEL
from core.pages import page_environment, save_page
from core.svg import ACCENT, MUTED, bare, inline_svg, plot_style
from evaluation.findings.contrasts import GroupTest, PairTest, contrast_groups, contrast_pairs
from evaluation.findings.cure import FACTOR, Cure, base_settings, cure, cure_text, write_cure
from evaluation.findings.examples import examples_of
from evaluation.findings.material import Material, gather_material
from evaluation.findings.standing import Standing, stand, standing_words, twin_words
from evaluation.findings.wording import Finding, Test, finding_of, headline, limits, part_title, plain
from evaluation.report.plots import draw_mean, lines_figure
from evaluation.statistics.strata import FEWEST_PILES
from training.run.run import Run

KINDS = {"part": "Parts", "floor": "Floors", "lighting": "Lights"}


@dataclass(frozen=True)
class FindingsPage:
    """What was written and what it says."""

    path: Path
    settings: Path | None
    """The settings file for `render run`; None where none was asked for, or nothing was found."""
    headline: str
    limits: tuple[str, ...]
    standings: tuple[Standing, ...]
    """Where the maps lie at all."""
    findings: tuple[Finding, ...]
    tests: tuple[Test, ...]
    """All of them, also those that found nothing."""


def write_findings(
    run: Run,
    out: Path,
    *,
    settings: Path | None = None,
    checkpoint: str | None = None,
    method: str | None = None,
    seed: int = 0,
) -> FindingsPage:
    """Write the page of findings, and the settings that would cure them, over what is there.

    Args:
        run: with scores and predictions; its dataset holds pictures, masks, and the settings that they were rendered
            with.
        out: the HTML file.
        settings: the file for `render run`; None writes none.
        checkpoint: whose maps; None takes the best one that has scores.
        method: whose maps, as tables call it; None takes the explanation with the best mean rank.
        seed: of the resampling.

    Raises:
        BrickbenchError: the run lacks scores, or a file cannot be written.
        SettingsError: no such checkpoint or method.
    """
    material = gather_material(run, checkpoint=checkpoint, method=method)
    standings = stand(material, seed=seed)
    reads = material.reads_mass
    groups = {kind: contrast_groups(material, kind, seed=seed) if reads else [] for kind in KINDS}
    pairs = contrast_pairs(material, seed=seed) if reads else []
    tests: list[Test] = [*groups["part"], *pairs, *groups["floor"], *groups["lighting"]]
    findings = tuple(finding_of(material, test) for test in tests if test.found)
    cured, text = None, ""
    if findings and settings is not None:
        cured = cure(base_settings(run.dataset), [finding.test for finding in findings])
        origin = f"run {run.info.run_id}, {material.table.checkpoint}"
        text = cure_text(cured, origin=origin, seed=run.dataset.manifest.seed)
    html = _render(material, standings, findings, groups, pairs, cured, text, seed)
    save_page(out, html)
    if settings is not None and cured is not None:
        write_cure(text, settings)
    return FindingsPage(
        path=out,
        settings=settings if cured is not None else None,
        headline=headline(material, standings, findings),
        limits=limits(material, groups, pairs),
        standings=tuple(standings),
        findings=findings,
        tests=tuple(tests),
    )


def document(page: FindingsPage) -> dict[str, object]:
    """Return all that the page says as one JSON document."""
    return {
        "page": page.path,
        "settings": page.settings,
        "headline": page.headline,
        "limits": page.limits,
        "standing": [one.as_row() for one in page.standings],
        "findings": [
            {"title": one.title, "sentences": one.sentences, "advice": one.advice, **one.test.as_row()}
            for one in page.findings
        ],
        "tests": [test.as_row() for test in page.tests],
    }


def _render(
    material: Material,
    standings: Sequence[Standing],
    findings: Sequence[Finding],
    groups: dict[str, list[GroupTest]],
    pairs: Sequence[PairTest],
    cured: Cure | None,
    text: str,
    seed: int,
) -> str:
    environment = page_environment("evaluation.findings")
    titles = {
        test: part_title(material, test.name) if test.kind == "part" else plain(test.name)
        for tests in groups.values()
        for test in tests
    }
    return environment.get_template("findings.html.j2").render(
        material=material,
        headline=headline(material, standings, findings),
        standing=[*map(standing_words, standings), twin_words(material)],
        limits=limits(material, groups, pairs),
        findings=[(finding, examples_of(material, finding.test)) for finding in findings],
        groups=[
            (
                kind,
                title,
                groups[kind],
                _groups_plot(title.lower(), groups[kind], [titles[test] for test in groups[kind]]),
            )
            for kind, title in KINDS.items()
            if groups[kind]
        ],
        titles=titles,
        pairs=[(part_title(material, test.shown), part_title(material, test.claimed), test) for test in pairs],
        cured=cured,
        text=text,
        factor=FACTOR,
        fewest=FEWEST_PILES,
        level=LEVEL,
        seed=seed,
        pictures=material.table.pictures,
        piles=material.table.pile_count,
    )


def _groups_plot(kind: str, tests: Sequence[GroupTest], names: Sequence[str]) -> Markup:
    """Return a line a group with its mean mass on the floor and interval; coloured where it was found to be more."""
    with plot_style(f"findings {kind}"):
        labels = [f"{name} ({test.effect.group.values})" for name, test in zip(names, tests, strict=True)]
        figure, axes = lines_figure(5.6, 0.6 + 0.27 * len(tests), labels)
        for line, test in enumerate(tests):
            draw_mean(axes, line, test.effect.group, ACCENT if test.found else MUTED)
        axes.set_xlim(0, 1)
        axes.set_xlabel("share of the map on the floor")
        axes.xaxis.set_major_locator(MaxNLocator(5))
        bare(axes, "x")
        told = "; ".join(
            f"{name} {test.effect.group.mean:.2f} against {test.effect.rest.mean:.2f}{', more' if test.found else ''}"
            for name, test in zip(names, tests, strict=True)
        )
        return inline_svg(figure, f"Mass on the floor by {kind}: {told}.")
