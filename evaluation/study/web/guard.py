"""What stands before the pages: limits on what comes in, headers that shut in what goes out."""

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

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_shut_in(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        refusal = _refusal(scope)
        await (refusal or self._app)(scope, receive, send_shut_in)


def _refusal(scope: Scope) -> PlainTextResponse | None:
    if scope["method"] not in ("GET", "HEAD", "POST"):
        return PlainTextResponse("Use GET or POST.", 405, {"Allow": "GET, HEAD, POST"})
    if len(scope["query_string"]) + len(scope.get("raw_path") or b"") > LONGEST_ADDRESS:
        return PlainTextResponse(f"The address should have at most {LONGEST_ADDRESS} characters.", 414)
    return None
