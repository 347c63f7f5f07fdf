"""Many people answer a served study at once: how long each waits, and whether every answer is there afterwards.

The server is `brickbench study serve` in a process of its own; the people are one light process beside it, which
speaks HTTP over plain sockets, as cheaply as Python can. What the client itself costs is measured by the same traffic
against a server that only says "OK".

    python benchmarks/study_load.py --people 200
"""

import argparse
import asyncio
import json
import os
import re
import resource
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from core.files import sha256_hex
from evaluation.study.key import PUBLIC, Item, Key, Sheet, Trial, write_key
from evaluation.study.settings import SETTINGS_FILE, StudySettings

ITEMS, SIDE_PX = 24, 448
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Seen:
    """What the people saw."""

    answers_ms: list[float] = field(default_factory=list)
    pictures_ms: list[float] = field(default_factory=list)
    kept: set[tuple[str, str]] = field(default_factory=set)
    """Trial and side of each answer that the server said it has; trials are unique to a sheet."""
    failed: int = 0


class Connection(asyncio.Protocol):
    """One browser's connection: a request at a time."""

    def __init__(self) -> None:
        """Wait for the connection."""
        self._buffer, self._wanted = bytearray(), -1
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready to ask."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take a piece of a response, and end the question with the last one."""
        self._buffer += data
        if self._wanted < 0 and (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = re.search(rb"(?i)content-length: (\d+)", self._buffer[:end])
            assert length is not None
            self._wanted = end + 4 + int(length[1])
        if 0 <= self._wanted <= len(self._buffer) and self._answer and not self._answer.done():
            body = bytes(self._buffer[self._buffer.find(b"\r\n\r\n") + 4 : self._wanted])
            self._answer.set_result((int(self._buffer[9:12]), body))

    def connection_lost(self, error: Exception | None) -> None:
        """End the question that is open with an error."""
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionError(str(error or "closed")))

    async def ask(self, head: str, body: bytes = b"") -> tuple[int, bytes, float]:
        """Return status, body, and milliseconds from the first byte sent to the last one received."""
        assert self._transport is not None
        self._buffer.clear()
        self._wanted, self._answer = -1, asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        self._transport.write(f"{head}\r\nHost: study\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        status, content = await self._answer
        return status, content, 1000 * (time.perf_counter() - began)


class Person:
    """Somebody with a page open."""

    def __init__(self, connection: Connection, seen: Seen) -> None:
        """Take a connection, and where to note what is seen."""
        self._connection, self._seen = connection, seen
        self._token = secrets.token_urlsafe(24)
        self._have: set[str] = set()
        self.state: dict[str, object] = {}

    async def begin(self, invitation: str) -> None:
        """Come in by the open link."""
        body = {"language": "en", "familiarity": 1, "invitation": invitation}
        status, content, _ = await self._post("/api/start", body)
        assert status == 200, content
        self.state = json.loads(content)

    async def look(self) -> None:
        """Load the pictures that the page would load now."""
        trial = self.state["trial"]
        ahead = self.state["ahead"]
        assert isinstance(trial, dict)
        assert isinstance(ahead, list)
        for name in {trial["picture"], trial["left"], trial["right"], *ahead} - self._have:
            status, _, took = await self._connection.ask(
                f"GET /picture/{name} HTTP/1.1\r\nAuthorization: Bearer {self._token}"
            )
            self._seen.pictures_ms.append(took)
            self._seen.failed += status != 200
            self._have.add(name)

    async def choose(self) -> None:
        """Answer the present trial."""
        trial = self.state["trial"]
        assert isinstance(trial, dict)
        side = secrets.choice(("left", "right"))
        body = {"trial_id": trial["trial_id"], "chosen": side, "seconds": 1.0, "request_key": secrets.token_hex(16)}
        status, content, took = await self._post("/api/answer", body)
        self._seen.answers_ms.append(took)
        if status == 200:
            self._seen.kept.add((trial["trial_id"], side))
            self.state = json.loads(content) or self.state  # the empty server leaves everybody where they are
        else:
            self._seen.failed += 1

    async def _post(self, path: str, body: dict[str, object]) -> tuple[int, bytes, float]:
        head = f"POST {path} HTTP/1.1\r\nAuthorization: Bearer {self._token}\r\nContent-Type: application/json"
        return await self._connection.ask(head, json.dumps(body).encode())


Round = Callable[[list[Person], int], Awaitable[None]]


async def hall(people: list[Person], trials: int) -> None:
    """Everybody in their own time, 2 to 6 s a trial: some 50 answers a second from 200 people."""

    async def one(person: Person) -> None:
        rng = np.random.default_rng(secrets.randbits(32))
        await asyncio.sleep(rng.uniform(0, 4))
        for _ in range(trials):
            await person.look()
            await asyncio.sleep(rng.uniform(2, 6))
            await person.choose()

    await asyncio.gather(*map(one, people))


async def together(people: list[Person], trials: int) -> None:
    """All press at the same instant, and again two seconds later."""
    for _ in range(trials):
        await asyncio.gather(*(person.look() for person in people))
        await asyncio.sleep(2)
        await asyncio.gather(*(person.choose() for person in people))


async def without_pause(people: list[Person], trials: int) -> None:
    """Nobody thinks: each answers as soon as the next trial is there, without looking."""

    async def one(person: Person) -> None:
        for _ in range(trials):
            await person.choose()

    await asyncio.gather(*map(one, people))


ROUNDS: dict[str, tuple[Round, int]] = {"hall": (hall, 6), "together": (together, 12), "no pause": (without_pause, 20)}
EMPTY_TOO = "together"  # the round in which the client has most to do at once


async def crowd(port: int, count: int, invitation: str, go: Round, trials: int, seen: Seen) -> float:
    """Let `count` people in, let them answer, and return the seconds that the answers took."""
    loop = asyncio.get_running_loop()
    people = [Person((await loop.create_connection(Connection, "127.0.0.1", port))[1], seen) for _ in range(count)]
    for person in people:
        if invitation:
            await person.begin(invitation)
        else:
            person.state = {"trial": {"trial_id": "0" * 16, "picture": "a", "left": "b", "right": "c"}, "ahead": []}
    began = time.perf_counter()
    await go(people, trials)
    return time.perf_counter() - began


def write_study(study: Path, people: int) -> None:
    """Write a study of `ITEMS` items with pictures as heavy as real ones (some 30 kB), and a sheet for each person."""
    rng = np.random.default_rng(0)
    (study / PUBLIC).mkdir(parents=True)
    StudySettings(items=ITEMS, participants=people, repeats=0, swaps=0, attention=0).save(study / SETTINGS_FILE)
    items = []
    for number in range(ITEMS):
        names = {}
        for what in ("picture", "one", "other"):
            rough = rng.integers(0, 256, (56, 56, 3), dtype=np.uint8)
            data = cv2.imencode(".webp", cv2.resize(rough, (SIDE_PX, SIDE_PX)), [cv2.IMWRITE_WEBP_QUALITY, 88])[1]
            names[what] = f"{sha256_hex(data.tobytes())[:24]}.webp"
            (study / PUBLIC / names[what]).write_bytes(data.tobytes())
        items.append(
            Item(
                item_id=f"i{number}", image_id=f"p{number}", part_id="3001", picture=names.pop("picture"),
                explanations=names,
            )
        )  # fmt: skip
    sheets = tuple(
        Sheet(
            sheet=sheet + 1,
            trials=tuple(
                Trial(trial_id=f"{sheet:06x}{place:06x}", item_id=item.item_id, left="one", right="other")
                for place, item in enumerate(items)
            ),
        )
        for sheet in range(people)
    )
    write_key(study, Key(study_id="load", methods=("one", "other"), part_names={}, items=tuple(items), sheets=sheets))


def check(study: Path, seen: Seen) -> str:
    """Return what became of the answers that the server said it has."""
    with sqlite3.connect(study / "answers.sqlite") as store:
        rows = store.execute("SELECT trial_id, chosen FROM answers").fetchall()
    lost, doubled = len(seen.kept - set(rows)), len(rows) - len({trial for trial, _ in rows})
    return f"{len(seen.kept):,} kept, {lost} lost, {doubled} doubled, {seen.failed} failed"


def cpu_seconds(pid: int) -> float:
    """Return the processor seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    """Return the processor seconds of the people's process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Empty(asyncio.Protocol):
    """A server that says OK at once, to measure the client."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, _: bytes) -> None:
        """Answer."""
        self._transport.write(OK)


async def serve_empty() -> None:
    """Serve `Empty` at any free port, and tell it as `study serve` does."""
    server = await asyncio.get_running_loop().create_server(Empty, "127.0.0.1", 0)
    print(f"served at http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", file=sys.stderr, flush=True)
    await server.serve_forever()


def measure(name: str, people: int, *, empty: bool) -> list[object]:
    """Return one row of the table."""
    go, trials = ROUNDS[name]
    with tempfile.TemporaryDirectory(dir=os.environ.get("STUDY_LOAD_FOLDER")) as folder:
        study = Path(folder) / "study"
        write_study(study, people)
        command = ["-m", "brickbench", "study", "serve", str(study), "--port", "0", "--open", "--cap", str(people)]
        if empty:
            command = [__file__, "--empty"]
        with subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            port = re.search(r"http://127.0.0.1:(\d+)", server.stderr.readline())
            assert port is not None
            invited = None if empty else re.search(r"#open\.(\S+)", server.stderr.readline())
            seen, before, own = Seen(), 0.0, own_seconds()
            time.sleep(1)
            before = cpu_seconds(server.pid)
            wall = asyncio.run(crowd(int(port[1]), people, invited[1] if invited else "", go, trials, seen))
            spent, own = cpu_seconds(server.pid) - before, own_seconds() - own
            server.terminate()
            server.wait()
        outcome = "" if empty else check(study, seen)
    asked = len(seen.answers_ms) + len(seen.pictures_ms)
    return [
        name + (", empty server" if empty else ""), f"{len(seen.answers_ms) / wall:,.0f}",
        *(f"{value:.1f}" for value in np.percentile(seen.answers_ms, [50, 90, 99, 100])),
        f"{np.percentile(seen.pictures_ms, 99):.1f}" if seen.pictures_ms else "–",
        f"{1000 * spent / asked:.2f}", f"{1000 * own / asked:.2f}", outcome,
    ]  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--rounds", default=",".join(ROUNDS))
    parser.add_argument("--empty", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.empty:
        asyncio.run(serve_empty())
        return
    head = [
        f"{given.people} people", "answers a second", "median ms", "90 %", "99 %", "longest", "picture, 99 %",
        "server's CPU ms a request", "client's", "answers",
    ]  # fmt: skip
    print("| " + " | ".join(head) + " |\n" + "| --- " * len(head) + "|")
    for name in given.rounds.split(","):
        for empty in (False, True) if name == EMPTY_TOO else (False,):
            print("| " + " | ".join(map(str, measure(name, given.people, empty=empty))) + " |", flush=True)


if __name__ == "__main__":
    main()
