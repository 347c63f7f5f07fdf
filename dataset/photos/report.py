"""What an import did: counts, files that did not come in, duplicates, leaks; kept in the dataset as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.files import atomic_file
from dataset.photos.annotations import Reason
from dataset.photos.held import IMPORTS_FOLDER
from dataset.photos.plan import Leak


@dataclass(frozen=True)
class ImportReport:
    """One import.

    `found` counts the photos that the annotations name; each of them `came_in`, was `already_there`, is one of
    `copies` (equal byte for byte to another one), or is in `set_aside`. `left_out` are files that nobody asked for.
    `without_labels` counts photos that came in and show no part. `notes` are sentences on what was read otherwise than
    one might think.
    """

    source: str
    format: str
    found: int
    came_in: int
    already_there: int
    copies: int
    without_labels: int
    splits: dict[str, int]
    part_of: dict[str, str | None]
    set_aside: tuple[Reason, ...]
    left_out: tuple[Reason, ...]
    notes: tuple[str, ...]
    duplicates: tuple[tuple[str, ...], ...]
    leaks: tuple[Leak, ...]

    @property
    def failed_share(self) -> float:
        """Return the share of files that were set aside."""
        return len(self.set_aside) / self.found if self.found else 0.0

    @property
    def unused_labels(self) -> int:
        """Return how many labels were read that are of no photo which came in."""
        return sum(reason.labels for reason in (*self.set_aside, *self.left_out))

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain data, the counts first."""
        values = asdict(self)
        lists = ("notes", "set_aside", "left_out", "duplicates", "leaks")
        return {name: value for name, value in values.items() if name not in lists} | {
            "failed_share": self.failed_share,
            "unused_labels": self.unused_labels,
            **{name: list(values[name]) for name in lists},
        }

    def rows(self) -> Sequence[dict[str, Any]]:
        """Return the counts as rows of a table."""
        counts = {
            "found": self.found,
            "came in": self.came_in,
            "already there": self.already_there,
            "copies of another": self.copies,
            "set aside": len(self.set_aside),
            "left out": len(self.left_out),
            "sets of duplicates": len(self.duplicates),
            "leaks between splits": len(self.leaks),
            "without labels": self.without_labels,
        } | {f"in {split}": count for split, count in self.splits.items()}
        return [{"what": what, "count": count} for what, count in counts.items()]


def save_report(root: Path, name: str, report: ImportReport) -> Path:
    """Write the report beside those of earlier imports and return its path."""
    stem = Path(name).stem or "photos"
    path, number = root / IMPORTS_FOLDER / f"{stem}.json", 1
    while path.exists():
        number += 1
        path = path.with_name(f"{stem}-{number}.json")
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(report.as_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
