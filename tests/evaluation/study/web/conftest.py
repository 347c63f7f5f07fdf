"""The tiny study, served: a client, people with tokens, and what their pages would send."""

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from evaluation.study.web.app import create_app

SECRET, INVITATION = "organiser-secret", "invitation-secret"
TOKENS = {f"P{number:04d}": f"{number:032d}" for number in range(1, 6)}


class Person:
    """Somebody with a token, who does what the page would do."""

    def __init__(self, client: TestClient, token: str) -> None:
        self.client, self.token = client, token
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Any:
        return self.client.get(path, headers=self.headers)

    def post(self, path: str, body: Any) -> Any:
        headers = self.headers | {"Content-Type": "application/json"}
        return self.client.post(path, content=json.dumps(body), headers=headers)

    def state(self) -> dict[str, Any]:
        return dict(self.get("/api/state").json())

    def start(self, **other: Any) -> Any:
        return self.post("/api/start", {"language": "en", "familiarity": 1} | other)

    def answer(self, trial_id: str, chosen: str = "left", **other: Any) -> Any:
        body = {"trial_id": trial_id, "chosen": chosen, "seconds": 1.5, "request_key": secrets.token_hex(16)}
        return self.post("/api/answer", body | other)


@pytest.fixture
def client(own_study: Path) -> Iterator[TestClient]:
    """Return a client of the served `own_study`, with five personal links and an open link for three."""
    app = create_app(own_study, organiser=SECRET, tokens=TOKENS, invitation=INVITATION, cap=3)
    with TestClient(app, base_url="http://study.test") as client:
        yield client


@pytest.fixture
def person(client: TestClient) -> Callable[[int], Person]:
    """Return a function that gives the n-th person with a personal link."""
    return lambda number: Person(client, TOKENS[f"P{number:04d}"])


@pytest.fixture
def stranger(client: TestClient) -> Callable[[], Person]:
    """Return a function that gives somebody with a token of their own making."""
    return lambda: Person(client, secrets.token_urlsafe(24))


@pytest.fixture
def stored(own_study: Path) -> Callable[[], list[tuple[Any, ...]]]:
    """Return a function that gives all that the store holds of people and answers."""

    def read() -> list[tuple[Any, ...]]:
        with sqlite3.connect(own_study / "answers.sqlite") as store:
            return [
                *store.execute("SELECT participant, sheet, language, familiarity FROM participants ORDER BY 1"),
                *store.execute("SELECT participant, trial_id, position, chosen, seconds FROM answers ORDER BY 1, 3"),
            ]

    return read
