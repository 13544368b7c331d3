"""Rates, requests at a time and sizes of requests."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from handwriting.app.limits import MAX_BYTES, Gate, TokenBucket, read_body


@given(
    rate=st.integers(1, 20),
    pauses=st.lists(st.floats(0, 3), min_size=1, max_size=60),
)
def test_no_window_of_time_has_more_requests_than_the_rate_and_one_burst(
    rate: int, pauses: list[float]
) -> None:
    now = 0.0
    bucket = TokenBucket(rate, lambda: now)
    taken = []
    for pause in pauses:
        now += pause
        while bucket.take():
            taken.append(now)
    for i, start in enumerate(taken):
        for j, stop in enumerate(taken[i:], start=i):
            assert j - i + 1 <= rate * (stop - start + 1) + 1e-6


def test_a_rate_can_be_kept_up_for_ever() -> None:
    now = 0.0
    bucket = TokenBucket(100, lambda: now)
    for _ in range(10_000):
        now += 1 / 99
        assert bucket.take()


def test_the_gate_refuses_requests_above_the_rate() -> None:
    gate = Gate(rate=2, in_progress=10)
    for _ in range(2):
        with gate.enter():
            pass
    with (
        pytest.raises(HTTPException, match="more than 2 requests per second") as refusal,
        gate.enter(),
    ):
        pass
    assert refusal.value.status_code == 429
    assert refusal.value.headers == {"Retry-After": "1"}


def test_the_gate_counts_requests_in_progress_also_after_failures() -> None:
    gate = Gate(rate=100, in_progress=1)
    with pytest.raises(ZeroDivisionError), gate.enter():
        1 / 0  # noqa: B018
    with (
        gate.enter(),
        pytest.raises(HTTPException, match="more than 1 requests at a time"),
        gate.enter(),
    ):
        pass
    with gate.enter():
        pass


def test_a_body_that_is_too_large_is_neither_kept_nor_read_to_the_end() -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(10_000):
            sent += 1_000_000
            yield bytes(1_000_000)

    tracemalloc.start()
    try:
        with pytest.raises(HTTPException, match="too large") as refusal:
            asyncio.run(read_body(chunks()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refusal.value.status_code == 413
    assert sent < 200_000_000
    assert peak < 3 * MAX_BYTES


def test_a_body_of_exactly_the_limit_is_read() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield bytes(MAX_BYTES - 1)
        yield b"x"

    assert len(asyncio.run(read_body(chunks()))) == MAX_BYTES
