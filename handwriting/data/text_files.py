"""Opens the text of a table: a plain file, one compressed by gzip, or the only file of a ZIP."""

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TextIO, cast

from handwriting.common.errors import InputError

# A small file can decompress to any size. A million images of 28×28 pixels with six decimals have
# 7 GB; one image of 512×512 pixels has 2 MB.
LARGEST_TEXT = 16 * 2**30
LONGEST_LINE = 16 * 2**20

_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second one is an empty archive


@contextmanager
def open_text(path: Path, name: str) -> Iterator[TextIO]:
    """Open a table for reading, whatever its compression.

    Parameters
    ----------
    path : Path
    name : str
        How messages name the file.

    Raises
    ------
    InputError
        Also while the text is read: if the file is missing, is damaged, is not text in UTF-8, is an
        archive of several files, or is larger than `LARGEST_TEXT` when it is decompressed.
    """
    try:
        with ExitStack() as stack:
            content = _Limited(_open_bytes(path, name, stack), name)
            buffered = stack.enter_context(io.BufferedReader(content, 2**20))
            yield stack.enter_context(io.TextIOWrapper(buffered, "utf-8-sig", newline=None))
    except FileNotFoundError:
        raise InputError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{name}: a folder; must be a file") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: not text ({error}); must be a table in UTF-8") from None
    except PermissionError:
        raise InputError(f"{name}: no permission to read the file") from None
    except zipfile.BadZipFile as error:
        raise InputError(f"{name}: a damaged archive ({error}); copy it again") from None


def _open_bytes(path: Path, name: str, stack: ExitStack) -> IO[bytes]:
    file = stack.enter_context(path.open("rb"))
    start = file.read(4)
    file.seek(0)
    if start.startswith(_GZIP):
        return cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=file)))
    if start in _ZIP:
        return _open_member(stack.enter_context(zipfile.ZipFile(file)), name, stack)
    return file


def _open_member(archive: zipfile.ZipFile, name: str, stack: ExitStack) -> IO[bytes]:
    # macOS adds a folder of its own to every archive.
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir() and not member.filename.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        raise InputError(f"{name}: an archive of {len(members)} files; must have exactly one")
    if members[0].flag_bits & 1:
        raise InputError(f"{name}: the archive has a password; must have none")
    try:
        return stack.enter_context(archive.open(members[0]))
    except NotImplementedError as error:
        raise InputError(f"{name}: {error}; compress the table by gzip instead") from None


class _Limited(io.RawIOBase):
    """Passes bytes on until there are too many, in all or in one line."""

    def __init__(self, source: IO[bytes], name: str) -> None:
        self._source, self._name = source, name
        self._total = self._line = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            content = self._source.read(len(buffer))
        except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
            raise InputError(f"{self._name}: a damaged archive ({error}); copy it again") from None
        buffer[: len(content)] = content
        self._total += len(content)
        end = max(content.rfind(b"\n"), content.rfind(b"\r"))
        self._line = len(content) - end - 1 if end >= 0 else self._line + len(content)
        if self._total > LARGEST_TEXT:
            raise InputError(f"{self._name}: more than {LARGEST_TEXT // 2**30} GiB of text")
        if self._line > LONGEST_LINE:
            raise InputError(
                f"{self._name}: a line of more than {LONGEST_LINE // 2**20} MiB; must be a table "
                "with one image per line"
            )
        return len(content)
