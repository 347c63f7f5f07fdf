"""The page as a Starlette application, which address gives what, and its server: loopback only, ended by Ctrl-C."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from core.errors import BrickbenchError, SettingsError
from core.listening import bound_socket
from core.pages import page_environment
from dataset.browse.cache import Cache
from dataset.browse.detail import read_detail, read_drawing
from dataset.browse.filters import View, parse_view
from dataset.browse.grid_page import grid_page
from dataset.browse.guard import Guard
from dataset.browse.image_page import image_page
from dataset.browse.pictures import thumbnail, whole_picture
from dataset.browse.snapshot import Library, Snapshot, Tile
from dataset.dataset_folder import DatasetFolder

ADDRESS = "127.0.0.1"
GRACE_S = 1  # browsers keep connections open; nobody waits longer for them
THUMBNAIL_BYTES = 64 * 2**20  # some 4,000 thumbnails: as many as anybody scrolls back
_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}  # the address holds the hash of the content


def serve(dataset: DatasetFolder, port: int, ready: Callable[[str], None]) -> None:
    """Serve the page for a dataset at `port` of 127.0.0.1, 0 for a free one, until Ctrl-C.

    When the page can be loaded, `ready` is called once with its address.

    Raises:
        BrickbenchError: the dataset has no index, or the port is taken.
    """
    with bound_socket(ADDRESS, port, "`dataset browse`") as listener:
        port = listener.getsockname()[1]
        app = create_app(dataset, port)
        listener.listen()
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, lifespan="off", ws="none", server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )  # fmt: skip
        ready(f"http://{ADDRESS}:{port}/")
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn ends in order, then raises what it caught
            uvicorn.Server(config).run(sockets=[listener])


def create_app(dataset: DatasetFolder, port: int) -> ASGIApp:
    """Return the page for a dataset, served at `port`.

    Raises:
        BrickbenchError: the dataset has no index, or it cannot be opened.
    """
    site = _Site(dataset)
    app = Starlette(
        routes=[
            Route("/", site.grid),
            Route("/image/{image_id}", site.image),
            Route("/bricks/{image_id}", site.bricks),
            Route("/thumbnail/{image_id}", site.thumbnail),
            Route("/picture/{image_id}", site.picture),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
        ],
        exception_handlers={HTTPException: site.refused, BrickbenchError: site.failed},
    )
    return Guard(app, port)


class _Site:
    """What the answers share: the dataset, the newest snapshot of its index, and thumbnails made before."""

    def __init__(self, dataset: DatasetFolder) -> None:
        self._dataset = dataset
        self._library = Library(dataset)
        self._thumbnails: Cache[bytes] = Cache(THUMBNAIL_BYTES, len)
        self._environment = page_environment("dataset.browse")

    def grid(self, request: Request) -> Response:
        snapshot, notice = self._library.current()
        view = _view(request.query_params, snapshot)
        return HTMLResponse(self._render("grid.html.j2", notice=notice, **grid_page(snapshot, view)))

    def image(self, request: Request) -> Response:
        snapshot, notice = self._library.current()
        view = _view(request.query_params, snapshot)
        tile = _tile(request, snapshot)
        detail = read_detail(self._dataset, tile.image_id)
        if detail is None:
            raise HTTPException(404, f"The index has no picture {tile.image_id!r} any more.")
        return HTMLResponse(self._render("image.html.j2", notice=notice, **image_page(snapshot, view, tile, detail)))

    def bricks(self, request: Request) -> Response:
        snapshot, _ = self._library.current()
        drawing = read_drawing(self._dataset, _tile(request, snapshot).image_id)
        if drawing is None:
            raise HTTPException(404, "The index has no such picture any more.")
        return JSONResponse(drawing)

    def thumbnail(self, request: Request) -> Response:
        snapshot, _ = self._library.current()
        tile = _tile(request, snapshot)
        data = self._thumbnails.get(tile.content_hash, lambda: _read(lambda: thumbnail(self._dataset.root, tile)))
        return Response(data, media_type="image/jpeg", headers=_FOREVER)

    def picture(self, request: Request) -> Response:
        snapshot, _ = self._library.current()
        tile = _tile(request, snapshot)
        data, kind = _read(lambda: whole_picture(self._dataset.root, tile))
        return Response(data, media_type=kind, headers=_FOREVER)

    def refused(self, _: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        words = "There is no such page." if error.detail == "Not Found" else error.detail
        return self._problem(words, error.status_code)

    def failed(self, _: Request, error: Exception) -> Response:
        return self._problem(str(error), 400 if isinstance(error, SettingsError) else 503)

    def _problem(self, words: str, status: int) -> Response:
        return HTMLResponse(self._render("problem.html.j2", status=status, words=words, notice=None), status)

    def _render(self, template: str, **context: Any) -> str:
        return self._environment.get_template(template).render(dataset=self._dataset.name, **context)


def _view(items: QueryParams, snapshot: Snapshot) -> View:
    return parse_view(items.multi_items(), [part.part_id for part in snapshot.parts], snapshot.values)


def _tile(request: Request, snapshot: Snapshot) -> Tile:
    image_id = request.path_params["image_id"]
    tile = snapshot.tile(image_id)
    if tile is None:
        raise HTTPException(404, f"The dataset has no picture {image_id[:80]!r}.")
    return tile


def _read(make: Any) -> Any:
    try:
        return make()
    except BrickbenchError as error:
        raise HTTPException(404, str(error)) from error
