"""Fetches files from the first of several mirrors that has the correct bytes."""

import gzip
import hashlib
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin

import pooch
import requests

from handwriting.common.errors import InputError
from handwriting.common.params import urls

RETRIES = 1
# A server could send without end, and a small file can decompress to any size. A table of a million
# images of 28×28 pixels has 2 GB; the largest file of MNIST has 47 MB.
LARGEST_DOWNLOAD = 4 * 2**30
LARGEST_CONTENT = 2**28
# The messages of pooch about each attempt would hide our one line per skipped mirror.
pooch.get_logger().setLevel("WARNING")


class _MirrorError(Exception):
    """The reason why a mirror was skipped."""


def fetch_files(
    checksums: Mapping[str, str],
    mirrors: Sequence[str],
    timeout: float,
    report: Callable[[str], None],
    progress: bool,
) -> dict[str, bytes]:
    """Fetch gzip-compressed files, each from the first mirror that has it intact.

    Parameters
    ----------
    checksums : mapping
        SHA-256 of the decompressed content by file name (without ``.gz``). Mirrors compress the
        same content differently.
    mirrors : sequence of str
        Folders or ``http(s)://`` URLs, in the order in which they are tried.
    timeout : float
        Seconds without a response before the next mirror is tried.
    report : callable
        Is called with one line for every mirror that is skipped.
    progress : bool
        Whether downloads show a progress bar.

    Returns
    -------
    dict
        The decompressed content by file name.

    Raises
    ------
    InputError
        If all mirrors fail, with the reason for each.
    """
    contents: dict[str, bytes] = {}
    reasons: list[str] = []
    for mirror in mirrors:
        try:
            for name in [name for name in checksums if name not in contents]:
                contents[name] = _from_mirror(mirror, name, checksums[name], timeout, progress)
        except _MirrorError as reason:
            reasons.append(f"{mirror} ({reason})")
            report(f"skipped mirror: {reasons[-1]}")
        else:
            return contents
    missing = ", ".join(name for name in checksums if name not in contents)
    raise InputError(f"cannot fetch {missing}: all mirrors failed: {'; '.join(reasons)}")


def download(url: str, folder: Path, timeout: float, progress: bool) -> Path:
    """Download one file of unknown hash into a folder and return its path.

    Raises
    ------
    InputError
        If the server does not respond, or does not send the file.
    """
    try:
        return _download(url, folder, timeout, progress)
    except _MirrorError as reason:
        raise InputError(f"cannot fetch {url}: {reason}") from None


def is_url(location: str) -> bool:
    """Return whether a location is a URL and not a path."""
    return location.startswith(("https://", "http://"))


def sha256(content: bytes) -> str:
    """Return the SHA-256 of `content` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _from_mirror(mirror: str, name: str, checksum: str, timeout: float, progress: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        if is_url(mirror):
            url = f"{mirror.rstrip('/')}/{name}.gz"
            content = _decompress(_download(url, Path(folder), timeout, progress))
        else:
            content = _read_local(Path(mirror), name)
    if sha256(content) != checksum:
        raise _MirrorError(
            f"{name}: wrong bytes, SHA-256 of the content {sha256(content)[:12]}… instead of "
            f"{checksum[:12]}…"
        )
    return content


def _read_local(folder: Path, name: str) -> bytes:
    if not folder.is_dir():
        raise _MirrorError("no such folder")
    for path, reader in ((folder / f"{name}.gz", _decompress), (folder / name, Path.read_bytes)):
        if path.is_file():
            return reader(path)
    raise _MirrorError(f"has no {name}.gz")


def _decompress(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            content = file.read(LARGEST_CONTENT + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _MirrorError(f"{path.name}: not a complete gzip file: {error}") from None
    if len(content) > LARGEST_CONTENT:
        raise _MirrorError(f"{path.name}: more than {LARGEST_CONTENT // 2**20} MiB of content")
    return content


def _download(url: str, folder: Path, timeout: float, progress: bool) -> Path:
    """Download with pooch: with retries, into a temporary file that is renamed at the end."""
    base, _, name = url.rpartition("/")
    downloader = _LimitedDownloader(
        progressbar=progress, timeout=timeout, hooks={"response": _check_redirect}
    )
    source = pooch.create(folder, f"{base}/", registry={name: None}, retry_if_failed=RETRIES)
    try:
        return Path(source.fetch(name, downloader=downloader))
    except requests.HTTPError as error:
        raise _MirrorError(f"{name}: HTTP status {_status(error)}") from None
    except requests.Timeout:
        raise _MirrorError(f"{name}: no response for {timeout:g} s") from None
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        raise _MirrorError(f"{name}: no connection, or connection lost") from None
    except (requests.RequestException, ValueError) as error:
        raise _MirrorError(f"{name}: {error}") from None


def _check_redirect(response: requests.Response, **_: object) -> None:
    """Refuse a redirect to a URL whose content could be changed in transit."""
    if response.is_redirect:
        target = urljoin(response.url, response.headers["location"])
        if not urls.is_safe(target):
            raise _MirrorError(f"redirects to {target}, which is not an https:// URL")


class _LimitedDownloader(pooch.HTTPDownloader):
    """Stops a download that is larger than any table."""

    def __call__(self, url: str, output_file: str, source: object) -> None:
        with Path(output_file).open("wb") as file:
            super().__call__(url, _LimitedFile(file), source)


class _LimitedFile:
    """Passes bytes on until there are too many."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._left = file, LARGEST_DOWNLOAD

    def write(self, content: bytes) -> int:
        """Write a part of the download."""
        self._left -= len(content)
        if self._left < 0:
            raise ValueError(f"more than {LARGEST_DOWNLOAD / 2**30:g} GiB")
        return self._file.write(content)

    def flush(self) -> None:
        """Write what the file has buffered."""
        self._file.flush()


def _status(error: requests.HTTPError) -> str:
    return str(error.response.status_code) if error.response is not None else "unknown"
