"""What stands before the page: only this machine's own browser gets in, and a page may load nothing from elsewhere."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_ADDRESS = 8192  # bytes; 200 filter values of 40 characters

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """Wraps the page: refuses other hosts, methods and long addresses, and adds headers that shut it in.

    A Host header that names another machine is what a page from elsewhere sends once its name was rebound to
    127.0.0.1, so it is refused. There is no CORS header, and other sites may not embed the pictures.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        """Let through what is addressed to `port` of this machine by its loopback names."""
        self._app = app
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        if port == 80:
            self._hosts |= {"127.0.0.1", "localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_shut_in(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_shut_in)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        hosts = Headers(scope=scope).getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            known = " or ".join(f"http://{host}/" for host in sorted(self._hosts))
            return PlainTextResponse(f"This page answers to {known} only.", 400)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("This page can only be read: use GET.", 405, {"Allow": "GET, HEAD"})
        if len(scope["query_string"]) + len(scope.get("raw_path") or b"") > LONGEST_ADDRESS:
            return PlainTextResponse(f"The address should have at most {LONGEST_ADDRESS} characters.", 414)
        return None
