"""Everything that decided the numbers of a report: settings, seeds, versions, hashes. No path, no clock."""

import hashlib
import json
import platform
from collections.abc import Mapping

import yaml

from core.bootstrap import FEWEST_RESAMPLED, LEVEL
from core.errors import BrickbenchError
from core.versions import installed_versions
from evaluation.intervals import RESAMPLES
from evaluation.measures import MEASURES
from evaluation.report.data import ReportData
from evaluation.statistics.comparison import ALPHA
from evaluation.statistics.permutation import flips_for
from explain.method_key import MethodKey
from explain.methods import METHODS
from explain.store import ATTRIBUTIONS, SETTINGS_FILE
from training.run.checkpoint import resolve_checkpoint

_LIBRARIES = (
    "brickbench", "torch", "timm", "lime", "grad-cam", "captum", "scikit-image", "scikit-learn", "scipy", "numpy",
    "matplotlib",
)  # fmt: skip


def provenance(report: ReportData) -> list[tuple[str, str]]:
    """Return label and text of each thing that decided the numbers: equal inputs, equal text."""
    run, table, manifest = report.run, report.table, report.run.dataset.manifest
    info = run.info
    rows = [
        ("Run", f"{info.run_id}, checkpoint {table.checkpoint}{_weights(report)}"),
        ("Network", f"{info.model} {json.dumps(info.model_kwargs)}, input {info.input_size_px} px"),
        ("Training settings", f"digest {info.settings_digest}, seed {info.seed}"),
        ("Trained with", _trained_with(report)),
        ("Dataset", f"{run.dataset.name}, seed {manifest.seed}, {len(manifest.parts)} parts"),
        ("Pictures trained on", f"digest {info.dataset_digest}"),
        ("Explained", f"{len(table.pairs)} pairs of picture and part in {table.pile_count} piles"),
        ("Scores", f"{(table.status == 'ok').sum()} values, digest {table.digest}"),
        ("Undefined scores", "count as the worst value (strict)" if table.strict else "left out"),
    ]
    if len(report.varied) > 1:
        rows.append(("Compared over", ", ".join(report.varied)))
    rows += [
        (f"Run {other.run_id}", f"{other.model}, seed {other.seed}, digest {other.settings_digest}")
        for other in report.also
    ]
    rows += [(method.title, _method_text(report, method.key)) for method in table.methods]
    for metric in table.metrics:
        settings = json.loads(table.metric_settings.get(metric, "{}"))
        if settings:
            rows.append((MEASURES[metric].title, settings_text(settings)))
    seed = report.summary.seed
    tests = (
        f"{flips_for(len(report.summary.differences))} sign flips of piles (all of them where there are fewer), "
        f"two-sided, Holm's correction for {report.summary.comparisons} comparisons, told apart below {ALPHA:g}, "
        f"seed {seed}"
    )
    versions = ", ".join(f"{name} {version}" for name, version in installed_versions(_LIBRARIES).items())
    return [
        *rows,
        ("Intervals", _intervals_text(seed)),
        ("Tests", tests),
        ("Software", f"Python {platform.python_version()}, {versions}"),
    ]


def _intervals_text(seed: int) -> str:
    return (
        f"{LEVEL:.0%}, {RESAMPLES} bootstrap resamples of piles, expanded percentile, seed {seed}; with fewer than "
        f"{FEWEST_RESAMPLED} piles Student's t for means, and none for other numbers"
    )


def settings_text(settings: Mapping[str, object]) -> str:
    """Return settings as words for people."""
    return ", ".join(f"{name} {_plain(value)}" for name, value in settings.items()) or "nothing to set"


def _plain(value: object) -> str:
    return "(" + ", ".join(map(str, value)) + ")" if isinstance(value, list) else str(value)


def _weights(report: ReportData) -> str:
    try:
        path = resolve_checkpoint(report.run.folder, report.table.checkpoint)
    except BrickbenchError:  # deleted since; its maps are still worth reporting
        return ", its weights are gone"
    with path.open("rb") as file:
        return f", weights SHA-256 {hashlib.file_digest(file, 'sha256').hexdigest()[:16]}…"


def _trained_with(report: ReportData) -> str:
    commit = report.run.info.git_commit or "unknown commit"
    versions = ", ".join(f"{name} {version}" for name, version in report.run.info.versions.items())
    return f"{commit}; {versions}" if versions else commit


def _method_text(report: ReportData, key: MethodKey) -> str:
    path = report.run.folder / ATTRIBUTIONS / str(key) / SETTINGS_FILE
    settings = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    policy = METHODS[key.method].resize
    return f"{settings_text(settings or {})}; brought to picture size by {policy} resizing"
