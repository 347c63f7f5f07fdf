"""Connections that send nothing are ended, other hosts' names are refused, and secrets are for their owner's eyes."""

import asyncio
import contextlib
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import uvicorn
from starlette.testclient import TestClient

from core.errors import BrickbenchError
from evaluation.study.answers.store import STORE
from evaluation.study.key import KEY, read_key, write_key
from evaluation.study.web import connections
from evaluation.study.web.app import create_app
from evaluation.study.web.connections import PatientProtocol
from evaluation.study.web.guard import own_hosts

SECRET = "organiser-secret"
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def run_with_server(study: Path, work: Callable[[int], Awaitable[None]]) -> None:
    @contextlib.asynccontextmanager
    async def serving() -> AsyncIterator[int]:
        app = create_app(study, organiser=SECRET)
        server = uvicorn.Server(uvicorn.Config(app, http=PatientProtocol, port=0, log_level="critical", lifespan="on"))
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield server.servers[0].sockets[0].getsockname()[1]
        finally:
            server.should_exit = True
            await task

    async def main() -> None:
        async with serving() as port:
            await asyncio.wait_for(work(port), 30)

    asyncio.run(main())


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADERS_WAIT_S", 0.3)


def test_a_connection_that_sends_no_whole_headers_is_ended(own_study: Path) -> None:
    async def work(port: int) -> None:
        for sent in (b"", b"GET / HTTP/1.1\r\nHos", REQUEST + b"GET /slow HTTP/1.1\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            with contextlib.suppress(ConnectionResetError):
                await reader.read()  # until the server ends it
            writer.close()
        assert not PatientProtocol.open_by_address

    run_with_server(own_study, work)


def test_who_asks_in_time_is_answered_again_and_again(own_study: Path) -> None:
    async def work(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(REQUEST[:9])
            await asyncio.sleep(0.1)
            writer.write(REQUEST[9:])
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            length = int(head.lower().partition(b"content-length: ")[2].split()[0])
            await reader.readexactly(length)
            await asyncio.sleep(0.5)  # idle between two requests, which uvicorn's own limit is for
        writer.close()

    run_with_server(own_study, work)


def test_one_address_has_so_many_connections_and_no_more(own_study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_AN_ADDRESS", 2)
    monkeypatch.setattr(connections, "_is_own", lambda _: False)
    monkeypatch.setattr(connections, "HEADERS_WAIT_S", 20)

    async def work(port: int) -> None:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        for _, one in held:
            one.write(REQUEST)
        assert [(await other.readline()).split()[1] for other, _ in held] == [b"200", b"200"]
        for _, one in held:
            one.close()

    run_with_server(own_study, work)


@pytest.mark.parametrize(
    ("host", "url", "given", "is_own"),
    [
        ("127.0.0.1", None, "127.0.0.1:8322", True),
        ("127.0.0.1", None, "localhost:8322", True),
        ("127.0.0.1", None, "evil.example:8322", False),
        ("127.0.0.1", None, "192.168.1.7:8322", False),
        ("127.0.0.1", "https://study.example.org/", "study.example.org", True),
        ("127.0.0.1", "https://study.example.org/", "example.org", False),
        ("0.0.0.0", None, "192.168.1.7:8322", True),
        ("0.0.0.0", None, "[fe80::1]:8322", True),
        ("0.0.0.0", None, "evil.example:8322", False),
        ("::1", None, "[::1]:8322", True),
        ("lab.example.org", None, "lab.example.org:8322", True),
    ],
)
def test_a_study_answers_to_its_own_names(host: str, url: str | None, given: str, is_own: bool) -> None:
    assert own_hosts(host, 8322, url)(given) is is_own


def test_another_name_is_refused_before_anything_else(own_study: Path) -> None:
    app = create_app(own_study, organiser=SECRET, hosts=own_hosts("127.0.0.1", 8322, None))
    with TestClient(app, base_url="http://evil.example:8322") as client:
        assert client.get("/").status_code == 421
        assert client.get("/", headers={"Host": "localhost:8322"}).status_code == 200


def test_the_key_and_the_answers_are_for_their_owners_eyes(own_study: Path) -> None:
    write_key(own_study, read_key(own_study))
    with TestClient(create_app(own_study, organiser=SECRET)):
        for name in (KEY, STORE, *(path.name for path in own_study.glob(f"{STORE}-*"))):
            assert stat.S_IMODE((own_study / name).stat().st_mode) == 0o600, name


def test_a_key_that_is_no_text_is_told_as_damaged(own_study: Path) -> None:
    (own_study / KEY).write_bytes(b"\x84\xff{")
    with pytest.raises(BrickbenchError, match="is damaged"):
        read_key(own_study)
