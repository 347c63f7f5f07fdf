"""``brickbench study serve`` as a process: what it says, how it ends, what survives kill -9, a second one."""

import csv
import http.client
import json
import os
import re
import secrets
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.errors import BrickbenchError, SettingsError
from evaluation.study.commands.serve import serve
from evaluation.study.web.server import serve as run

ROOT = Path(__file__).parents[4]


class Served:
    """A server in a process of its own; used with ``with``."""

    def __init__(self, study: Path, *options: str, port: int = 0) -> None:
        command = [sys.executable, "-m", "brickbench", "study", "serve", str(study), "--port", str(port), *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.process.stderr is not None
        self.said = [self.process.stderr.readline()]
        while "Organiser" not in self.said[-1] and self.said[-1]:
            self.said.append(self.process.stderr.readline())
        self.port = int(re.findall(r"127\.0\.0\.1:(\d+)", self.said[0])[0])

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, path: str, token: str, body: Any = None) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            json.dumps(body).encode() if body else None,
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def end(self, signal_: int) -> str:
        os.kill(self.process.pid, signal_)
        return str(self.process.communicate(timeout=120)[1])


def links(study: Path) -> list[str]:
    with (study / "participants.csv").open(encoding="utf-8") as file:
        return [row["link"] for row in csv.DictReader(file)]


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_in_order(own_study: Path, signal_: int) -> None:
    with Served(own_study, "--links", "2", "--open", "--cap", "9") as served:
        page = f"http://127.0.0.1:{served.port}/"
        invitation = json.loads((own_study / "access.json").read_text(encoding="utf-8"))["invitation"]
        assert served.said[:3] == [
            f"{own_study} is served at {page} (Ctrl-C ends this).\n",
            f"Personal links (2): {own_study / 'participants.csv'}\n",
            f"Open link, for 9 people: {page}#open.{invitation}\n",
        ]
        assert served.said[3].startswith(f"Organiser's page: {page}organiser#")
        assert all(link.startswith(f"{page}#") for link in links(own_study))
        assert served.ask("/api/state", links(own_study)[0].partition("#")[2]) == (200, {"stage": "new"})
        assert oct((own_study / "participants.csv").stat().st_mode)[-3:] == "600"
        assert oct((own_study / "access.json").stat().st_mode)[-3:] == "600"
        with pytest.raises(BrickbenchError) as caught:
            run(own_study, "127.0.0.1", 0, print, links=0, cap=0, url=None)
        assert str(caught.value) == (
            f"{own_study} is being served already. End the other `study serve` first, or send people there."
        )
        assert served.end(signal_) == ""
        assert served.process.returncode == 0
    with sqlite3.connect(own_study / "answers.sqlite") as store:
        tokens = {link.partition("#")[2].encode() for link in links(own_study)}
        kept = b"".join(path.read_bytes() for path in own_study.glob("answers.sqlite*"))
        assert store.execute("SELECT count(*) FROM participants").fetchone() == (2,)
    assert not any(token in kept for token in tokens)  # only their hashes


@pytest.mark.slow
def test_killed_while_answers_come_in_nothing_acknowledged_is_lost_or_doubled(own_study: Path) -> None:
    acknowledged: set[tuple[str, str, str]] = set()
    ended = 0

    def answer_on(served: Served, token: str) -> None:
        nonlocal ended
        try:
            _, state = served.ask("/api/start", token, {"language": "en", "familiarity": 0})
            while state["stage"] == "trial":
                trial, side = state["trial"]["trial_id"], secrets.choice(("left", "right"))
                body = {"trial_id": trial, "chosen": side, "seconds": None, "request_key": secrets.token_hex(16)}
                status, told = served.ask("/api/answer", token, body)
                if status == 200:
                    acknowledged.add((token, trial, side))
                state = told.get("state", told)
        except (OSError, ValueError, http.client.HTTPException):  # killed in the middle of a reply
            ended += 1  # the server is gone in the middle of it

    tokens: list[str] = []
    for attempt in range(4):
        with Served(own_study, "--links", "12") as served:
            tokens = [link.partition("#")[2] for link in links(own_study)]
            threads = [threading.Thread(target=answer_on, args=(served, token)) for token in tokens]
            for thread in threads:
                thread.start()
            goal = len(acknowledged) + 9
            while attempt < 3 and len(acknowledged) < goal and any(thread.is_alive() for thread in threads):
                pass
            if attempt < 3:
                served.process.send_signal(signal.SIGKILL)
            for thread in threads:
                thread.join()
    assert ended > 0
    with sqlite3.connect(own_study / "answers.sqlite") as store:
        rows = store.execute("SELECT participant, trial_id, chosen FROM answers").fetchall()
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert store.execute("SELECT count(*), min(sheet), max(sheet) FROM participants").fetchone() == (12, 1, 3)
        assert set(store.execute("SELECT count(*) FROM participants GROUP BY sheet")) == {(4,)}
    people = {token: f"P{number:04d}" for number, token in enumerate(tokens, start=1)}
    assert {(people[token], trial, side) for token, trial, side in acknowledged} <= set(rows)
    assert len(rows) == len({row[:2] for row in rows}) == 12 * 7


def test_wrong_uses_are_told_with_the_way_out(own_study: Path, tmp_path: Path) -> None:
    def fail(*options: str) -> BaseException | None:
        return CliRunner().invoke(serve, [*options]).exception

    study = str(own_study)
    assert isinstance(error := fail(study, "--cap", "3"), SettingsError)
    assert str(error) == "--cap limits the open link: add --open, or leave --cap out."
    assert isinstance(error := fail(study, "--open"), SettingsError)
    assert str(error) == "An open link needs a limit: give one, such as --cap 200, or `cap` in the settings."
    assert isinstance(error := fail(str(tmp_path)), BrickbenchError)
    assert "is not a study" in str(error)
    picture = next((own_study / "public").iterdir())
    picture.unlink()
    assert isinstance(error := fail(study), BrickbenchError)
    assert str(error) == f"The picture {picture} is missing. Bring it back, or build the study again."
