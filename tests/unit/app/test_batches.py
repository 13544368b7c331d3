"""Requests that share a call of a model."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from handwriting.app.batches import BATCH_SIZE, Batches
from handwriting.common.images import LabelledImages
from handwriting.recognizer import Box, Found, Reading, Recognizer
from tests.helpers import fit_digits


class Slow(Recognizer):
    """Waits for a signal before each call and counts the calls."""

    def __init__(self, recognizer: Recognizer) -> None:
        super().__init__(recognizer.model)
        self.sizes: list[int] = []
        self.may_run = threading.Event()

    def recognize(self, found: Sequence[Found]) -> list[Reading]:
        self.may_run.wait(10)
        self.sizes.append(len(found))
        if any(part.line == -1 for part in found):
            raise ZeroDivisionError
        return super().recognize(found)


@pytest.fixture(scope="module")
def recognizer(digits: LabelledImages) -> Recognizer:
    return Recognizer(fit_digits("tree", digits))


def found(digits: LabelledImages, index: int, line: int = 0) -> Found:
    return Found(Box(0, 0, 8, 8), line, digits.pixels[index].reshape(8, 8))


def run(model: Slow, requests: list[list[Found]]) -> list[list[Reading] | BaseException]:
    async def ask_all() -> list[list[Reading] | BaseException]:
        batches = Batches(model, executor)
        asked = [asyncio.create_task(batches.recognize(request)) for request in requests]
        await asyncio.sleep(0.05)
        model.may_run.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    with ThreadPoolExecutor(2) as executor:
        return asyncio.run(ask_all())


def test_requests_that_wait_are_recognised_together_and_get_their_own_readings(
    recognizer: Recognizer, digits: LabelledImages
) -> None:
    requests = [[found(digits, 7 * i + j) for j in range(i % 4)] for i in range(20)]
    model = Slow(recognizer)
    answers = run(model, requests)
    for request, answer in zip(requests, answers, strict=True):
        expected = recognizer.recognize(request)
        assert [reading.digit for reading in answer] == [reading.digit for reading in expected]
        for got, part in zip(answer, request, strict=True):
            np.testing.assert_array_equal(got.pixels, part.pixels)
    assert len(model.sizes) == 1
    assert sum(model.sizes) == sum(map(len, requests))


def test_a_batch_ends_when_it_is_full(recognizer: Recognizer, digits: LabelledImages) -> None:
    part = found(digits, 0)
    model = Slow(recognizer)
    answers = run(model, [[part]] * 100 + [[part] * 200])
    assert [len(answer) for answer in answers] == [1] * 100 + [200]
    assert model.sizes == [BATCH_SIZE, 100 - BATCH_SIZE + 200]


def test_a_failure_reaches_its_requests_and_the_next_batch_is_computed(
    recognizer: Recognizer, digits: LabelledImages
) -> None:
    model = Slow(recognizer)
    bad = [found(digits, 0, line=-1)] * BATCH_SIZE
    first, second = run(model, [bad, [found(digits, 1)]])
    assert isinstance(first, ZeroDivisionError)
    assert len(second) == 1
