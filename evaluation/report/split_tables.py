"""What is known of each method beyond single maps, as tables of the report: whole splits, and mosaics."""

from dataclasses import asdict, dataclass

from evaluation.localization.focus_run import FocusRow
from evaluation.localization.metrics.iou import IOU_CHOICE
from evaluation.localization.registry import SPLIT_METRICS
from evaluation.localization.split_scores import SplitScore, shown_splits
from evaluation.report.data import ReportData
from evaluation.statistics.table import MethodLabel


@dataclass(frozen=True)
class SplitLine:
    """One method on one split."""

    method: MethodLabel
    split: str
    scores: tuple[SplitScore | None, ...]
    """One a metric of `SPLIT_METRICS`, None where it was not scored."""
    chosen: SplitScore | None
    """The threshold of `iou_best` and the mean IoU that it reached on val; None without maps of val pictures."""


def split_lines(report: ReportData) -> list[SplitLine]:
    """Return the scores of splits in the order of the table; val is shown only where there is no other."""
    lines = []
    for method in report.table.methods:
        own = [score for score in report.splits if score.method_key == method.key]
        chosen = next((score for score in own if score.metric == IOU_CHOICE.name), None)
        for split in shown_splits(report.splits):
            by_name = {score.metric: score for score in own if score.split == split}
            scores = tuple(by_name.get(name) for name in SPLIT_METRICS)
            if any(scores) or chosen is not None:
                lines.append(SplitLine(method, split, scores, chosen))
    return lines


def split_rows(report: ReportData) -> list[dict[str, object]]:
    """Return the scores of splits as rows for JSON."""
    return [
        asdict(score) | {"method": method.name}
        for method in report.table.methods
        for score in report.splits
        if score.method_key == method.key
    ]


def focus_lines(report: ReportData) -> list[tuple[MethodLabel, FocusRow]]:
    """Return the focus of the methods in the order of the table, a line for each set of mosaics."""
    return [(method, row) for method in report.table.methods for row in report.focus.get(str(method.key), [])]


def focus_rows(report: ReportData) -> list[dict[str, object]]:
    """Return the focus as rows for JSON."""
    return [asdict(row) | {"method": method.name} for method, row in focus_lines(report)]
