"""Files that several mirrors offer, taken from the first that has the right bytes."""

import gzip
import hashlib
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pooch
import requests

from handwriting.errors import InputError

RETRIES = 1
# What pooch reports of each attempt would bury the one line that a passed-over mirror gets.
pooch.get_logger().setLevel("WARNING")


class _UnusableError(Exception):
    """Why one mirror was passed over."""


def read(
    checksums: Mapping[str, str],
    mirrors: Sequence[str],
    timeout: float,
    report: Callable[[str], None],
    progress: bool,
) -> dict[str, bytes]:
    """Read gzipped files, each from the first mirror that has it whole.

    Parameters
    ----------
    checksums
        For each file's name (without ``.gz``) the SHA-256 of its decompressed content: mirrors
        compress the same content differently.
    mirrors
        Folders or ``http(s)://`` addresses, in the order in which to try them.
    timeout
        Seconds without an answer after which a mirror is passed over.
    report
        Is given one line for every mirror that is passed over.
    progress
        Whether downloads draw a progress bar.

    Returns
    -------
    dict
        The decompressed content of each file.

    Raises
    ------
    InputError
        When no mirror is left, with each mirror and its reason.
    """
    contents: dict[str, bytes] = {}
    reasons: list[str] = []
    for mirror in mirrors:
        try:
            for name in [name for name in checksums if name not in contents]:
                contents[name] = _from_mirror(mirror, name, checksums[name], timeout, progress)
        except _UnusableError as reason:
            reasons.append(f"{mirror} ({reason})")
            report(f"mirror passed over: {reasons[-1]}")
        else:
            return contents
    missing = ", ".join(name for name in checksums if name not in contents)
    raise InputError(f"cannot fetch {missing}: no mirror left of: {'; '.join(reasons)}")


def download(address: str, folder: Path, timeout: float, progress: bool) -> Path:
    """Download one file of unknown hash into a folder and return where it lies.

    Raises
    ------
    InputError
        When there is no answer, or one that is not the file.
    """
    try:
        return _download(address, folder, timeout, progress)
    except _UnusableError as reason:
        raise InputError(f"cannot fetch {address}: {reason}") from None


def is_address(location: str) -> bool:
    """Tell an address from a path."""
    return location.startswith(("https://", "http://"))


def sha256(content: bytes) -> str:
    """Return the SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _from_mirror(mirror: str, name: str, checksum: str, timeout: float, progress: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        if is_address(mirror):
            address = f"{mirror.rstrip('/')}/{name}.gz"
            content = _decompress(_download(address, Path(folder), timeout, progress))
        else:
            content = _read_local(Path(mirror), name)
    if sha256(content) != checksum:
        raise _UnusableError(
            f"{name}: wrong bytes, SHA-256 of the content {sha256(content)[:12]}… instead of "
            f"{checksum[:12]}…"
        )
    return content


def _read_local(folder: Path, name: str) -> bytes:
    if not folder.is_dir():
        raise _UnusableError("no such folder")
    for path, reader in ((folder / f"{name}.gz", _decompress), (folder / name, Path.read_bytes)):
        if path.is_file():
            return reader(path)
    raise _UnusableError(f"has no {name}.gz")


def _decompress(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise _UnusableError(f"{path.name}: not a whole gzip file: {error}") from None


def _download(address: str, folder: Path, timeout: float, progress: bool) -> Path:
    """Let pooch download: with retries, into a temporary file that is renamed when whole."""
    base, _, name = address.rpartition("/")
    downloader = pooch.HTTPDownloader(progressbar=progress, timeout=timeout)
    source = pooch.create(folder, f"{base}/", registry={name: None}, retry_if_failed=RETRIES)
    try:
        return Path(source.fetch(name, downloader=downloader))
    except requests.HTTPError as error:
        raise _UnusableError(f"{name}: answered {_status(error)}") from None
    except requests.Timeout:
        raise _UnusableError(f"{name}: no answer for {timeout:g} s") from None
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        raise _UnusableError(f"{name}: no connection, or cut off") from None
    except (requests.RequestException, ValueError) as error:
        raise _UnusableError(f"{name}: {error}") from None


def _status(error: requests.HTTPError) -> str:
    return str(error.response.status_code) if error.response is not None else "an error"
