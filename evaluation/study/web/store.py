"""The answers of a study in SQLite: what is in it, and the few things that are done with it.

Each function does one thing inside a transaction that somebody else opens (`evaluation.study.web.writer`), and writes
at most one row, as its last step: one that is refused has changed nothing.
"""

import hashlib
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from core.errors import BrickbenchError
from evaluation.study.web.plan import Plan

STORE = "answers.sqlite"
TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")  # 24 random bytes
NOW = "CAST(strftime('%s', 'now') AS INTEGER)"  # seconds since 1970, UTC

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


class RefusedError(Exception):
    """A request that is turned down: nothing was changed by it."""

    def __init__(self, status: int, code: str, state: "State | None" = None) -> None:
        """Take the HTTP status, a word for the page, and, where the person is known, where they are."""
        super().__init__(code)
        self.status, self.code, self.state = status, code, state


@dataclass(frozen=True)
class State:
    """Where a participant is."""

    sheet: int | None = None
    """None: has not begun."""
    answered: int = 0
    language: str | None = None


@dataclass(frozen=True)
class Answer:
    """One choice as it arrives."""

    trial_id: str
    chosen: str
    seconds: float | None
    request_key: str
    """The page's own name of this answer: the same again is the same answer, sent twice."""


def hash_token(token: str) -> bytes:
    """Return what the store knows of a token; tokens are random enough to need no salt."""
    return hashlib.sha256(token.encode("ascii")).digest()


def open_store(path: Path, plan: Plan) -> sqlite3.Connection:
    """Return a connection to the store at `path`, made if need be; what it commits is on disk when it returns.

    Raises:
        BrickbenchError: it is damaged, or holds answers to another key.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # each commit waits for the disk
        connection.execute("PRAGMA foreign_keys = ON")
        connection.executescript(_SCHEMA)
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('key_digest', ?)", [plan.digest])
        digest = connection.execute("SELECT value FROM meta WHERE name = 'key_digest'").fetchone()[0]
    except sqlite3.Error as error:
        connection.close()
        raise BrickbenchError(f"Cannot use {path}: {error}. Bring it back from a copy, or mend the disk.") from error
    if digest != plan.digest:
        connection.close()
        raise BrickbenchError(
            f"{path} holds answers to another key than {plan.study}/key.json: the study was built again since. "
            "Bring the old key back, or move the answers elsewhere."
        )
    return connection


def add_participants(connection: sqlite3.Connection, tokens: dict[str, str]) -> None:
    """Let the people in `tokens` (participant to token) in; those who are known already stay as they are."""
    connection.executemany(
        "INSERT OR IGNORE INTO participants (participant, token_hash, origin) VALUES (?, ?, 'personal')",
        [(participant, hash_token(token)) for participant, token in tokens.items()],
    )


def read_state(connection: sqlite3.Connection, token: str) -> State | None:
    """Return where the holder of `token` is, None if the store does not know it."""
    found = _find(connection, token)
    return found[1] if found else None


def start(
    connection: sqlite3.Connection, plan: Plan, token: str, language: str, familiarity: int, room: int | None
) -> State:
    """Give the holder of `token` the next sheet, and return where they are; who has one already keeps it.

    Args:
        connection: inside a transaction.
        plan: of the study.
        token: a personal one, or a new one that its holder's page made up.
        language: of the page.
        familiarity: 0 to 2, -1 if it was not asked.
        room: how many people the open link lets in; None: only known tokens are let in.

    Raises:
        RefusedError: the token is unknown, or there is no room left.
    """
    found = _find(connection, token)
    if found and found[1].sheet is not None:
        return found[1]
    begun, opened = connection.execute(
        "SELECT count(sheet), coalesce(sum(origin = 'open'), 0) FROM participants"
    ).fetchone()
    sheet = list(plan.sheets)[begun % len(plan.sheets)]
    if found:
        connection.execute(
            f"UPDATE participants SET sheet = ?, language = ?, familiarity = ?, started_at = {NOW} "
            "WHERE participant = ?",
            [sheet, language, familiarity, found[0]],
        )
    elif room is None:
        raise RefusedError(401, "unknown_link")
    elif opened >= room:
        raise RefusedError(403, "full")
    else:
        connection.execute(
            f"INSERT INTO participants VALUES (?, ?, 'open', ?, ?, ?, {NOW})",
            [f"open-{opened + 1:04d}", hash_token(token), sheet, language, familiarity],
        )
    return State(sheet, 0, language)


def answer(connection: sqlite3.Connection, plan: Plan, token: str, given: Answer) -> State:
    """Keep an answer of the holder of `token` to their present trial, and return where they are then.

    Raises:
        RefusedError: the token is unknown, or it is not this trial's turn; the first answer to a trial stands.
    """
    found = _find(connection, token)
    if not found:
        raise RefusedError(401, "unknown_link")
    participant, state = found
    if state.sheet is None:
        raise RefusedError(409, "not_begun", state)
    before = connection.execute(
        "SELECT chosen, request_key FROM answers WHERE participant = ? AND trial_id = ?", [participant, given.trial_id]
    ).fetchone()
    if before == (given.chosen, given.request_key):
        return state
    trials = plan.sheets[state.sheet]
    if before or state.answered == len(trials) or trials[state.answered].trial_id != given.trial_id:
        raise RefusedError(409, "not_this_trial", state)
    connection.execute(
        f"INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, {NOW})",
        [participant, given.trial_id, state.answered + 1, given.chosen, given.seconds, given.request_key],
    )
    return State(state.sheet, state.answered + 1, state.language)


def _find(connection: sqlite3.Connection, token: str) -> tuple[str, State] | None:
    row = connection.execute(
        "SELECT participant, sheet, language, (SELECT count(*) FROM answers AS a WHERE a.participant = p.participant) "
        "FROM participants AS p WHERE token_hash = ?",
        [hash_token(token)],
    ).fetchone()
    return (row[0], State(row[1], row[3], row[2])) if row else None
