"""Limits of the server: request rate, concurrent requests, request size, and allowed origins."""

import time
from collections.abc import AsyncIterable, Callable, Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 10_000_000  # of a request's body
MAX_RATE = 300  # requests per second; also the maximum burst
MAX_IN_PROGRESS = 64  # concurrent requests; together with MAX_BYTES, this bounds the memory

# Number of bytes received and discarded beyond MAX_BYTES. Most clients read the response only after
# they have sent the whole body, and would report a broken connection instead.
_MAX_DISCARDED = 100_000_000

# The page loads no external resources, and no other page may embed it. `blob:` allows it to show
# the picture that the user chose.
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
    """Limit a rate: each request takes a token, and tokens are added at a constant rate.

    Parameters
    ----------
    rate : float
        Tokens added per second, and maximum number of tokens.
    clock : callable, default=time.monotonic
        Returns the time in seconds.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._tokens = float(rate)
        self._time = clock()

    def take(self) -> bool:
        """Take a token; return whether one was available."""
        now = self._clock()
        self._tokens = min(self._rate, self._tokens + (now - self._time) * self._rate)
        self._time = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Gate:
    """Limit the request rate and the number of concurrent requests.

    Parameters
    ----------
    rate : float
        Maximum number of requests per second.
    in_progress : int
        Maximum number of concurrent requests.
    """

    def __init__(self, rate: float, in_progress: int) -> None:
        self._bucket = TokenBucket(rate)
        self._rate = rate
        self._free = in_progress
        self._in_progress = in_progress

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Admit a request for the duration of the context.

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

    The header Content-Length is not trusted; bytes are counted as they arrive.

    Parameters
    ----------
    chunks : async iterable of bytes
        The parts of the body.

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
    """Middleware that rejects requests from other origins and adds security headers.

    A browser lets any page send requests to 127.0.0.1. Such a page could not read the responses,
    but it could overload the machine.

    Parameters
    ----------
    app : ASGI application
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond with status 403, or forward the request."""
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
