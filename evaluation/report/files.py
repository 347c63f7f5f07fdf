"""The scores and what follows from them as files for other programs: Parquet, CSV and JSON."""

import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from core.cli import plain_json
from core.csv_table import harmless
from core.files import atomic_file, cannot_write, require_writable
from evaluation.report.data import ReportData
from evaluation.report.provenance import provenance
from evaluation.report.sections import focus_rows, mass_shares, split_rows
from evaluation.statistics.summary import difference_rows, ranking_rows, score_rows
from evaluation.statistics.zero import MISSING

NAMES = ("report.json", "scores.json", "scores.csv", "scores.parquet")


def score_table(report: ReportData) -> pa.Table:
    """Return one row a map and metric: the score, its status and chance level, and what is known of the pair."""
    table = report.table
    facts = {name: column for name, column in report.facts.as_columns().items() if name != "part_id"}
    rows: list[dict[str, object]] = []
    for (method, pair), row in sorted(table.rows.items()):
        label = table.methods[method]
        known = {name: column[pair] for name, column in facts.items()}
        for metric, name in enumerate(table.metrics):
            cell = (method, metric, pair)
            if table.status[cell] == MISSING:
                continue
            own: dict[str, object] = {
                "run_id": table.run_id,
                "checkpoint": table.checkpoint,
                "attribution_id": row.attribution_id,
                "method": label.name,
                "method_key": str(label.key),
                "kind": label.kind,
                "metric": name,
                "image_id": row.image_id,
                "part_id": row.part_id,
                "pile": int(table.piles[pair]),
                "value": _known(float(table.values[cell])) if table.status[cell] == "ok" else None,
                "status": str(table.status[cell]),
                "chance": _known(float(table.chance[cell])),
            }
            rows.append(own | known)
    return pa.Table.from_pylist(rows)


def document(report: ReportData) -> dict[str, object]:
    """Return all that the report says as one JSON document."""
    return {
        "run_id": report.table.run_id,
        "checkpoint": report.table.checkpoint,
        "strict": report.table.strict,
        "headline": report.verdict.headline,
        "sentences": report.verdict.sentences,
        "caveats": report.verdict.caveats,
        "scores": score_rows(report.summary),
        "differences": difference_rows(report.summary),
        "rankings": ranking_rows(report.summary),
        "breakdown": [
            score.as_row() for dimension in report.strata for _, scores in dimension for score in scores.values()
        ],
        "known_truth": [
            {"method": line.method.name, "tests": None if line.known is None else line.known.as_row()["tests"]}
            for line in report.truth
        ],
        "splits": split_rows(report),
        "focus": focus_rows(report),
        "mass_shares": [{"of": label, **shares} for label, shares in mass_shares(report)],
        "training": [growth.as_row() for growth in report.growth],
        "variation": [variation.as_row() for variation in report.variation],
        "variation_between": report.varied,
        "provenance": dict(provenance(report)),
    }


def write_files(report: ReportData, folder: Path) -> list[Path]:
    """Write the files called `NAMES` into `folder`, over what is there, and return their paths.

    Raises:
        BrickbenchError: `folder` cannot be written.
    """
    require_writable(folder)
    table = score_table(report)
    paths = [folder / name for name in NAMES]
    columns = {"columns": table.column_names, "rows": [list(row.values()) for row in table.to_pylist()]}
    with cannot_write(f"in {folder}", "Choose another folder."):
        for path, value in zip(paths[:2], (document(report), columns), strict=True):
            with atomic_file(path) as temporary:
                text = json.dumps(plain_json(value), ensure_ascii=False, allow_nan=False)
                temporary.write_text(text + "\n", encoding="utf-8")
        with atomic_file(paths[2]) as temporary:
            pc.write_csv(_for_spreadsheets(table), temporary)
        with atomic_file(paths[3]) as temporary:
            pq.write_table(table, temporary)
    return paths


def _for_spreadsheets(table: pa.Table) -> pa.Table:
    """Return `table` with text that no spreadsheet takes for a formula: parts may have any name."""
    for at, field in enumerate(table.schema):
        if field.type == pa.string():
            table = table.set_column(at, field, pa.array(map(harmless, table.column(at).to_pylist()), pa.string()))
    return table


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
