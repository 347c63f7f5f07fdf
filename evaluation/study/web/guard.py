"""What stands before the pages: limits on what comes in, headers that shut in what goes out."""

import ipaddress
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_ADDRESS = 512  # bytes; the longest that a page asks for has some 80

_POLICY = (
    b"default-src 'none'; img-src 'self' blob:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    b"form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


class Guard:
    """Wraps the pages: refuses long addresses and other methods, adds headers, lets nothing be cached.

    There is nothing here that a browser sends by itself (no cookie, no password), so requests from other sites arrive
    as strangers; there is no CORS header either.
    """

    def __init__(self, app: ASGIApp, hosts: Callable[[str], bool] = lambda _: True) -> None:
        """Wrap `app`, which answers where `hosts` is True for the Host header, in lower case (see `own_hosts`)."""
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_shut_in(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_shut_in)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        hosts = Headers(scope=scope).getlist("host")
        if len(hosts) != 1 or not self._hosts(hosts[0].lower()):
            return PlainTextResponse("This study is not served under that name: see `study serve --url`.", 421)
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return PlainTextResponse("Use GET or POST.", 405, {"Allow": "GET, HEAD, POST"})
        if len(scope["query_string"]) + len(scope.get("raw_path") or b"") > LONGEST_ADDRESS:
            return PlainTextResponse(f"The address should have at most {LONGEST_ADDRESS} characters.", 414)
        return None


def own_hosts(host: str, port: int, url: str | None) -> Callable[[str], bool]:
    """Return whether a Host header names a study that listens at `host` and `port`, and is reached at `url`.

    What listens at all addresses of a machine answers to each of them as numbers, and to the machine's own names: a
    page from elsewhere whose name was rebound to this machine comes under a name of its own, and is refused.
    """
    names = {"localhost", "127.0.0.1", "[::1]", f"[{host}]" if ":" in host else host.lower()}
    listens_everywhere = host in ("0.0.0.0", "::")
    if listens_everywhere:
        own = socket.gethostname().lower()
        names |= {own, own.partition(".")[0], f"{own}.local", socket.getfqdn().lower()}
    known = {f"{name}:{port}" for name in names} | (names if port == 80 else set())
    if url is not None:
        known.add(urlsplit(url).netloc.lower().rpartition("@")[2])

    def is_own(given: str) -> bool:
        return given in known or (listens_everywhere and _is_number(given))

    return is_own


def _is_number(given: str) -> bool:
    name = given.partition("]")[0].removeprefix("[") if given.startswith("[") else given.partition(":")[0]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
