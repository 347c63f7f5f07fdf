"""What a study shows as files for other programs: one JSON document and two CSV tables."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.csv_table import table_text
from core.files import atomic_file, cannot_write, require_writable
from evaluation.study.report.contents import StudyReport, provenance
from evaluation.study.report.rows import figures, group_rows, numbered

NAMES = ("study.json", "figures.csv", "groups.csv")


def document(report: StudyReport) -> dict[str, Any]:
    """Return all that the report says, and all that the analysis found; people are numbered, not named."""
    result = report.result
    everyone = replace(result.everyone, by_person=tuple(numbered(result.everyone.by_person)))
    analysis: dict[str, Any] = asdict(replace(result, everyone=everyone, attentive=None))
    analysis["attention"]["failed_people"] = len(result.attention.failed_people)
    if result.attentive is not None:
        attentive = replace(result.attentive, by_person=tuple(numbered(result.attentive.by_person)))
        analysis["attentive"] = asdict(attentive)
    return {
        "headline": report.verdict.headline,
        "sentences": report.verdict.sentences,
        "caveats": report.verdict.caveats,
        "figures": [vars(row) for row in figures(result)],
        "analysis": analysis,
        "choices_by_score": [{"difference": at, **share.as_row("left")} for at, share in report.by_score],
        "metric": report.metric,
        "provenance": dict(provenance(report)),
    }


def write_data(report: StudyReport, folder: Path) -> list[Path]:
    """Write the files called `NAMES` into `folder`, over what is there, and return their paths.

    Raises:
        BrickbenchError: `folder` cannot be written.
    """
    require_writable(folder)
    paths = [folder / name for name in NAMES]
    tables = [vars(row) for row in figures(report.result)], group_rows(report.result)
    with cannot_write(f"in {folder}", "Choose another folder."):
        with atomic_file(paths[0]) as temporary:
            text = json.dumps(_plain(document(report)), ensure_ascii=False, allow_nan=False, indent=1)
            temporary.write_text(text + "\n", encoding="utf-8")
        for path, rows in zip(paths[1:], tables, strict=True):
            cells = [[_cell(row.get(name, "")) for name in rows[0]] for row in rows]
            with atomic_file(path) as temporary:
                temporary.write_text(table_text([list(rows[0]), *cells]), encoding="utf-8", newline="")
    return paths


def _cell(value: object) -> object:
    return "" if isinstance(value, float) and math.isnan(value) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
