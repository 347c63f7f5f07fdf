"""Files that participants of the offline page send back: checked, and joined with the key.

A file is one JSON object; `Returned` is its format. What is in it cannot be believed blindly: it came by mail.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from core.errors import BrickbenchError, SettingsError
from evaluation.study.answers.answers import Answers
from evaluation.study.answers.importing import Imported
from evaluation.study.answers.store import BlindAnswer, join_key
from evaluation.study.key import LONGEST_TRIAL_S, FromOutside, Key, Side, read_key

RETURNED = ".json"
"""Ending of what the offline page gives."""
LARGEST_FILE = 2**20  # bytes; 1,000 answers have some 80 kB


class ReturnedAnswer(FromOutside):
    """One choice."""

    trial_id: str
    chosen: Side
    seconds: Annotated[float, Field(ge=0, le=LONGEST_TRIAL_S, allow_inf_nan=False)] | None
    """Time from the pictures' appearance to the confirmation; None if the page was loaded anew or out of sight then."""


class Returned(FromOutside):
    """All answers of one person, in the order of their sheet; fewer than the sheet has if they stopped."""

    format: Literal["brickbench-study-answers"]
    version: Literal[1]
    study_id: str
    participant: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    """Made up by the page."""
    sheet: int
    language: Annotated[str, StringConstraints(max_length=8)]
    familiarity: Annotated[int, Field(ge=-1, le=2)]
    answers: tuple[ReturnedAnswer, ...]


def take_in_returned(paths: Sequence[Path], study: Path | None) -> Imported:
    """Return the answers in `paths`, all of them files of the offline page of `study`.

    Raises:
        SettingsError: `study` is missing: the files are blind without its key.
        BrickbenchError: other files are among them, or some are damaged; then each is named with its reason.
    """
    if study is None:
        raise SettingsError("What an offline page gave back tells no method: name its study with --study.")
    others = [path.name for path in paths if path.suffix != RETURNED]
    if others:
        raise BrickbenchError(f"{others[0]} is no {RETURNED} file: take in returned files apart from tables.")
    answers = read_returned(study, paths)
    return Imported(answers, (), len(answers))


def read_returned(study: Path, paths: Sequence[Path]) -> Answers:
    """Return the answers in the files `paths`, by participant and position.

    Of one person's files the longest counts, if the others are its beginning: somebody sent theirs twice.

    Raises:
        BrickbenchError: it is no study, or there are files that cannot be taken in; all of them are named, each with
            what is wrong with it. No answers come back then.
    """
    key = read_key(study)
    people: dict[str, tuple[Path, Returned]] = {}
    problems = []
    for path in paths:
        try:
            returned = _read(path)
            _check(returned, key)
            other = people.get(returned.participant)
            if other and not _one_begins_the_other(returned, other[1]):
                raise BrickbenchError(f"it has other answers of the same person than {other[0]}")
        except BrickbenchError as error:
            problems.append(f"{path}: {error}")
            continue
        if not other or len(returned.answers) > len(other[1].answers):
            people[returned.participant] = path, returned
    if problems:
        raise BrickbenchError(
            f"{len(problems)} of {len(paths)} files cannot be taken in:\n  " + "\n  ".join(problems)
            + "\nAsk their senders for the file again, or leave these out."
        )  # fmt: skip
    return join_key(
        key,
        [
            BlindAnswer(
                f"offline-{participant[:12]}", answer.trial_id, position, answer.chosen.value, returned.familiarity,
                answer.seconds, returned.language,
            )
            for participant, (_, returned) in sorted(people.items())
            for position, answer in enumerate(returned.answers, start=1)
        ],
    )  # fmt: skip


def _read(path: Path) -> Returned:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BrickbenchError("it is too large to be a file of answers")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BrickbenchError(f"it cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BrickbenchError("it is no text in UTF-8") from error
    try:
        return Returned.model_validate_json(text)
    except ValidationError as error:
        return _explain(error, text)


def _explain(error: ValidationError, text: str) -> Returned:
    try:
        content = json.loads(text)
    except ValueError as broken:
        raise BrickbenchError(f"it is no JSON, or only a part of it: {broken}") from error
    if not isinstance(content, dict) or content.get("format") != "brickbench-study-answers":
        raise BrickbenchError("it is no file of answers from `study bundle`") from error
    detail = error.errors(include_url=False)[0]
    field = ".".join(map(str, detail["loc"]))
    raise BrickbenchError(f"{field} is not as the page writes it: {detail['msg']}") from error


def _check(returned: Returned, key: Key) -> None:
    if returned.study_id != key.study_id:
        raise BrickbenchError(f"it answers the study {returned.study_id!r}, not {key.study_id!r}")
    trials = next((sheet.trials for sheet in key.sheets if sheet.sheet == returned.sheet), None)
    if trials is None:
        raise BrickbenchError(f"the study has no sheet {returned.sheet}")
    for position, answer in enumerate(returned.answers, start=1):
        if position > len(trials) or trials[position - 1].trial_id != answer.trial_id:
            raise BrickbenchError(f"answer {position} is not to trial {position} of sheet {returned.sheet}")


def _one_begins_the_other(one: Returned, other: Returned) -> bool:
    short, long = sorted((one, other), key=lambda returned: len(returned.answers))
    return short == long.model_copy(update={"answers": long.answers[: len(short.answers)]})
