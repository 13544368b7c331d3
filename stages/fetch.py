"""fetch@dataset: the images as their publisher gives them, as one CSV table."""

import sys
import tempfile
from pathlib import Path

from handwriting import mirrors, sources, table
from handwriting.errors import InputError
from handwriting.images import Digits
from handwriting.params import BundledDigits, CsvFile, Mnist
from stages import parameters, paths
from stages.command import run
from stages.outputs import replacing


def main(dataset: str) -> None:
    """Write the dataset's table from the source that params.yaml names."""
    source = parameters.load().dataset(dataset).source
    with replacing(paths.raw(dataset)) as path:
        match source:
            case BundledDigits():
                table.write(sources.bundled_digits(), path)
            case Mnist():
                table.write(_mnist(source, f"datasets.{dataset}.source"), path)
            case CsvFile():
                _copy(source, f"datasets.{dataset}.source", path)


def _mnist(source: Mnist, key: str) -> Digits:
    files = _from_mirrors(sources.MNIST, source.mirrors, source.timeout, f"{key}.mirrors")
    if not source.writers:
        return sources.mnist(files, writers=None)
    labels = _from_mirrors(sources.QMNIST_LABELS, source.writers, source.timeout, f"{key}.writers")
    return sources.mnist(files, labels)


def _from_mirrors(
    checksums: dict[str, str], places: list[str], timeout: float, key: str
) -> dict[str, bytes]:
    try:
        return mirrors.read(checksums, places, timeout, report=_report, progress=_is_watched())
    except InputError as error:
        raise InputError(
            f"{error}. To mend it, put the .gz files into a folder and name that folder first in "
            f"{key} of {paths.PARAMS}"
        ) from None


def _copy(source: CsvFile, key: str, path: Path) -> None:
    """Copy the user's table, from a path or an address."""
    with tempfile.TemporaryDirectory() as folder:
        if mirrors.is_address(source.location):
            origin = mirrors.download(
                source.location, Path(folder), source.timeout, progress=_is_watched()
            )
        else:
            origin = Path(source.location)
        if not origin.is_file():
            raise InputError(f"{key}.location of {paths.PARAMS}: {origin}: no such file")
        _check_hash(origin, source, key)
        table.normalise(origin, source.location, path)


def _check_hash(origin: Path, source: CsvFile, key: str) -> None:
    if source.sha256 is None:
        return
    found = mirrors.sha256(origin.read_bytes())
    if found != source.sha256:
        raise InputError(
            f"{source.location}: SHA-256 is {found}; must be {source.sha256} ({key}.sha256 of "
            f"{paths.PARAMS})"
        )


def _report(line: str) -> None:
    print(line, file=sys.stderr)


def _is_watched() -> bool:
    """Tell whether a person sees the console; a log has no use for a progress bar."""
    return sys.stderr.isatty()


if __name__ == "__main__":
    run(main)
