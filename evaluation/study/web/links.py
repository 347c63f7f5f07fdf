"""Who may come in: personal links in ``participants.csv``, the open link's invitation and the organiser's secret.

The token stands behind the ``#`` of a link. Browsers keep that part to themselves: it is in no request line, no log of
a server or proxy, and no Referer; the page sends it in a header of its own.
"""

import csv
import io
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from core.errors import BrickbenchError
from core.files import atomic_file
from evaluation.study.web.requests import TOKEN

PARTICIPANTS = "participants.csv"
ACCESS = "access.json"
_COLUMNS = ("participant", "link")


@dataclass(frozen=True)
class Access:
    """Secrets of a study that stay when the server is started again."""

    organiser: str
    invitation: str


def read_access(study: Path) -> Access:
    """Return the secrets of `study`, made and written for its owner's eyes only if there are none."""
    path = study / ACCESS
    if not path.exists():
        _write_private(path, json.dumps(asdict(Access(secrets.token_urlsafe(24), secrets.token_urlsafe(16))), indent=1))
    try:
        return Access(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise BrickbenchError(f"{path} is damaged. Delete it: new secrets are then made.") from error


def ensure_links(study: Path, count: int, address: str) -> dict[str, str]:
    """Return all personal tokens by participant, of which there are at least `count`, and write their links.

    Tokens that are there stay; links start with `address`; columns that somebody added are kept.

    Raises:
        BrickbenchError: ``participants.csv`` cannot be read.
    """
    path = study / PARTICIPANTS
    rows, names = _read(path) if path.exists() else ([], list(_COLUMNS))
    before = [dict(row) for row in rows]
    tokens = {}
    for number, row in enumerate(rows, start=2):
        token = (row.get("link") or "").partition("#")[2]
        if not row.get("participant") or not TOKEN.fullmatch(token):
            raise BrickbenchError(
                f"Line {number} of {path} should have a participant and a link that ends in # and 32 characters. "
                "Mend the line, or move the file away: new links are then made."
            )
        if row["participant"] in tokens:
            raise BrickbenchError(f"{path} has the participant {row['participant']!r} twice. Delete one of the lines.")
        tokens[row["participant"]] = token
    number = 0
    while len(tokens) < count:
        number += 1
        participant = f"P{number:04d}"
        if participant not in tokens:
            tokens[participant] = secrets.token_urlsafe(24)
            rows.append({"participant": participant})
    for row in rows:
        row["link"] = f"{address}#{tokens[row['participant']]}"
    if rows != before:
        text = io.StringIO()
        writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        _write_private(path, text.getvalue())
    return tokens


def _read(path: Path) -> tuple[list[dict[str, str]], list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BrickbenchError(f"Cannot read {path}: {error}. Save it as CSV with commas, in UTF-8.") from error
    names = list(reader.fieldnames or ())
    if not set(_COLUMNS) <= set(names) or any(None in row for row in rows):
        raise BrickbenchError(
            f"{path} should have the columns {' and '.join(_COLUMNS)} and commas between them; its first line is "
            f"{','.join(names)!r}. Mend it, or move it away: new links are then made."
        )
    return rows, names


def _write_private(path: Path, text: str) -> None:
    with atomic_file(path) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(text, encoding="utf-8")
