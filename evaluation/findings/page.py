"""The page of findings: one HTML file that needs no network, the same bytes for the same inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.pages import page_environment, save_page
from dataset.manifest import Manifest
from evaluation.findings.contrasts import GroupTest, PairTest, contrast_groups, contrast_pairs
from evaluation.findings.cure import FACTOR, Cure, base_settings, cure, cure_text, write_cure
from evaluation.findings.examples import examples_of
from evaluation.findings.limits import headline, limits
from evaluation.findings.material import Material, gather_material
from evaluation.findings.plots import groups_plot
from evaluation.findings.wording import Finding, Test, finding_of, part_title, plain
from evaluation.report.page import p_text
from evaluation.statistics.strata import FEWEST_PILES
from evaluation.statistics.summary import LEVEL

KINDS = {"part": "Parts", "floor": "Floors", "lighting": "Lights"}


@dataclass(frozen=True)
class FindingsPage:
    """What was written and what it says."""

    path: Path
    settings: Path | None
    """The settings file for `render run`; None where none was asked for, or nothing was found."""
    headline: str
    limits: tuple[str, ...]
    findings: tuple[Finding, ...]
    tests: tuple[Test, ...]
    """All of them, also those that found nothing."""


def write_findings(
    run_folder: Path,
    root: Path,
    out: Path,
    *,
    settings: Path | None = None,
    checkpoint: str | None = None,
    method: str | None = None,
    seed: int = 0,
) -> FindingsPage:
    """Write the page of findings, and the settings that would cure them, over what is there.

    Args:
        run_folder: with scores and predictions.
        root: pictures, masks, and the settings that they were rendered with.
        out: the HTML file.
        settings: the file for `render run`; None writes none.
        checkpoint: whose maps; None takes the best one that has scores.
        method: whose maps; None takes the explanation that localises best.
        seed: of the resampling.

    Raises:
        BrickbenchError: the run lacks scores, or a file cannot be written.
        SettingsError: no such checkpoint or method.
    """
    found = gather_material(run_folder, root, checkpoint=checkpoint, method=method)
    groups = {kind: contrast_groups(found, kind, seed=seed) for kind in KINDS}
    pairs = contrast_pairs(found, seed=seed)
    tests: list[Test] = [*groups["part"], *pairs, *groups["floor"], *groups["lighting"]]
    findings = tuple(finding_of(found, test) for test in tests if test.found)
    cured, text = None, ""
    if findings and settings is not None:
        cured = cure(base_settings(root), [each.test for each in findings])
        origin = f"run {found.info.run_id}, {found.table.checkpoint}"
        text = cure_text(cured, origin=origin, seed=Manifest.load_folder(root).seed)
    html = _render(found, findings, groups, pairs, cured, text, seed)
    save_page(out, html)
    if settings is not None and cured is not None:
        write_cure(text, settings)
    return FindingsPage(
        path=out,
        settings=settings if cured is not None else None,
        headline=headline(found, findings),
        limits=limits(found, groups, pairs),
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
        "findings": [
            {"title": each.title, "sentences": each.sentences, "advice": each.advice, **each.test.as_row()}
            for each in page.findings
        ],
        "tests": [test.as_row() for test in page.tests],
    }


def _render(
    found: Material,
    findings: Sequence[Finding],
    groups: dict[str, list[GroupTest]],
    pairs: Sequence[PairTest],
    cured: Cure | None,
    text: str,
    seed: int,
) -> str:
    environment = page_environment("evaluation.findings")
    environment.filters["pvalue"] = p_text
    titles = {
        test: part_title(found, test.name) if test.kind == "part" else plain(test.name)
        for tests in groups.values()
        for test in tests
    }
    return environment.get_template("findings.html.j2").render(
        found=found,
        headline=headline(found, findings),
        limits=limits(found, groups, pairs),
        findings=[(each, examples_of(found, each.test)) for each in findings],
        groups=[
            (
                kind,
                title,
                groups[kind],
                groups_plot(title.lower(), groups[kind], [titles[each] for each in groups[kind]]),
            )
            for kind, title in KINDS.items()
            if groups[kind]
        ],
        titles=titles,
        pairs=[(part_title(found, each.shown), part_title(found, each.claimed), each) for each in pairs],
        cured=cured,
        text=text,
        factor=FACTOR,
        fewest=FEWEST_PILES,
        level=LEVEL,
        seed=seed,
        pictures=len({image_id for image_id, _ in found.table.pairs}),
        piles=len(set(found.table.piles.tolist())),
    )
