import gzip
import hashlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from handwriting.common.errors import InputError
from handwriting.data import mirrors

CONTENT = b"what all mirrors should have" * 50
CHECKSUMS = {"digits": hashlib.sha256(CONTENT).hexdigest()}


class Mirror(BaseHTTPRequestHandler):
    """Responds as the first part of the path asks it to."""

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
            case "plain":
                status, body = 302, b""
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://example.org/digits.gz")
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


def fetch(*locations: str) -> tuple[bytes, list[str]]:
    """Return the content that the mirrors have and the lines that were reported."""
    lines: list[str] = []
    contents = mirrors.fetch_files(CHECKSUMS, locations, 0.5, lines.append, progress=False)
    return contents["digits"], lines


def test_a_folder_and_a_url_give_the_same_content(server: str, folder: Path) -> None:
    assert fetch(str(folder)) == (CONTENT, [])
    assert fetch(f"{server}/good/") == (CONTENT, [])


def test_another_compression_of_the_same_content_is_accepted(folder: Path) -> None:
    (folder / "digits.gz").write_bytes(gzip.compress(CONTENT, compresslevel=1, mtime=5))
    assert fetch(str(folder)) == (CONTENT, [])


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "digits.gz: HTTP status 404"),
        ("forbidden", "digits.gz: HTTP status 403"),
        ("other", "digits: wrong bytes, SHA-256"),
        ("page", "digits.gz: not a complete gzip file"),
        ("cut", "digits.gz: no connection, or connection lost"),
        ("silent", "digits.gz: no response for 0.5 s"),
    ],
)
def test_a_bad_mirror_is_skipped_with_one_line(
    server: str, folder: Path, kind: str, reason: str
) -> None:
    content, lines = fetch(f"{server}/{kind}", str(folder))
    assert content == CONTENT
    assert len(lines) == 1
    assert lines[0].startswith(f"skipped mirror: {server}/{kind} (")
    assert reason in lines[0]


def test_a_folder_that_is_missing_or_lacks_the_file_is_skipped(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = tmp_path_factory.mktemp("empty")
    content, lines = fetch(str(folder / "nowhere"), str(empty), str(folder))
    assert content == CONTENT
    assert ["no such folder" in lines[0], "has no digits.gz" in lines[1]] == [True, True]


def test_a_url_without_a_server_is_skipped(folder: Path) -> None:
    content, lines = fetch("http://127.0.0.1:9", str(folder))
    assert content == CONTENT
    assert "no connection" in lines[0]


def test_when_all_mirrors_fail_the_error_lists_each_with_its_reason(server: str) -> None:
    with pytest.raises(InputError) as caught:
        fetch(f"{server}/missing", f"{server}/other", "nowhere")
    message = str(caught.value)
    assert message.startswith("cannot fetch digits: all mirrors failed: ")
    for reason in ("HTTP status 404", "wrong bytes", "nowhere (no such folder)"):
        assert reason in message
    assert "\n" not in message


def test_a_file_that_one_mirror_had_is_not_fetched_from_the_next(
    folder: Path, tmp_path: Path
) -> None:
    other = {"more": hashlib.sha256(b"more").hexdigest()}
    second = tmp_path / "second"
    second.mkdir()
    (second / "more").write_bytes(b"more")
    contents = mirrors.fetch_files(
        CHECKSUMS | other, [str(folder), str(second)], 1, print, progress=False
    )
    assert contents == {"digits": CONTENT, "more": b"more"}


def test_download_returns_the_path_of_the_file(server: str, tmp_path: Path) -> None:
    path = mirrors.download(f"{server}/good/table.csv", tmp_path, 0.5, progress=False)
    assert path.parent == tmp_path
    assert path.read_bytes()[:2] == b"\x1f\x8b"


@pytest.mark.parametrize(
    ("kind", "reason"), [("missing", "HTTP status 404"), ("silent", "no response for 0.5 s")]
)
def test_download_that_fails_raises_input_error(
    server: str, tmp_path: Path, kind: str, reason: str
) -> None:
    url = f"{server}/{kind}/table.csv"
    with pytest.raises(InputError) as caught:
        mirrors.download(url, tmp_path, 0.5, progress=False)
    assert str(caught.value) == f"cannot fetch {url}: table.csv: {reason}"


def test_a_redirect_to_an_address_without_encryption_is_not_followed(
    server: str, folder: Path
) -> None:
    content, lines = fetch(f"{server}/plain", str(folder))
    assert content == CONTENT
    assert "redirects to http://example.org/digits.gz, which is not an https:// URL" in lines[0]


def test_urls_are_told_from_paths() -> None:
    assert mirrors.is_url("https://example.org/mnist/")
    assert not mirrors.is_url("../shared/mnist")


def test_a_download_that_is_larger_than_allowed_is_stopped(
    server: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirrors, "LARGEST_DOWNLOAD", 10)
    content, lines = fetch(f"{server}/good", str(folder))
    assert content == CONTENT
    assert lines[0].startswith(f"skipped mirror: {server}/good (digits.gz: more than ")


def test_a_file_that_decompresses_to_more_than_allowed_is_skipped(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = tmp_path_factory.mktemp("bomb")
    (bomb / "digits.gz").write_bytes(gzip.compress(bytes(2**21)))
    monkeypatch.setattr(mirrors, "LARGEST_CONTENT", 2**20)
    content, lines = fetch(str(bomb), str(folder))
    assert content == CONTENT
    assert "digits.gz: more than 1 MiB of content" in lines[0]
