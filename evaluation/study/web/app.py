"""The study as a Starlette application: which address gives what."""

import hmac
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from evaluation.study.answers.store import open_store
from evaluation.study.web.blind_study import KINDS, BlindStudy, Standing, read_blind
from evaluation.study.web.guard import Guard
from evaluation.study.web.organiser import export_csv, read_checks, read_progress
from evaluation.study.web.pages import STATIC, organiser_page, participant_page
from evaluation.study.web.participants import add_participants, answer, read_standing, start
from evaluation.study.web.requests import AnswerBody, RefusedError, StartBody, bearer, read_body, read_token
from evaluation.study.web.writer import StoreUnavailableError, Writer

TRY_AGAIN_S = 5  # what the page of a study whose disk is full is told


def create_app(
    study: Path,
    *,
    organiser: str,
    tokens: Mapping[str, str] | None = None,
    invitation: str = "",
    cap: int = 0,
    hosts: Callable[[str], bool] = lambda _: True,
) -> ASGIApp:
    """Return the application of a study; it holds the store open from its startup to its shutdown.

    Args:
        study: its folder.
        organiser: secret of the organiser's page.
        tokens: of personal links, by participant; those of earlier runs are known to the store.
        invitation: secret of the open link, which lets `cap` people in; empty: there is none.
        cap: how many people that are.
        hosts: whether a Host header is answered, as of `evaluation.study.web.guard.own_hosts`.

    Raises:
        BrickbenchError: it is no study; at startup, its store is damaged or belongs to another key.
    """
    site = _Site(read_blind(study), organiser, dict(tokens or {}), invitation, cap)
    app = Starlette(
        routes=[
            Route("/picture/{name}", site.picture),  # what is asked for most comes first
            Route("/api/answer", site.answer, methods=["POST"]),
            Route("/api/state", site.state),
            Route("/api/start", site.start, methods=["POST"]),
            Route("/", site.page),
            Route("/organiser", site.organiser),
            Route("/api/organiser/progress", site.progress),
            Route("/api/organiser/export", site.export),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={RefusedError: site.refused, StoreUnavailableError: _unavailable, HTTPException: _no_page},
        lifespan=site.lifespan,
    )
    return Guard(app, hosts)


class _Site:
    """What the answers share: the blind study, the writer, the pages, and whose sheet is which."""

    _writer: Writer

    def __init__(self, study: BlindStudy, organiser: str, tokens: dict[str, str], invitation: str, cap: int) -> None:
        self._study, self._secret, self._tokens, self._invitation, self._cap = study, organiser, tokens, invitation, cap
        self._sheets: dict[str, int] = {}  # token to sheet, which never changes: pictures need no look into the store
        self._checks = read_checks(study.folder)
        self._page, self._organiser = participant_page(study), organiser_page(study)

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        with Writer(open_store(self._study.folder)) as self._writer:
            await self._writer.run(lambda store: add_participants(store, self._tokens))
            yield

    async def page(self, _: Request) -> Response:
        return HTMLResponse(self._page)

    async def state(self, request: Request) -> Response:
        return self._told(await self._known(read_token(request)))

    async def start(self, request: Request) -> Response:
        token, body = read_token(request), await read_body(request, StartBody)
        settings = self._study.settings
        if body.language not in settings.languages or (body.familiarity >= 0) != settings.ask_familiarity:
            raise RefusedError(422, "malformed")
        invited = bool(self._invitation) and _same(body.invitation or "", self._invitation)
        if body.invitation and not invited:
            raise RefusedError(401, "unknown_link")
        room = self._cap if invited else None
        return self._told(
            await self._writer.run(
                lambda store: start(store, self._study, token, body.language, body.familiarity, room)
            )
        )

    async def answer(self, request: Request) -> Response:
        token, body = read_token(request), await read_body(request, AnswerBody)
        return self._told(await self._writer.run(lambda store: answer(store, self._study, token, body)))

    async def picture(self, request: Request) -> Response:
        token, name = read_token(request), request.path_params["name"]
        if token not in self._sheets:
            sheet = (await self._known(token)).sheet
            if sheet is None:
                raise RefusedError(403, "not_begun")
            self._sheets[token] = sheet
        if name not in self._study.files_of[self._sheets[token]]:
            raise RefusedError(404, "no_picture")
        return Response(self._study.picture(name), media_type=KINDS[Path(name).suffix])

    async def organiser(self, _: Request) -> Response:
        return HTMLResponse(self._organiser)

    async def progress(self, request: Request) -> Response:
        self._check_organiser(request)
        room = self._cap if self._invitation else None
        return JSONResponse(await self._writer.run(lambda store: read_progress(store, self._study, self._checks, room)))

    async def export(self, request: Request) -> Response:
        self._check_organiser(request)
        text = await self._writer.run(export_csv)
        return Response(
            text, media_type="text/csv", headers={"Content-Disposition": 'attachment; filename="answers.csv"'}
        )

    async def _known(self, token: str) -> Standing:
        standing = await self._writer.run(lambda store: read_standing(store, token))
        if standing is None:
            raise RefusedError(401, "unknown_link")
        return standing

    def _told(self, standing: Standing) -> Response:
        return JSONResponse(self._study.page_state(standing))

    async def refused(self, _: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedError)
        words: dict[str, Any] = {"error": error.code}
        if error.standing is not None:
            words["state"] = self._study.page_state(error.standing)
        return JSONResponse(words, error.status)

    def _check_organiser(self, request: Request) -> None:
        if not _same(bearer(request), self._secret):
            raise RefusedError(401, "wrong_secret")


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), secret.encode("utf-8"))


async def _unavailable(_: Request, error: Exception) -> Response:
    del error
    return JSONResponse({"error": "storage"}, 503, {"Retry-After": str(TRY_AGAIN_S)})


async def _no_page(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": "no_page"}, error.status_code, error.headers)
