"""What participants do, as the store of answers sees it: they are let in, begin, answer.

Each function does one thing inside a transaction that somebody else opens (`evaluation.study.web.writer`), and writes
at most one row, as its last step: one that is refused has changed nothing.
"""

import hashlib
import sqlite3

from evaluation.study.web.blind_study import BlindStudy, Standing
from evaluation.study.web.requests import AnswerBody, RefusedError

NOW = "CAST(strftime('%s', 'now') AS INTEGER)"  # seconds since 1970, UTC


def hash_token(token: str) -> bytes:
    """Return what the store knows of a token; tokens are random enough to need no salt."""
    return hashlib.sha256(token.encode("ascii")).digest()


def add_participants(connection: sqlite3.Connection, tokens: dict[str, str]) -> None:
    """Let the people in `tokens` (participant to token) in; those who are known already stay as they are."""
    connection.executemany(
        "INSERT OR IGNORE INTO participants (participant, token_hash, origin) VALUES (?, ?, 'personal')",
        [(participant, hash_token(token)) for participant, token in tokens.items()],
    )


def read_standing(connection: sqlite3.Connection, token: str) -> Standing | None:
    """Return where the holder of `token` is, None if the store does not know it."""
    known = _find(connection, token)
    return known[1] if known else None


def start(
    connection: sqlite3.Connection, study: BlindStudy, token: str, language: str, familiarity: int, room: int | None
) -> Standing:
    """Give the holder of `token` the next sheet, and return where they are; who has one already keeps it.

    `token` is a personal one, or a new one that its holder's page made up; `familiarity` is 0 to 2, -1 if it was not
    asked; `room` is how many people the open link lets in, None if only known tokens are let in.

    Raises:
        RefusedError: the token is unknown, or there is no room left.
    """
    known = _find(connection, token)
    if known and known[1].sheet is not None:
        return known[1]
    begun, opened = connection.execute(
        "SELECT count(sheet), coalesce(sum(origin = 'open'), 0) FROM participants"
    ).fetchone()
    sheet = list(study.sheets)[begun % len(study.sheets)]
    if known:
        connection.execute(
            f"UPDATE participants SET sheet = ?, language = ?, familiarity = ?, started_at = {NOW} "
            "WHERE participant = ?",
            [sheet, language, familiarity, known[0]],
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
    return Standing(sheet, 0, language)


def answer(connection: sqlite3.Connection, study: BlindStudy, token: str, given: AnswerBody) -> Standing:
    """Keep an answer of the holder of `token` to their present trial, and return where they are then.

    Raises:
        RefusedError: the token is unknown, or it is not this trial's turn; the first answer to a trial stands.
    """
    known = _find(connection, token)
    if not known:
        raise RefusedError(401, "unknown_link")
    participant, standing = known
    if standing.sheet is None:
        raise RefusedError(409, "not_begun", standing)
    before = connection.execute(
        "SELECT chosen, request_key FROM answers WHERE participant = ? AND trial_id = ?", [participant, given.trial_id]
    ).fetchone()
    if before == (given.chosen, given.request_key):
        return standing
    trials = study.sheets[standing.sheet]
    if before or standing.answered == len(trials) or trials[standing.answered].trial_id != given.trial_id:
        raise RefusedError(409, "not_this_trial", standing)
    connection.execute(
        f"INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, {NOW})",
        [participant, given.trial_id, standing.answered + 1, given.chosen.value, given.seconds, given.request_key],
    )
    return Standing(standing.sheet, standing.answered + 1, standing.language)


def _find(connection: sqlite3.Connection, token: str) -> tuple[str, Standing] | None:
    row = connection.execute(
        "SELECT participant, sheet, language, (SELECT count(*) FROM answers AS a WHERE a.participant = p.participant) "
        "FROM participants AS p WHERE token_hash = ?",
        [hash_token(token)],
    ).fetchone()
    return (row[0], Standing(row[1], row[3], row[2])) if row else None
