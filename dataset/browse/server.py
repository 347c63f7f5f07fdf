"""The server of the page: loopback only, ended by Ctrl-C."""

import contextlib
from collections.abc import Callable

import uvicorn

from core.listening import bound_socket
from dataset.browse.app import create_app
from dataset.dataset_folder import DatasetFolder

ADDRESS = "127.0.0.1"
GRACE_S = 1  # browsers keep connections open; nobody waits longer for them


def serve(dataset: DatasetFolder, port: int, ready: Callable[[str], None]) -> None:
    """Serve the page for a dataset until Ctrl-C.

    Args:
        dataset: with its index.
        port: of 127.0.0.1; 0 takes a free one.
        ready: called once with the address of the page when it can be loaded.

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
