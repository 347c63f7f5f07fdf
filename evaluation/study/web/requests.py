"""What comes from outside, checked before anything believes it: tokens, and bodies of a few hundred bytes."""

import asyncio
import re
from typing import Annotated, TypeVar

from pydantic import Field, StringConstraints, ValidationError
from starlette.requests import ClientDisconnect, Request

from evaluation.study.key import LONGEST_TRIAL_S, FromOutside, Side
from evaluation.study.web.blind_study import Standing

TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")  # 24 random bytes
LARGEST_BODY = 2048  # bytes; an answer has some 150
BODY_WAIT_S = 10.0


class RefusedError(Exception):
    """A request that is turned down: nothing was changed by it."""

    def __init__(self, status: int, code: str, standing: Standing | None = None) -> None:
        """Take the HTTP status, a word for the page, and, where the person is known, where they are."""
        super().__init__(code)
        self.status, self.code, self.standing = status, code, standing


class StartBody(FromOutside):
    """Consent is given, and familiarity told if it was asked."""

    language: Annotated[str, StringConstraints(max_length=8)]
    familiarity: Annotated[int, Field(ge=-1, le=2)]
    invitation: Annotated[str, StringConstraints(max_length=64)] | None = None


class AnswerBody(FromOutside):
    """One choice as it arrives."""

    trial_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    chosen: Side
    seconds: Annotated[float, Field(ge=0, le=LONGEST_TRIAL_S, allow_inf_nan=False)] | None
    request_key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    """The page's own name of this answer: the same again is the same answer, sent twice."""


Body = TypeVar("Body", bound=FromOutside)


def bearer(request: Request) -> str:
    """Return what the Authorization header bears, such as a token.

    Raises:
        RefusedError: there is none, or more than one.
    """
    given = request.headers.getlist("authorization")
    scheme, _, value = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not value:
        raise RefusedError(401, "no_link")
    return value


def read_token(request: Request) -> str:
    """Return the token of a request, which has the form of one.

    Raises:
        RefusedError: there is none, or it cannot be one.
    """
    token = bearer(request)
    if not TOKEN.fullmatch(token):
        raise RefusedError(401, "unknown_link")
    return token


async def read_body(request: Request, model: type[Body]) -> Body:
    """Return the body of a request.

    Raises:
        RefusedError: it is no JSON, too large, too slow, or not what `model` says.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "malformed")
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_WAIT_S):
            async for piece in request.stream():
                data += piece
                if len(data) > LARGEST_BODY:
                    raise RefusedError(413, "too_large")
    except TimeoutError:
        raise RefusedError(408, "malformed") from None
    except ClientDisconnect:
        raise RefusedError(400, "malformed") from None
    try:
        return model.model_validate_json(bytes(data))
    except ValidationError:
        raise RefusedError(422, "malformed") from None
