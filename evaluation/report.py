"""The report of a run: one HTML file that needs no network, the same bytes for the same inputs."""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from markupsafe import Markup

from core.errors import BrickbenchError
from core.files import atomic_file
from core.pages import page_environment
from dataset.loader import PileDataset
from dataset.manifest import Manifest
from evaluation.bootstrap import RESAMPLES
from evaluation.gallery import gallery
from evaluation.localization import METRICS, metric_rows
from evaluation.plots import metric_plot, training_plot
from evaluation.summary import LEVEL, Summary, summarize
from evaluation.table import ScoreTable, load_scores
from evaluation.verdict import NetworkFacts, Verdict, decide
from explain.methods import METHODS
from explain.store import ATTRIBUTIONS, SETTINGS_FILE
from training.runs import RunInfo, read_epochs

GALLERY_CASES = 10
_LIBRARIES = ("brickbench", "torch", "timm", "lime", "grad-cam", "scikit-image", "scikit-learn", "numpy", "matplotlib")


@dataclass(frozen=True)
class Report:
    """What was written, and the verdict in it."""

    path: Path
    verdict: Verdict


def write_report(
    run_folder: Path,
    dataset_root: Path,
    out: Path,
    *,
    checkpoint: str | None = None,
    seed: int = 0,
    cases: int = GALLERY_CASES,
) -> Report:
    """Write the report of a run's scores and return its verdict.

    Args:
        run_folder: with scores.
        dataset_root: pictures and masks.
        out: the HTML file; written over if it is there.
        checkpoint: whose maps; None takes the best one that has scores.
        seed: of the resampling.
        cases: how many pairs the gallery shows.

    Raises:
        BrickbenchError: the run has no scores, or `out` cannot be written.
    """
    html, verdict = render_report(run_folder, dataset_root, checkpoint=checkpoint, seed=seed, cases=cases)
    try:
        with atomic_file(out) as temporary:
            temporary.write_text(html, encoding="utf-8")
    except OSError as error:
        raise BrickbenchError(f"Cannot write {out}: {error.strerror or error}. Choose another file with -o.") from error
    return Report(out, verdict)


def render_report(
    run_folder: Path, dataset_root: Path, *, checkpoint: str | None, seed: int, cases: int
) -> tuple[str, Verdict]:
    """Return the report as HTML, and its verdict."""
    table = load_scores(run_folder, dataset_root, checkpoint)
    summary = summarize(table, seed=seed)
    info = RunInfo.load_run(run_folder)
    manifest = Manifest.load_folder(dataset_root)
    epochs = read_epochs(run_folder)
    logits = read_logits(run_folder, table.checkpoint)
    verdict = decide(table, summary, _network_facts(table, epochs, logits))
    pictures = PileDataset(dataset_root, None, with_masks=True)
    names = {part.part_id: part.name for part in manifest.parts}
    html = (
        page_environment("evaluation")
        .get_template("report.html.j2")
        .render(
            run=info,
            table=table,
            verdict=verdict,
            plots=_plots(table, summary),
            cells=[[summary.cell(method, metric) for metric in table.metrics] for method in table.methods],
            metrics={name: METRICS[name] for name in table.metrics},
            differences=_differences(table, summary),
            cases=gallery(run_folder, table, pictures, names, logits, cases),
            training=training_plot(epochs) if epochs else None,
            epoch=_explained_epoch(epochs, table.checkpoint),
            definitions=metric_rows(table.metrics),
            provenance=_provenance(run_folder, dataset_root, info, manifest, table, summary),
            pictures=len({image_id for image_id, _ in table.pairs}),
            piles=len(set(table.piles.tolist())),
            level=LEVEL,
            resamples=RESAMPLES,
        )
    )
    return html, verdict


