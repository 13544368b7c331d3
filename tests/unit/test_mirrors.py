import gzip
import hashlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from handwriting import mirrors
from handwriting.errors import InputError

CONTENT = b"what all mirrors should have" * 50
CHECKSUMS = {"digits": hashlib.sha256(CONTENT).hexdigest()}


class Mirror(BaseHTTPRequestHandler):
    """Answers as the first part of the path asks it to."""

    def do_GET(self) -> None:
        body, status, promised = gzip.compress(CONTENT), 200, None
        match self.path.split("/")[1]:
            case "missing":
                status, body = 404, b""
            case "forbidden":
                status, body = 403, b""
            case "other":
                body = gzip.compress(b"other bytes")
            case "page":
                body = b"<html>moved</html>"
            case "cut":
                promised = len(body)
                body = body[:20]
            case "silent":
                time.sleep(3)
        self.send_response(status)
        self.send_header("Content-Length", str(promised or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "digits.gz").write_bytes(gzip.compress(CONTENT))
    return tmp_path


def read(*places: str) -> tuple[bytes, list[str]]:
    lines: list[str] = []
    contents = mirrors.read(CHECKSUMS, places, 0.5, lines.append, progress=False)
    return contents["digits"], lines


def test_a_folder_and_an_address_give_the_same_content(server: str, folder: Path) -> None:
    assert read(str(folder)) == (CONTENT, [])
    assert read(f"{server}/good/") == (CONTENT, [])


def test_another_compression_of_the_same_content_is_accepted(folder: Path) -> None:
    (folder / "digits.gz").write_bytes(gzip.compress(CONTENT, compresslevel=1, mtime=5))
    assert read(str(folder)) == (CONTENT, [])


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "digits.gz: answered 404"),
        ("forbidden", "digits.gz: answered 403"),
        ("other", "digits: wrong bytes, SHA-256"),
        ("page", "digits.gz: not a whole gzip file"),
        ("cut", "digits.gz: no connection, or cut off"),
        ("silent", "digits.gz: no answer for 0.5 s"),
    ],
)
def test_a_bad_mirror_is_passed_over_with_one_line(
    server: str, folder: Path, kind: str, reason: str
) -> None:
    content, lines = read(f"{server}/{kind}", str(folder))
    assert content == CONTENT
    assert len(lines) == 1
    assert reason in lines[0]
    assert f"{server}/{kind}" in lines[0]


def test_a_folder_that_is_not_there_or_lacks_the_file_is_passed_over(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = tmp_path_factory.mktemp("empty")
    content, lines = read(str(folder / "nowhere"), str(empty), str(folder))
    assert content == CONTENT
    assert ["no such folder" in lines[0], "has no digits.gz" in lines[1]] == [True, True]


def test_an_address_that_nobody_listens_to_is_passed_over(folder: Path) -> None:
    content, lines = read("http://127.0.0.1:9", str(folder))
    assert content == CONTENT
    assert "no connection" in lines[0]


def test_when_no_mirror_is_left_the_error_lists_each_with_its_reason(server: str) -> None:
    with pytest.raises(InputError) as caught:
        read(f"{server}/missing", f"{server}/other", "nowhere")
    message = str(caught.value)
    assert message.startswith("cannot fetch digits: no mirror left")
    for reason in ("answered 404", "wrong bytes", "nowhere (no such folder)"):
        assert reason in message
    assert "\n" not in message


def test_what_one_mirror_had_right_is_not_asked_of_the_next(folder: Path, tmp_path: Path) -> None:
    other = {"more": hashlib.sha256(b"more").hexdigest()}
    second = tmp_path / "second"
    second.mkdir()
    (second / "more").write_bytes(b"more")
    contents = mirrors.read(CHECKSUMS | other, [str(folder), str(second)], 1, print, progress=False)
    assert contents == {"digits": CONTENT, "more": b"more"}
