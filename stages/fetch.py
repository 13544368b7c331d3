"""fetch@dataset: download the published dataset as one CSV table."""

from stages.common.command import run

import sys
import tempfile
from pathlib import Path

from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import BundledDigits, CsvFile, Mnist
from handwriting.data import datasets, mirrors, table
from stages.common import paths, read_params
from stages.common.outputs import atomic_write


def main(dataset: str) -> None:
    """Write the dataset's table from the source that params.yaml names."""
    source = read_params.load().dataset(dataset).source
    with atomic_write(paths.raw(dataset)) as path:
        match source:
            case BundledDigits():
                table.write(datasets.load_digits(), path)
            case Mnist():
                table.write(_fetch_mnist(source, f"datasets.{dataset}.source"), path)
            case CsvFile():
                _copy(source, f"datasets.{dataset}.source", path)


def _fetch_mnist(source: Mnist, key: str) -> LabelledImages:
    files = _fetch(datasets.MNIST, source.mirrors, source.timeout, f"{key}.mirrors")
    if not source.writers:
        return datasets.build_mnist(files, writers=None)
    labels = _fetch(datasets.QMNIST_LABELS, source.writers, source.timeout, f"{key}.writers")
    return datasets.build_mnist(files, labels)


def _fetch(
    checksums: dict[str, str], locations: list[str], timeout: float, key: str
) -> dict[str, bytes]:
    try:
        return mirrors.fetch_files(
            checksums, locations, timeout, report=_report, progress=_is_terminal()
        )
    except InputError as error:
        raise InputError(
            f"{error}. To fix this, put the .gz files into a folder and name that folder first in "
            f"{key} of {paths.PARAMS}"
        ) from None


def _copy(source: CsvFile, key: str, path: Path) -> None:
    """Copy the user's table from a path or a URL."""
    with tempfile.TemporaryDirectory() as folder:
        if mirrors.is_url(source.location):
            origin = mirrors.download(
                source.location, Path(folder), source.timeout, progress=_is_terminal()
            )
        else:
            origin = Path(source.location)
        if not origin.is_file():
            raise InputError(f"{key}.location of {paths.PARAMS}: {origin}: no such file")
        _check_hash(origin, source, key)
        table.add_header(origin, source.location, path)


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


def _is_terminal() -> bool:
    """Return whether a person watches the output; a log does not need a progress bar."""
    return sys.stderr.isatty()


if __name__ == "__main__":
    run(main)
