"""The page of a validation: one HTML file that needs no network, the same bytes for the same inputs."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from core.bootstrap import LEVEL, Estimate
from core.pages import page_environment, save_page
from training.validation.breakdown import StratumScores
from training.validation.curves import precision_recall, reliability
from training.validation.intervals import FEWEST_GROUPS
from training.validation.labelled_split import ALL_SPLITS, Details, Findings
from training.validation.metrics import CALIBRATION_BINS, LOWER_IS_BETTER, SCORES
from training.validation.mistakes import worst_pictures
from training.validation.plots import (
    breakdown_plot,
    confusion_plot,
    interval_bar,
    precision_recall_plot,
    reliability_plot,
    score_plot,
    visibility_plot,
)

TITLES = {
    "map_macro": "mAP, macro",
    "map_micro": "mAP, micro",
    "f1_macro": "F1, macro",
    "f1_micro": "F1, micro",
    "precision_macro": "Precision, macro",
    "precision_micro": "Precision, micro",
    "recall_macro": "Recall, macro",
    "recall_micro": "Recall, micro",
    "binary_accuracy": "Binary accuracy",
    "exact_match": "Exact match",
    "calibration_error_macro": "Calibration error, macro",
    "calibration_error_micro": "Calibration error, micro",
    "brier": "Brier score",
}
WITHOUT_THRESHOLD = frozenset({"map_macro", "map_micro"}) | LOWER_IS_BETTER
BROKEN_DOWN = ("map_macro", "f1_micro")
CURVES = 5  # thin lines that can still be told apart
CURVE_POINTS = 400


def write_page(findings: Findings, details: Details, out: Path) -> Path:
    """Write the page over `out`, if it is there, and return `out`.

    Raises:
        BrickbenchError: `out` cannot be written, or a picture is damaged.
    """
    html = render_page(findings, details)
    save_page(out, html)
    return out


def render_page(findings: Findings, details: Details) -> str:
    """Return the page as HTML."""
    validation = findings.validation
    manifest = validation.pictures.manifest
    whole = {name: findings.decided.interval(name) for name in SCORES}
    return (
        page_environment("training.validation")
        .get_template("validation.html.j2")
        .render(
            validation=validation,
            findings=findings,
            details=details,
            titles=TITLES,
            lower=LOWER_IS_BETTER,
            plain={name: findings.estimates.interval(name) for name in SCORES},
            chosen=None if findings.thresholds is None else whole,
            score_plots=_score_plots(findings),
            breakdowns=_breakdowns(details.strata, whole),
            broken_down=[TITLES[name] for name in BROKEN_DOWN],
            curves=_curves(findings),
            reliability=reliability_plot(reliability(validation.logits, validation.targets)),
            visibility=visibility_plot(details.visibility, manifest.label_rule.min_visible_fraction)
            if details.visibility
            else None,
            label_rule=manifest.label_rule.min_visible_fraction,
            classes=_class_rows(findings),
            confusion=confusion_plot(details.confusion, validation.classes, validation.part_names),
            pairs=details.confusion.pairs(validation.classes, 12),
            names=dict(zip(validation.classes, validation.part_names, strict=True)),
            mistakes=worst_pictures(validation, findings.decision),
            pictures=_pictures(validation.split),
            flattered=findings.thresholds is not None and findings.thresholds.split == validation.split,
            fewest=FEWEST_GROUPS,
            provenance=_provenance(findings),
            bins=CALIBRATION_BINS,
            level=_percent(LEVEL),
        )
    )


def _provenance(findings: Findings) -> list[tuple[str, str]]:
    """Return label and text of what decided the numbers. No path, no clock: equal inputs, equal bytes."""
    validation, thresholds = findings.validation, findings.thresholds
    dataset_name = validation.pictures.root.resolve().name
    at = "logit 0 for every part"
    if thresholds is not None:
        at = f"one a part, with the best F1 on split {thresholds.split} ({thresholds.pictures} pictures)"
    intervals = (
        f"{_percent(LEVEL)}, {findings.resamples} bootstrap resamples of {findings.estimates.groups} groups, "
        f"as wide as resamples are far from the value, seed {findings.seed}"
    )
    return [
        ("Run", f"{validation.run_id}, checkpoint {validation.checkpoint}"),
        ("Pictures", f"{len(validation.targets)} of {dataset_name}, {_pictures(validation.split)}"),
        ("Parts", f"{len(validation.classes)}, of which {int(validation.targets.any(axis=0).sum())} are shown"),
        ("Thresholds", at),
        ("Intervals", intervals),
    ]


def _pictures(split: str) -> str:
    return "all pictures" if split == ALL_SPLITS else f"split {split}"


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def _score_plots(findings: Findings) -> list[tuple[str, Markup]]:
    """Return two plots: where further right is better, and where further left is."""
    chosen = findings.estimates_at_thresholds
    plots = []
    for title, names in (
        ("Higher is better", [name for name in SCORES if name not in LOWER_IS_BETTER]),
        ("Lower is better", [name for name in SCORES if name in LOWER_IS_BETTER]),
    ):
        rows = [
            (
                TITLES[name],
                findings.estimates.interval(name),
                None if chosen is None or name in WITHOUT_THRESHOLD else chosen.interval(name),
            )
            for name in names
        ]
        plots.append((title, score_plot(rows, title)))
    return plots


def _breakdowns(strata: Sequence[StratumScores], whole: dict[str, Estimate]) -> list[tuple[str, Markup]]:
    return [
        (f"{dimension[0].upper()}{dimension[1:]}", breakdown_plot(list(members), whole, BROKEN_DOWN))
        for dimension, members in itertools.groupby(strata, key=lambda stratum: stratum.dimension)
    ]


def _curves(findings: Findings) -> Markup:
    """Return the precision-recall curves of all pairs and of the best, the worst and some classes between."""
    validation = findings.validation
    precision = findings.estimates.values["average_precision"]
    ranked = [int(number) for number in np.argsort(-np.nan_to_num(precision)) if np.isfinite(precision[number])]
    ranks = np.unique(np.linspace(0, len(ranked) - 1, min(CURVES, len(ranked))).round().astype(int))
    classes = [
        (
            f"{validation.part_names[ranked[rank]]} ({precision[ranked[rank]]:.2f})",
            precision_recall(validation.logits[:, ranked[rank]], validation.targets[:, ranked[rank]], CURVE_POINTS),
        )
        for rank in ranks
    ]
    pooled = precision_recall(validation.logits.ravel(), validation.targets.ravel(), CURVE_POINTS)
    return precision_recall_plot(pooled, classes, float(validation.targets.mean()))


def _class_rows(findings: Findings) -> list[dict[str, object]]:
    precisions = findings.decided.class_intervals("average_precision")
    return [
        row | {"bar": interval_bar(precision), "threshold": threshold}
        for row, precision, threshold in zip(findings.class_rows(), precisions, findings.decision, strict=True)
    ]
