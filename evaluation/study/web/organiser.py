"""What the organiser may see while people answer: how many, when, how carefully; nothing that tells who is winning."""

import sqlite3
from pathlib import Path
from typing import Any

from core.csv_table import table_text
from evaluation.study.key import Side, read_key
from evaluation.study.web.blind_study import BlindStudy

EXPORT_COLUMNS = (
    "participant", "origin", "sheet", "language", "familiarity", "position", "trial_id", "chosen", "seconds",
    "answered_at",
)  # fmt: skip


def read_checks(study: Path) -> dict[str, Side]:
    """Return the attention checks of `study` by their trials, with the side that anybody who looks chooses."""
    trials = [trial for sheet in read_key(study).sheets for trial in sheet.trials]
    return {trial.trial_id: trial.expected for trial in trials if trial.expected}


def read_progress(
    connection: sqlite3.Connection, study: BlindStudy, checks: dict[str, Side], room: int | None
) -> dict[str, Any]:
    """Return, as JSON, how far the study is: totals, people who have begun, answers an hour (UTC).

    Choices are counted in attention checks only, over all of them and by participant, never by method or item.
    `checks` are those of `read_checks`, `room` is how many the open link lets in; None: there is none.
    """
    given: dict[str, list[bool]] = {}
    for participant, trial_id, chosen in connection.execute("SELECT participant, trial_id, chosen FROM answers"):
        if trial_id in checks:
            given.setdefault(participant, []).append(chosen == checks[trial_id])
    people = [
        {
            "participant": participant, "origin": origin, "language": language, "familiarity": familiarity,
            "answered": answered, "total": len(study.sheets[sheet]),
            "checks": len(given.get(participant, ())), "checks_right": sum(given.get(participant, ())),
            "minutes_since": since,
        }
        for participant, origin, language, familiarity, sheet, answered, since in connection.execute(
            "SELECT p.participant, origin, language, familiarity, sheet, count(trial_id), "
            "(strftime('%s', 'now') - coalesce(max(answered_at), started_at)) / 60 "
            "FROM participants AS p LEFT JOIN answers USING (participant) "
            "WHERE sheet IS NOT NULL GROUP BY p.participant ORDER BY started_at, p.participant"
        )
    ]  # fmt: skip
    hours = connection.execute(
        "SELECT strftime('%Y-%m-%d %H:00', answered_at, 'unixepoch'), count(*) FROM answers GROUP BY 1 ORDER BY 1"
    ).fetchall()
    links, opened = connection.execute(
        "SELECT coalesce(sum(origin = 'personal'), 0), coalesce(sum(origin = 'open'), 0) FROM participants"
    ).fetchone()
    return {
        "study": study.study_id,
        "links": links,
        "room": room,
        "opened": opened,
        "begun": len(people),
        "finished": sum(person["answered"] == person["total"] for person in people),
        "answers": sum(person["answered"] for person in people),
        "sheets": len(study.sheets),
        "people": people,
        "hours": [{"hour": hour, "answers": answers} for hour, answers in hours],
    }


def export_csv(connection: sqlite3.Connection) -> str:
    """Return all answers as CSV, blind: trials by their opaque names, as ``answers.sqlite`` has them."""
    rows = connection.execute(
        f"SELECT {', '.join(EXPORT_COLUMNS)} FROM answers JOIN participants USING (participant) "
        "ORDER BY participant, position"
    )
    return table_text([EXPORT_COLUMNS, *rows])
