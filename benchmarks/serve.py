"""Measures the server of ``handwriting serve``: ``python -m benchmarks.serve``.

The server runs in a separate process with the models in ``models/mnist``. This process sends real
test images of MNIST to it. The result is written to ``benchmarks/serve.md``.

Requests are sent at fixed times, whether or not earlier ones have been answered, and latency is
measured from the time at which the request was due. Queueing in a slow server is thereby included.
"""

import asyncio
import gzip
import io
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from handwriting.app.limits import MAX_RATE

PROJECT = Path(__file__).resolve().parents[1]
REPORT = PROJECT / "benchmarks" / "serve.md"
MNIST = PROJECT.parent / "shared" / "mnist"
RATE = 100  # requests per second
SECONDS = 30
CONNECTIONS = 64
# In the measurement of the throughput, this many requests are always in progress.
AT_A_TIME = 16
TARGET_MS = 50


@dataclass(frozen=True)
class Case:
    """The requests of one measurement: bodies, content type and query."""

    title: str
    query: str
    content_type: str
    bodies: list[bytes]


@dataclass
class Result:
    """Latencies in seconds, and numbers of correct and failed requests."""

    latencies: list[float] = field(default_factory=list)
    n_right: int = 0
    n_failed: int = 0
    seconds: float = 0.0

    def row(self) -> list[str]:
        """Return the cells of the report."""
        median, p95, p99 = (
            f"{1000 * q:.1f}" for q in np.quantile(self.latencies, [0.5, 0.95, 0.99])
        )
        n = len(self.latencies)
        return [
            f"{n / self.seconds:.0f}",
            median,
            p95,
            p99,
            f"{self.n_right / n:.1%}",
            str(self.n_failed),
        ]


