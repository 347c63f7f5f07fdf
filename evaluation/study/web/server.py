"""The server of a study: one at a time, told where to listen, ended in order by Ctrl-C or SIGTERM."""

import contextlib
import gc
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from core.errors import BrickbenchError
from core.files import require_writable
from core.listening import bound_socket
from core.locks import AT_ONCE, lock
from evaluation.study.web.app import create_app
from evaluation.study.web.blind_study import read_blind
from evaluation.study.web.connections import PatientProtocol
from evaluation.study.web.guard import own_hosts
from evaluation.study.web.links import ensure_links, read_access

LOCK = ".serving"
GRACE_S = 5  # what is being answered is finished; browsers that keep a connection open are not waited for longer
KEEP_ALIVE_S = 75  # longer than a choice takes: the next answer needs no new connection
MOST_CONNECTIONS = 2000  # the rest are told that the study is busy
BACKLOG = 1024  # people who all come at once, as when a link is shown to a hall


@dataclass(frozen=True)
class Addresses:
    """What the organiser is told."""

    page: str
    links: int
    open_link: str | None
    organiser: str


def serve(
    study: Path, host: str, port: int, ready: Callable[[Addresses], None], *, links: int, cap: int, url: str | None
) -> None:
    """Serve `study` until Ctrl-C or SIGTERM.

    Args:
        study: its folder; gets ``participants.csv``, ``access.json`` and ``answers.sqlite``.
        host: name or address to listen at; ``0.0.0.0`` for all of this machine's.
        port: to listen at; 0 takes a free one.
        ready: called once, when pages can be loaded.
        links: personal links that there are at least.
        cap: how many people the open link lets in; 0: there is none.
        url: where people reach the page, such as ``https://study.example.org/``; None: as the server listens.

    Raises:
        BrickbenchError: it is no study, another server has it, the port is taken, or its store cannot be used.
    """
    read_blind(study)
    require_writable(study)
    with _only_one(study), bound_socket(host, port, "server") as listener:
        port = listener.getsockname()[1]
        page = (url or f"http://{_shown(host)}:{port}").rstrip("/") + "/"
        access = read_access(study)
        tokens = ensure_links(study, links, page)
        invitation = access.invitation if cap else ""
        app = create_app(
            study, organiser=access.organiser, tokens=tokens, invitation=invitation, cap=cap,
            hosts=own_hosts(host, port, url),
        )  # fmt: skip
        addresses = Addresses(
            page=page,
            links=len(tokens),
            open_link=f"{page}#open.{invitation}" if invitation else None,
            organiser=f"{page}organiser#{access.organiser}",
        )
        listener.listen(BACKLOG)
        config = uvicorn.Config(
            app, http=PatientProtocol, log_level="warning", access_log=False, lifespan="on", ws="none",
            server_header=False, proxy_headers=False, timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=KEEP_ALIVE_S, limit_concurrency=MOST_CONNECTIONS,
        )  # fmt: skip
        gc.collect()
        gc.freeze()  # the key stays: looking through it would stop everybody for some 20 ms now and then
        ready(addresses)
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn ends in order, then raises what it caught
            uvicorn.Server(config).run(sockets=[listener])


def _only_one(study: Path) -> contextlib.AbstractContextManager[bool]:
    busy = f"{study} is being served already. End the other `study serve` first, or send people there."
    return lock(study, LOCK, wait_s=AT_ONCE, busy=BrickbenchError(busy))


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
