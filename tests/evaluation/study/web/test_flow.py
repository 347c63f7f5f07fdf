"""Participants by the requests that their pages make: sheets, order, twice the same, two tabs, the open link."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from evaluation.study.answers.store import read_answers
from evaluation.study.key import read_key

People = Callable[..., Any]


def test_from_consent_to_the_end_and_back_as_answers(own_study: Path, person: People) -> None:
    key, one = read_key(own_study), person(1)
    assert one.state() == {"stage": "new"}
    state = one.start(language="nl", familiarity=2).json()
    sides: list[str] = []
    while state["stage"] == "trial":
        assert set(state) == {"stage", "language", "answered", "total", "trial", "ahead"}
        assert set(state["trial"]) == {"trial_id", "picture", "left", "right", "part_name"}
        sides.append("left" if len(sides) % 3 else "right")
        state = one.answer(state["trial"]["trial_id"], sides[-1], seconds=None if len(sides) == 2 else 0.25).json()
    assert state == one.state() == {"stage": "done", "language": "nl", "answered": 7, "total": 7}
    answers = read_answers(own_study)
    trials = key.sheets[0].trials
    assert answers.participant.tolist() == ["P0001"] * 7
    assert answers.chosen.tolist() == sides
    assert answers.left.tolist() == [trial.left for trial in trials]
    assert answers.right.tolist() == [trial.right for trial in trials]
    assert answers.item.tolist() == [trial.item_id for trial in trials]
    assert answers.kind.tolist() == ["main"] * 4 + ["repeat", "swapped", "attention"]
    assert answers.expected.tolist() == [""] * 6 + ["left"]
    assert answers.position.tolist() == list(range(1, 8))
    assert answers.familiarity.tolist() == [2] * 7
    assert answers.language.tolist() == ["nl"] * 7
    assert answers.image_id[0] == "p000000_v00"
    assert answers.part_id[:2].tolist() == ["3001", "3003"]
    np.testing.assert_array_equal(answers.seconds, [0.25, np.nan, 0.25, 0.25, 0.25, 0.25, 0.25])


def test_sheets_go_out_in_order_and_again_from_the_first(own_study: Path, person: People, stored: People) -> None:
    key = read_key(own_study)
    firsts = [person(number).start().json()["trial"]["trial_id"] for number in (3, 1, 5, 2)]
    assert firsts == [key.sheets[number].trials[0].trial_id for number in (0, 1, 2, 0)]
    assert person(1).start(language="nl").json()["trial"]["trial_id"] == firsts[1]  # who has a sheet keeps it
    assert [row[:2] for row in stored()] == [("P0001", 2), ("P0002", 1), ("P0003", 1), ("P0004", None), ("P0005", 3)]


def test_an_answer_sent_twice_is_one_answer(person: People, stored: People) -> None:
    one = person(1)
    trial = one.start().json()["trial"]["trial_id"]
    request_key = secrets.token_hex(16)
    first = one.answer(trial, "right", request_key=request_key)
    before = stored()
    again = one.answer(trial, "right", request_key=request_key, seconds=9.0)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert stored() == before


def test_in_two_tabs_each_trial_is_answered_once(person: People, stored: People) -> None:
    one = person(1)
    trial = one.start().json()["trial"]["trial_id"]
    moved = one.answer(trial, "left").json()
    before = stored()
    late = one.answer(trial, "right")  # the other tab still shows it
    assert late.status_code == 409
    assert late.json() == {"error": "not_this_trial", "state": moved}
    assert stored() == before


def test_the_open_link_has_a_cap_and_a_lost_reply_costs_no_second_place(
    client: TestClient, stranger: People, stored: People
) -> None:
    first = stranger()
    begun = first.start(invitation="invitation-secret")
    assert first.start(invitation="invitation-secret").json() == begun.json()  # the reply was lost: asked again
    assert [stranger().start(invitation="invitation-secret").status_code for _ in range(3)] == [200, 200, 403]
    assert stranger().start(invitation="invitation-secret").json() == {"error": "full"}
    assert [row[:2] for row in stored() if row[0].startswith("open")] == [
        ("open-0001", 1), ("open-0002", 2), ("open-0003", 3),
    ]  # fmt: skip
    assert first.answer(begun.json()["trial"]["trial_id"]).status_code == 200


def test_what_pages_learn_does_not_unblind(own_study: Path, client: TestClient, person: People) -> None:
    key, one = read_key(own_study), person(1)
    words = [client.get("/").text]
    state = one.start().json()
    while state["stage"] == "trial":
        words.append(str(state))
        state = one.answer(state["trial"]["trial_id"]).json()
    for telling in (*key.methods, "decoy", "attention", "swapped", "expected", "p000000", "confidence", "is_right"):
        assert all(telling not in text for text in words), telling


@pytest.mark.parametrize("path", ["/", "/api/state", "/picture/x.png", "/organiser", "/static/study.js", "/nothing"])
def test_headers_shut_everything_in(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "set-cookie" not in headers
    assert "access-control-allow-origin" not in headers


def test_who_goes_on_after_a_restart_is_where_they_were(own_study: Path, person: People, client: TestClient) -> None:
    one = person(2)
    trial = one.start().json()["trial"]["trial_id"]
    there = one.answer(trial).json()
    client.__exit__()
    with client:
        assert one.state() == there
