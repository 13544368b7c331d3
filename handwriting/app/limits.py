"""What the server accepts: rate, requests at a time, size of a request, and from which pages."""

import time
from collections.abc import AsyncIterable, Callable, Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 10_000_000  # of a request's body
MAX_RATE = 300  # requests per second; also the number that may come at once after a pause
MAX_IN_PROGRESS = 64  # requests at a time: with MAX_BYTES a limit on memory

# So much of a body that is too large is still received, and thrown away: most programs read the
# answer only after they have sent everything, and would report a broken connection instead.
_MAX_DISCARDED = 100_000_000

# The page loads nothing from elsewhere, and no other page may embed it. `blob:` shows the picture
# that the user chose.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


class TokenBucket:
    """Limits a rate: every request takes a token, and tokens come back at a constant rate.

    Parameters
    ----------
    rate : float
        Tokens per second, and the most tokens that are kept.
    clock : callable, default=time.monotonic
        Returns seconds.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._tokens = float(rate)
        self._time = clock()

    def take(self) -> bool:
        """Take a token; return False if there is none."""
        now = self._clock()
        self._tokens = min(self._rate, self._tokens + (now - self._time) * self._rate)
        self._time = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Gate:
    """Limits the rate of requests and their number at a time.

    Parameters
    ----------
    rate : float
        Requests per second.
    in_progress : int
        Requests at a time.
    """

    def __init__(self, rate: float, in_progress: int) -> None:
        self._bucket = TokenBucket(rate)
        self._rate = rate
        self._free = in_progress
        self._in_progress = in_progress

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Let a request in.

        Raises
        ------
        HTTPException
            With status 429 if there are too many requests.
        """
        if self._free < 1:
            raise _too_many(f"more than {self._in_progress} requests at a time")
        if not self._bucket.take():
            raise _too_many(f"more than {self._rate:g} requests per second")
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


def _too_many(what: str) -> HTTPException:
    return HTTPException(429, f"{what}; wait a second", {"Retry-After": "1"})


async def read_body(chunks: AsyncIterable[bytes]) -> bytes:
    """Read a request's body, at most `MAX_BYTES`.

    What the header Content-Length says is not trusted: bytes are counted as they arrive.

    Parameters
    ----------
    chunks : async iterable of bytes
        The body as it arrives.

    Raises
    ------
    HTTPException
        With status 413 if the body is too large.
    """
    body = bytearray()
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size <= MAX_BYTES:
            body += chunk
        elif size > MAX_BYTES + _MAX_DISCARDED:
            break
    if size > MAX_BYTES:
        raise HTTPException(
            413,
            f"the request is too large; must have at most {MAX_BYTES:,} bytes",
            {"Connection": "close"},
        )
    return bytes(body)


class SameOrigin:
    """Refuses requests from other web pages, and tells browsers what the page may load.

    A browser lets any page send requests to 127.0.0.1. Such a page could not read the answers, but
    it could keep the machine busy.

    Parameters
    ----------
    app : ASGI application
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with 403, or pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is None or origin == f"http://{headers.get('host')}":
            await self._app(scope, receive, send_with_headers)
        else:
            refusal = JSONResponse({"error": "requests from other web pages are refused"}, 403)
            await refusal(scope, receive, send_with_headers)