def read_logits(run_folder: Path, checkpoint: str) -> dict[tuple[str, str], float]:
    """Return the logits of (image_id, part_id) that the run holds for one checkpoint; empty if it was not applied."""
    logits: dict[tuple[str, str], float] = {}
    for path in sorted((run_folder / "predictions").glob("*.parquet")):
        if path.name.startswith("."):
            continue
        try:
            columns = pq.read_table(path, partitioning=None).to_pydict()
        except (OSError, pa.ArrowException) as error:
            raise BrickbenchError(f"{path} is damaged: delete it and run `train predict` again.") from error
        rows = zip(columns["checkpoint"], columns["image_id"], columns["part_id"], columns["logit"], strict=True)
        logits |= {(image, part): logit for name, image, part, logit in rows if name == checkpoint}
    return logits


def _network_facts(
    table: ScoreTable, epochs: list[dict[str, Any]], logits: Mapping[tuple[str, str], float]
) -> NetworkFacts:
    row = _explained_epoch(epochs, table.checkpoint)
    known = [logits[pair] for pair in table.pairs if pair in logits]
    return NetworkFacts(
        map_macro=None if row is None else row.get("val_map_macro"),
        predicted_share=sum(logit > 0 for logit in known) / len(known) if known else None,
    )


def _explained_epoch(epochs: list[dict[str, Any]], checkpoint: str) -> dict[str, Any] | None:
    return next((row for row in epochs if f"epoch_{row['epoch']:04d}" == checkpoint), None)


def _plots(table: ScoreTable, summary: Summary) -> list[tuple[str, Markup]]:
    return [
        (METRICS[metric].title, metric_plot([summary.cell(method, metric) for method in table.methods]))
        for metric in table.metrics
    ]


def _differences(table: ScoreTable, summary: Summary) -> list[tuple[str, list[Any]]]:
    """Return for each explanation against each other method the differences, one a metric."""
    blocks = []
    methods = [method for method in table.methods if method.is_ranked]
    for place, first in enumerate(methods):
        others = [*methods[place + 1 :], *(method for method in table.methods if method.is_baseline)]
        blocks += [
            (f"{first.title} − {other.title}", [summary.difference(metric, first, other) for metric in table.metrics])
            for other in others
        ]
    return blocks


def _provenance(
    run_folder: Path, root: Path, info: RunInfo, manifest: Manifest, table: ScoreTable, summary: Summary
) -> list[tuple[str, str]]:
    """Return label and text of everything that decided the numbers. No path, no clock: equal inputs, equal bytes."""
    rows = [
        ("Run", f"{info.run_id}, checkpoint {table.checkpoint}"),
        ("Network", f"{info.model} {json.dumps(info.model_kwargs)}, input {info.input_size_px} px"),
        ("Training settings", f"digest {info.settings_digest}, seed {info.seed}"),
        (
            "Dataset",
            f"{root.resolve().name}, seed {manifest.seed}, {len(manifest.parts)} parts, digest {info.dataset_digest}",
        ),
        (
            "Explained",
            f"{len(table.pairs)} pairs of picture and part in {len(set(table.piles.tolist()))} piles",
        ),
    ]
    for method in table.methods:
        path = run_folder / ATTRIBUTIONS / method.key / SETTINGS_FILE
        settings = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
        policy = METHODS[method.key.rpartition("-")[0]].resize
        rows.append((method.title, f"{_settings_text(settings or {})}; brought to picture size by {policy} resizing"))
    for metric in table.metrics:
        settings = json.loads(table.metric_settings.get(metric, "{}"))
        if settings:
            rows.append((METRICS[metric].title, _settings_text(settings)))
    rows.append(
        (
            "Intervals",
            f"{LEVEL:.0%}, {RESAMPLES} bootstrap resamples of piles, expanded percentile, seed {summary.seed}",
        )
    )
    rows.append(("Software", f"Python {platform.python_version()}, " + ", ".join(_versions())))
    return rows


def _settings_text(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {_plain(value)}" for name, value in settings.items()) or "nothing to set"


def _plain(value: object) -> str:
    return "(" + ", ".join(map(str, value)) + ")" if isinstance(value, list) else str(value)


def _versions() -> list[str]:
    versions = []
    for name in _LIBRARIES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:  # a checkout that is not installed
            continue
    return versions
