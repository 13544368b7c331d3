"""Combines the digits of several requests into one call of a model."""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from handwriting.recognizer import Found, Reading, Recognizer

# No request is added to a batch of this size. A model takes about the same time for 1 and for 64
# images, because it computes features in blocks of 64.
BATCH_SIZE = 64


class _Job(NamedTuple):
    """The parts of one request's picture, and the future of their readings."""

    found: Sequence[Found]
    done: "asyncio.Future[list[Reading]]"


class Batches:
    """Run one model for all requests, one batch at a time.

    Requests that arrive while the model computes are queued; the next call processes all of them
    together. An instance must be used in a single event loop.

    Parameters
    ----------
    recognizer : Recognizer
    executor : Executor
        Runs the model in its threads, so that the event loop is not blocked.
    """

    def __init__(self, recognizer: Recognizer, executor: Executor) -> None:
        self._recognizer = recognizer
        self._executor = executor
        self._waiting: deque[_Job] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def recognize(self, found: Sequence[Found]) -> list[Reading]:
        """Return the readings of the parts of one picture, in their order."""
        if not found:
            return []
        job = _Job(found, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await job.done

    async def _work(self) -> None:
        while self._waiting:
            jobs = self._next_batch()
            try:
                readings = await asyncio.get_running_loop().run_in_executor(
                    self._executor,
                    self._recognizer.recognize,
                    [part for job in jobs for part in job.found],
                )
            except Exception as error:
                for job in jobs:
                    if not job.done.done():
                        job.done.set_exception(error)
                continue
            start = 0
            for job in jobs:
                stop = start + len(job.found)
                if not job.done.done():  # an abandoned request is cancelled
                    job.done.set_result(readings[start:stop])
                start = stop

    def _next_batch(self) -> list[_Job]:
        jobs: list[_Job] = []
        while self._waiting and sum(len(job.found) for job in jobs) < BATCH_SIZE:
            jobs.append(self._waiting.popleft())
        return jobs
