"""The study as one HTML file that needs no network: its page, its pictures and some of its sheets."""

import base64
from collections.abc import Sequence
from pathlib import Path

from core.errors import SettingsError
from core.files import atomic_file
from evaluation.study.web.pages import offline_page
from evaluation.study.web.plan import KINDS, read_plan


def write_bundle(study: Path, output: Path, sheets: Sequence[int] | None = None) -> int:
    """Write `study` as one HTML file and return its number of sheets.

    Args:
        study: its folder.
        output: the file.
        sheets: their numbers; None: all.

    Raises:
        BrickbenchError: it is no study.
        SettingsError: it has no such sheet.
    """
    plan = read_plan(study)
    chosen = list(plan.sheets) if sheets is None else list(sheets)
    if unknown := [sheet for sheet in chosen if sheet not in plan.sheets]:
        raise SettingsError(
            f"The study {study} has no sheet {unknown[0]}; it has the sheets {min(plan.sheets)} to {max(plan.sheets)}."
        )
    files = sorted({name for sheet in chosen for name in plan.files_of[sheet]})
    content = {
        "sheets": {sheet: [vars(trial) for trial in plan.sheets[sheet]] for sheet in chosen},
        "pictures": {name: _data_uri(name, plan.picture(name)) for name in files},
    }
    with atomic_file(output) as temporary:
        temporary.write_text(offline_page(plan, content), encoding="utf-8")
    return len(chosen)


def _data_uri(name: str, data: bytes) -> str:
    return f"data:{KINDS[Path(name).suffix]};base64,{base64.b64encode(data).decode('ascii')}"
