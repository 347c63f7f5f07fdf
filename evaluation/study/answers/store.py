"""The answers of a served study: one SQLite file, which is written blind and read with the key."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.errors import BrickbenchError
from core.files import sha256_hex
from evaluation.study.answers.answers import Answers
from evaluation.study.key import KEY, Key, read_key

STORE = "answers.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS participants (
  participant TEXT PRIMARY KEY,
  token_hash BLOB NOT NULL UNIQUE,
  origin TEXT NOT NULL CHECK (origin IN ('personal', 'open')),
  sheet INTEGER,
  language TEXT,
  familiarity INTEGER CHECK (familiarity BETWEEN -1 AND 2),
  started_at INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS answers (
  participant TEXT NOT NULL REFERENCES participants,
  trial_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  chosen TEXT NOT NULL CHECK (chosen IN ('left', 'right')),
  seconds REAL,
  request_key TEXT NOT NULL,
  answered_at INTEGER NOT NULL,
  PRIMARY KEY (participant, trial_id),
  UNIQUE (participant, position)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True)
class BlindAnswer:
    """One choice as it was kept: it tells no method."""

    participant: str
    trial_id: str
    position: int
    """In the participant's order, from 1."""
    chosen: str
    """``left`` or ``right``."""
    familiarity: int
    seconds: float | None
    language: str


def open_store(study: Path) -> sqlite3.Connection:
    """Return a connection to the store of `study`, made if need be; what it commits is on disk when it returns.

    Raises:
        BrickbenchError: it is damaged, or holds answers to another key.
    """
    path, own_digest = study / STORE, _key_digest(study)
    path.touch(mode=0o600)  # for its owner's eyes only, and so are the files that SQLite lays beside it
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # each commit waits for the disk
        connection.execute("PRAGMA foreign_keys = ON")
        connection.executescript(_SCHEMA)
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('key_digest', ?)", [own_digest])
        digest = connection.execute("SELECT value FROM meta WHERE name = 'key_digest'").fetchone()[0]
    except sqlite3.Error as error:
        connection.close()
        raise BrickbenchError(f"Cannot use {path}: {error}. Bring it back from a copy, or mend the disk.") from error
    if digest != own_digest:
        connection.close()
        raise BrickbenchError(
            f"{path} holds answers to another key than {study / KEY}: the study was built again since. "
            "Bring the old key back, or move the answers elsewhere."
        )
    return connection


def read_answers(study: Path) -> Answers:
    """Return all answers in the store of `study`, by participant and position; it may be being served meanwhile.

    ``seconds`` is what the participant's page reports: from the moment at which the three pictures appear to the
    confirmation, by the browser's own clock, so that the network's time is not in it. It is NaN where the page was
    loaded anew or out of sight meanwhile.

    Raises:
        BrickbenchError: nobody has answered yet, the store is damaged, or it belongs to another key.
    """
    key, path = read_key(study), study / STORE
    if not path.is_file():
        raise BrickbenchError(f"{study} has no answers yet: there is no {STORE}. Let people answer: `study serve`.")
    try:
        # mode=ro: the reader may not move what the server writes from its log into the database.
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            digest = connection.execute("SELECT value FROM meta WHERE name = 'key_digest'").fetchone()
            rows = connection.execute(
                "SELECT participant, trial_id, position, chosen, familiarity, seconds, language "
                "FROM answers JOIN participants USING (participant) ORDER BY participant, position"
            ).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise BrickbenchError(f"Cannot read {path}: {error}. Bring it back from a copy.") from error
    if digest != (_key_digest(study),):
        raise BrickbenchError(f"{path} holds answers to another key than {study / KEY}. Bring the old key back.")
    return join_key(key, [BlindAnswer(*row) for row in rows])


def join_key(key: Key, answers: Iterable[BlindAnswer]) -> Answers:
    """Return blind answers, in their order, with what the key knows: methods, items, kinds, expected sides."""
    items = {item.item_id: item for item in key.items}
    trials = {trial.trial_id: trial for sheet in key.sheets for trial in sheet.trials}
    rows = []
    for answer in answers:
        trial = trials[answer.trial_id]
        item = items[trial.item_id]
        known = {"item": item.item_id, "image_id": item.image_id, "part_id": item.part_id, "kind": trial.kind.value}
        known |= {"left": trial.left, "right": trial.right, "expected": trial.expected.value if trial.expected else ""}
        rows.append(vars(answer) | known)
    return Answers.of_rows(rows)


def _key_digest(study: Path) -> str:
    return sha256_hex((study / KEY).read_bytes())
