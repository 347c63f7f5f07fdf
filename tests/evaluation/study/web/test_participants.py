"""The store of answers: commits in groups, a full disk, a study built again under its answers."""

import asyncio
import resource
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import BrickbenchError
from evaluation.study.answers.store import open_store, read_answers
from evaluation.study.key import Side, read_key, write_key
from evaluation.study.web import app as app_module
from evaluation.study.web.blind_study import read_blind
from evaluation.study.web.participants import add_participants, answer, start
from evaluation.study.web.requests import AnswerBody, RefusedError
from evaluation.study.web.writer import StoreUnavailableError, Writer

People = Callable[..., Any]


class Watched:
    """A connection that notes what is executed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection, self.said = connection, []  # type: ignore[var-annotated]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    def execute(self, text: str, *values: Any) -> sqlite3.Cursor:
        self.said.append(text.split()[0])
        return self.connection.execute(text, *values)


def choice(trial_id: str) -> AnswerBody:
    return AnswerBody(trial_id=trial_id, chosen=Side.LEFT, seconds=1.0, request_key="0" * 32)


def test_many_answers_share_a_commit_and_a_refusal_spoils_none(own_study: Path) -> None:
    study = read_blind(own_study)
    people = {f"P{number}": f"{number:032d}" for number in range(50)}
    first = {token: study.sheets[number % 3 + 1][0].trial_id for number, token in enumerate(people.values())}

    async def go() -> tuple[list[Any], int]:
        store = Watched(open_store(own_study))
        with Writer(store) as writer:  # type: ignore[arg-type]
            await writer.run(lambda store: add_participants(store, people))
            for token in people.values():
                await writer.run(lambda store, token=token: start(store, study, token, "en", 0, None))  # type: ignore[misc]
            store.said.clear()
            results = await asyncio.gather(
                *(
                    writer.run(
                        lambda store, token=token, number=number: answer(  # type: ignore[misc]
                            store, study, token, choice(first[token] if number % 5 else "other")
                        )
                    )
                    for number, token in enumerate(people.values())
                ),
                return_exceptions=True,
            )
        return results, store.said.count("COMMIT")

    results, commits = asyncio.run(go())
    assert commits == 1
    assert [isinstance(result, RefusedError) for result in results] == [number % 5 == 0 for number in range(50)]
    assert len(read_answers(own_study)) == 40


def test_what_goes_wrong_in_the_middle_leaves_the_store_as_it_was_and_going_on(own_study: Path) -> None:
    def broken(store: sqlite3.Connection) -> None:
        add_participants(store, {"P1": "x" * 32})
        raise KeyError("a mistake in the program")

    async def go() -> None:
        with Writer(open_store(own_study)) as writer:
            with pytest.raises(KeyError):
                await writer.run(broken)
            with pytest.raises(StoreUnavailableError, match="syntax error"):
                await writer.run(lambda store: store.execute("SELECT * FROM nothing"))
            assert await writer.run(lambda store: store.execute("SELECT count(*) FROM participants").fetchone()) == (0,)

    asyncio.run(go())


def test_a_disk_that_takes_no_more_is_told_and_loses_nothing(own_study: Path, person: People, stored: People) -> None:
    one = person(1)
    trial = one.answer(one.start().json()["trial"]["trial_id"]).json()["trial"]["trial_id"]
    before = stored()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((own_study / "answers.sqlite-wal").stat().st_size, hard))
    try:
        refused = one.answer(trial, request_key="0" * 32)
        state = one.state()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (refused.status_code, refused.json(), refused.headers["retry-after"]) == (503, {"error": "storage"}, "5")
    assert (state["answered"], stored()) == (1, before)  # reading still works
    assert one.answer(trial, request_key="0" * 32).json()["answered"] == 2  # as the page does by itself
    assert len(read_answers(own_study)) == 2


def test_a_key_that_was_made_anew_is_refused(own_study: Path) -> None:
    open_store(own_study).close()
    write_key(own_study, read_key(own_study).model_copy(update={"study_id": "another"}))
    with pytest.raises(BrickbenchError, match="holds answers to another key"):
        open_store(own_study)
    with pytest.raises(BrickbenchError, match="Bring the old key back"):
        read_answers(own_study)


def test_a_damaged_store_is_told(own_study: Path) -> None:
    with pytest.raises(BrickbenchError, match="has no answers yet"):
        read_answers(own_study)
    (own_study / "answers.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(BrickbenchError, match="file is not a database"):
        open_store(own_study)
    with pytest.raises(BrickbenchError, match="file is not a database"):
        read_answers(own_study)


def test_the_application_opens_the_store_once(own_study: Path) -> None:
    assert app_module.create_app(own_study, organiser="secret") is not None
    assert not (own_study / "answers.sqlite").exists()  # only from its startup to its shutdown
