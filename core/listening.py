"""A port of a host, bound for a server of pages."""

import contextlib
import errno
import socket
from collections.abc import Iterator

from core.errors import BrickbenchError


@contextlib.contextmanager
def bound_socket(host: str, port: int, holder: str) -> Iterator[socket.socket]:
    """Give a socket that is bound to `port` of `host`, 0 for a free one, and does not listen yet.

    What may use the port already is `holder`, for the message.

    Raises:
        BrickbenchError: there is no such host, or the port is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise BrickbenchError(f"There is no host {host!r}: {error.strerror}. Use 127.0.0.1 or 0.0.0.0.") from error
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it each answer takes 40 ms longer.
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            reason = {
                errno.EADDRINUSE: f"is in use, perhaps by another {holder}",
                errno.EACCES: "may not be used by you",
            }.get(error.errno or 0, f"of {host} cannot be used: {error.strerror}")
            raise BrickbenchError(
                f"Port {port} {reason}. Choose another with --port, or any free one with --port 0."
            ) from error
        yield listener
