"""Answers that people gave to a served study, joined with its key."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import BrickbenchError
from core.files import sha256_hex
from evaluation.study.answers.answers import Answers
from evaluation.study.key import KEY, Item, Key, Trial, read_key
from evaluation.study.web.store import STORE


@dataclass(frozen=True)
class Given:
    """One choice as it was kept: blind."""

    participant: str
    trial_id: str
    position: int
    """In the participant's order, from 1."""
    chosen: str
    """``left`` or ``right``."""
    familiarity: int
    seconds: float | None
    language: str


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
    if digest != (sha256_hex((study / KEY).read_bytes()),):
        raise BrickbenchError(f"{path} holds answers to another key than {study / KEY}. Bring the old key back.")
    return join_key(key, [Given(*row) for row in rows])


def join_key(key: Key, given: Iterable[Given]) -> Answers:
    """Return blind answers with what the key knows: methods, items, kinds, expected sides.

    Args:
        key: of the study; holds each trial that was answered.
        given: in the order of the rows that come back.
    """
    items = {item.item_id: item for item in key.items}
    trials = {trial.trial_id: trial for sheet in key.sheets for trial in sheet.trials}
    rows = [_row(answer, trials[answer.trial_id], items[trials[answer.trial_id].item_id]) for answer in given]
    kinds = {"familiarity": np.int64, "position": np.int64, "seconds": np.float64}
    columns: dict[str, Any] = {
        field.name: np.array([row[field.name] for row in rows], dtype=kinds.get(field.name, np.str_))
        for field in fields(Answers)
    }
    return Answers(**columns)


def _row(answer: Given, trial: Trial, item: Item) -> dict[str, str | int | float]:
    return {
        "participant": answer.participant,
        "item": trial.item_id,
        "left": trial.left,
        "right": trial.right,
        "chosen": answer.chosen,
        "familiarity": answer.familiarity,
        "position": answer.position,
        "kind": trial.kind.value,
        "expected": trial.expected.value if trial.expected else "",
        "image_id": item.image_id,
        "part_id": item.part_id,
        "seconds": np.nan if answer.seconds is None else answer.seconds,
        "language": answer.language,
    }