class Client:
    """One connection that is kept open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, case: Case, index: int) -> tuple[int, bytes]:
        """Send one body; return the status and the response."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        body = case.bodies[index % len(case.bodies)]
        writer.write(
            f"POST /predict{case.query} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Type: {case.content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split("\r\n")[0])
        return int(head.split()[1]), await reader.readexactly(length)

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()


def main() -> None:
    """Measure and write the report."""
    pixels, labels = read_mnist()
    load = os.getloadavg()[0]
    process = subprocess.Popen(
        [sys.executable, "-m", "handwriting.app.command_line", "serve", "--port", "0"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline().split()[0].rpartition(":")[2])
        rows = []
        for case in cases(pixels):
            asyncio.run(steady(port, case, labels, 2))  # warms up
            at_rate = asyncio.run(steady(port, case, labels, SECONDS))
            most = asyncio.run(throughput(port, case, labels, SECONDS / 3))
            rows.append([case.title, *at_rate.row(), f"{len(most.latencies) / most.seconds:.0f}"])
            print(" | ".join(rows[-1]), file=sys.stderr)
    finally:
        process.terminate()
        process.wait()
    REPORT.write_text(report(rows, load), encoding="utf-8")


def read_mnist() -> tuple[np.ndarray, np.ndarray]:
    """Return the test images, shape (n, 28, 28), and their labels."""

    def read(name: str, header: int) -> np.ndarray:
        content = gzip.decompress((MNIST / name).read_bytes())
        return np.frombuffer(content, dtype=np.uint8, offset=header)

    pixels = read("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    return pixels, read("t10k-labels-idx1-ubyte.gz", 8)


def cases(pixels: np.ndarray) -> list[Case]:
    """Return the cases; each sends the first 2,000 test images, dark on light."""
    paper = 255 - pixels[:2000]
    small = [png(grey) for grey in paper]
    drawings = [png(np.asarray(Image.fromarray(grey).resize((224, 224)))) for grey in paper]
    grey_values = [json.dumps({"pixels": grey.tolist()}).encode() for grey in paper]
    every = "?model=svc&model=svc_raw&model=forest&model=tree"
    return [
        Case("PNG of 28×28, first model (`svc`)", "", "image/png", small),
        Case("greyscale values of 28×28 as JSON, `svc`", "", "application/json", grey_values),
        Case("PNG of 224×224, one digit, `svc`", "?single=true", "image/png", drawings),
        Case("PNG of 28×28, all four models", every, "image/png", small),
    ]


def png(grey: np.ndarray) -> bytes:
    """Encode grey pixels."""
    target = io.BytesIO()
    Image.fromarray(grey).save(target, "png")
    return target.getvalue()


async def steady(port: int, case: Case, labels: np.ndarray, seconds: float) -> Result:
    """Send `RATE` requests per second."""
    result = Result()
    idle: asyncio.Queue[Client] = asyncio.Queue()
    clients = [Client(port) for _ in range(CONNECTIONS)]
    for client in clients:
        idle.put_nowait(client)
    start = time.perf_counter()

    async def send(index: int, due: float) -> None:
        client = await idle.get()
        status, answer = await client.post(case, index)
        result.latencies.append(time.perf_counter() - due)
        idle.put_nowait(client)
        count(result, status, answer, labels[index % len(case.bodies)])

    async with asyncio.TaskGroup() as tasks:
        for index in range(int(RATE * seconds)):
            due = start + index / RATE
            await asyncio.sleep(due - time.perf_counter())
            tasks.create_task(send(index, due))
    result.seconds = time.perf_counter() - start
    for client in clients:
        client.close()
    return result


async def throughput(port: int, case: Case, labels: np.ndarray, seconds: float) -> Result:
    """Keep `AT_A_TIME` requests in progress, below the server's rate limit."""
    result = Result()
    start = time.perf_counter()

    async def work(first: int) -> None:
        client = Client(port)
        index = first
        while time.perf_counter() - start < seconds:
            due = time.perf_counter()
            status, answer = await client.post(case, index)
            if status == 429:
                await asyncio.sleep(0.02)
                continue
            result.latencies.append(time.perf_counter() - due)
            count(result, status, answer, labels[index % len(case.bodies)])
            index += AT_A_TIME
        client.close()

    await asyncio.gather(*(work(first) for first in range(AT_A_TIME)))
    result.seconds = time.perf_counter() - start
    return result


def count(result: Result, status: int, answer: bytes, label: int) -> None:
    """Count a request as failed, or as correct if the first model reads exactly the label."""
    if status != 200:
        result.n_failed += 1
        return
    readings = json.loads(answer)["models"][0]["readings"]
    result.n_right += [reading["digit"] for reading in readings] == [int(label)]


def report(rows: list[list[str]], load: float) -> str:
    """Return the report."""
    header = [
        "",
        "responses per second",
        "median, ms",
        "95 %, ms",
        "99 %, ms",
        "correct",
        "failed",
        "maximum per second",
    ]
    table = [header, ["---"] * len(header), *rows]
    busy = " Other programs used the cores, so the latencies are upper limits." if load > 1 else ""
    lines = "\n".join(f"| {' | '.join(row)} |" for row in table)
    return (
        "# Latency and throughput of the server\n\n"
        f"Test images of MNIST, one per request, {RATE} requests per second for {SECONDS} seconds. "
        f"The target is a median below {TARGET_MS} ms. Latency is measured from the time at which "
        "the request was due until its response was complete. `correct` is the share of responses "
        "in which the first model reads exactly the label. `maximum per second` is the throughput "
        f"with {AT_A_TIME} requests always in progress; the server allows {MAX_RATE} requests per "
        "second.\n\n"
        f"Machine: {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}. The program that sends the requests runs on the same cores "
        f"and uses part of them. The load average of the machine was {load:.1f} before the "
        f"measurement.{busy} `python -m benchmarks.serve` repeats the measurement.\n\n"
        f"{lines}\n"
    )


if __name__ == "__main__":
    main()
