"""Forged, replayed, oversized and malformed requests: refused with a 4xx, and nothing is changed by them."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from evaluation.study.key import read_key
from evaluation.study.web.requests import LARGEST_BODY

People = Callable[..., Any]
GOOD = {"chosen": "left", "seconds": 1.0, "request_key": "0" * 32}


def good(**other: Any) -> dict[str, Any]:
    return GOOD | {"trial_id": "TRIAL"} | other


ANSWERS: dict[str, tuple[int, Any]] = {
    "a trial that there is not": (409, good(trial_id="0" * 16)),
    "a later trial": (409, good(trial_id="LATER")),
    "a trial of somebody else": (409, good(trial_id="OTHERS")),
    "no trial": (422, GOOD),
    "an empty trial": (422, good(trial_id="")),
    "a trial that is a number": (422, good(trial_id=1)),
    "a trial that is SQL": (409, good(trial_id="' OR 1=1; --")),
    "a long trial": (422, good(trial_id="x" * 65)),
    "neither left nor right": (422, good(chosen="middle")),
    "both": (422, good(chosen=["left", "right"])),
    "no side": (422, good(chosen=None)),
    "time before": (422, good(seconds=-0.001)),
    "time that is text": (422, good(seconds="1")),
    "a week": (422, good(seconds=604800)),
    "a short key": (422, good(request_key="0" * 31)),
    "a key of other signs": (422, good(request_key="G" * 32)),
    "somebody's name": (422, good(participant="P0002")),
    "a position": (422, good(position=7)),
    "a list": (422, [good()]),
    "nothing": (422, None),
    "a number": (422, 7),
}
RAW: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "no JSON": (422, b"chosen=left", {}),
    "half of it": (422, b'{"trial_id": "TRIAL", "cho', {}),
    "not a number": (422, b'{"trial_id":"TRIAL","chosen":"left","seconds":NaN,"request_key":"%s"}' % (b"0" * 32), {}),
    "no UTF-8": (422, b'{"trial_id": "\xff\xfe"}', {}),
    "nothing at all": (422, b"", {}),
    "deep": (422, b"[" * 1000, {}),
    "a form": (415, b"chosen=left", {"Content-Type": "application/x-www-form-urlencoded"}),
    "plain text, as other sites may send": (415, b"{}", {"Content-Type": "text/plain"}),
    "too large": (413, b'{"trial_id":"' + b"x" * LARGEST_BODY, {}),
}
TOKENS = {
    "none": {},
    "empty": {"Authorization": "Bearer "},
    "another scheme": {"Authorization": "Basic " + "0" * 32},
    "unknown": {"Authorization": "Bearer " + "x" * 32},
    "short": {"Authorization": "Bearer " + "0" * 31},
    "its hash": {"Authorization": "Bearer " + "0" * 64},
    "SQL": {"Authorization": "Bearer ' OR 1=1 --                    x"},
    "of the organiser": {"Authorization": "Bearer organiser-secret"},
    "invitation": {"Authorization": "Bearer invitation-secret"},
}
STARTS: dict[str, tuple[int, Any]] = {
    "a language that there is not": (422, {"language": "fr", "familiarity": 1}),
    "a familiarity that there is not": (422, {"language": "en", "familiarity": 3}),
    "not asked, though it is": (422, {"language": "en", "familiarity": -1}),
    "true for one": (422, {"language": "en", "familiarity": True}),
    "a sheet of one's choice": (422, {"language": "en", "familiarity": 1, "sheet": 2}),
    "another invitation": (401, {"language": "en", "familiarity": 1, "invitation": "invitation-secreT"}),
    "a long invitation": (422, {"language": "en", "familiarity": 1, "invitation": "x" * 65}),
    "an invitation of other signs": (401, {"language": "en", "familiarity": 1, "invitation": "\u00e9\ud800"[:1]}),
}


@pytest.fixture
def begun(own_study: Path, person: People, stored: People) -> Iterator[tuple[Any, dict[str, str]]]:
    """Give somebody at their second trial, and the names of trials; check that nothing was changed afterwards."""
    sheets = read_key(own_study).sheets
    person(2).start()
    one = person(1)
    one.answer(one.start().json()["trial"]["trial_id"])
    trials = sheets[1].trials
    before, state = stored(), one.state()
    yield one, {"TRIAL": trials[1].trial_id, "LATER": trials[2].trial_id, "OTHERS": sheets[0].trials[0].trial_id}
    assert stored() == before
    assert one.state() == state


def test_answers_that_are_not(begun: tuple[Any, dict[str, str]], stored: People) -> None:
    one, names = begun
    before = stored()
    for name, (status, body) in ANSWERS.items():
        if isinstance(body, dict) and "trial_id" in body:
            body = body | {"trial_id": names.get(body["trial_id"], body["trial_id"])}
        refused = one.post("/api/answer", body)
        assert refused.status_code == status, (name, refused.text)
        assert set(refused.json()) <= {"error", "state"}, name
        assert stored() == before, name


@pytest.mark.parametrize("path", ["/api/answer", "/api/start"])
def test_bodies_that_are_none(path: str, begun: tuple[Any, dict[str, str]], stored: People) -> None:
    one, names = begun
    before = stored()
    for name, (status, body, headers) in RAW.items():
        refused = one.client.post(
            path,
            content=body.replace(b"TRIAL", names["TRIAL"].encode()),
            headers={"Content-Type": "application/json"} | one.headers | headers,
        )
        assert refused.status_code == status, name
        assert stored() == before, name


def test_tokens_that_are_none(begun: tuple[Any, dict[str, str]], stored: People) -> None:
    one, names = begun
    before = stored()
    picture = one.state()["trial"]["picture"]
    for name, headers in TOKENS.items():
        ask = {"headers": headers}
        assert one.client.get("/api/state", **ask).status_code == 401, name
        assert one.client.get(f"/picture/{picture}", **ask).status_code == 401, name
        body = good(trial_id=names["TRIAL"])
        assert one.client.post("/api/answer", json=body, **ask).status_code == 401, name
        start = {"language": "en", "familiarity": 1}
        assert one.client.post("/api/start", json=start, **ask).status_code == 401, name
        if name != "of the organiser":
            assert one.client.get("/api/organiser/progress", **ask).status_code == 401, name
            assert one.client.get("/api/organiser/export", **ask).status_code == 401, name
        assert stored() == before, name


def test_beginnings_that_are_none(begun: tuple[Any, dict[str, str]], person: People, stored: People) -> None:
    before = stored()
    for name, (status, body) in STARTS.items():
        assert person(3).post("/api/start", body).status_code == status, name
        assert stored() == before, name


def test_two_tokens_at_once(begun: tuple[Any, dict[str, str]]) -> None:
    one, _ = begun
    headers = [("Authorization", one.headers["Authorization"]), ("Authorization", "Bearer " + "0" * 32)]
    assert one.client.get("/api/state", headers=headers).status_code == 401


def test_who_has_not_begun_cannot_answer_or_look(begun: tuple[Any, dict[str, str]], person: People) -> None:
    one, names = begun
    late = person(4)
    assert late.answer(names["TRIAL"]).json() == {"error": "not_begun", "state": {"stage": "new"}}
    assert late.get(f"/picture/{one.state()['trial']['picture']}").status_code == 403


def test_pictures_of_other_sheets_and_other_files(
    own_study: Path, client: TestClient, person: People, begun: tuple[Any, dict[str, str]]
) -> None:
    one, _ = begun
    key = read_key(own_study)
    hidden = key.items[0].explanations["decoy"]  # only an attention check of a later sheet shows it
    mine = {trial.item_id for trial in key.sheets[1].trials if trial.right == "decoy"}
    assert key.items[0].item_id in mine or one.get(f"/picture/{hidden}").status_code == 404
    for name in ("key.json", "..%2Fkey.json", "../key.json", "%2e%2e/key.json", "answers.sqlite", "x" * 200 + ".png"):
        assert one.get(f"/picture/{name}").status_code == 404, name
    found = one.get(f"/picture/{one.state()['trial']['left']}")
    assert (found.status_code, found.headers["content-type"]) == (200, "image/png")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods(method: str, begun: tuple[Any, dict[str, str]]) -> None:
    one, _ = begun
    assert one.client.request(method, "/api/answer", headers=one.headers).status_code == 405
    assert one.get("/api/answer").status_code == 405
    assert one.post("/api/state", {}).status_code == 405


def test_long_addresses(begun: tuple[Any, dict[str, str]]) -> None:
    one, _ = begun
    assert one.get("/api/state?" + "x" * 600).status_code == 414


def test_without_an_open_link_nobody_lets_themselves_in(own_study: Path) -> None:
    from evaluation.study.web.app import create_app

    with TestClient(create_app(own_study, organiser="secret"), base_url="http://study.test") as client:
        for invitation in ("", "invitation-secret", None):
            answer = client.post(
                "/api/start",
                json={"language": "en", "familiarity": 1, "invitation": invitation},
                headers={"Authorization": f"Bearer {secrets.token_urlsafe(24)}"},
            )
            assert answer.status_code == 401
