"""fetch@dataset: bring the dataset into the form of one CSV table, from wherever it comes."""

from handwriting.common.stage.command import run

import hashlib
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from handwriting.common.errors import InputError
from handwriting.common.images import Int32Array, LabelledImages, UInt8Array
from handwriting.common.params.datasets import (
    BundledDigits,
    CsvFile,
    ImageFolder,
    ImageFormat,
    Mnist,
    Table,
)
from handwriting.common.stage import paths, read_params
from handwriting.common.stage.outputs import atomic_write
from handwriting.data import datasets, mirrors, ordering, table, table_forms, text_files


def main(dataset: str) -> None:
    """Write the dataset's table from the source that params.yaml names."""
    section = read_params.load().dataset(dataset)
    source, key = section.source, f"datasets.{dataset}.source"
    with atomic_write(paths.raw(dataset)) as path:
        match source:
            case BundledDigits():
                table.write(datasets.load_digits(), path)
            case Mnist():
                table.write(_fetch_mnist(source, key), path)
            case CsvFile():
                _copy(source, section.image, key, path)
            case Table():
                _convert_table(source, section.image, key, path)
            case ImageFolder():
                _convert_images(source, section.image, key, path)


def _fetch_mnist(source: Mnist, key: str) -> LabelledImages:
    files = _fetch(datasets.MNIST, source.mirrors, source.timeout, f"{key}.mirrors")
    if not source.writers:
        return datasets.build_mnist(files, writers=None)
    labels = _fetch(datasets.QMNIST_LABELS, source.writers, source.timeout, f"{key}.writers")
    return datasets.build_mnist(files, labels)


def _fetch(
    checksums: dict[str, str], locations: list[str], timeout: float, key: str
) -> dict[str, bytes]:
    mirrors_found = [
        location if mirrors.is_url(location) else str(paths.find(location))
        for location in locations
    ]
    try:
        return mirrors.fetch_files(
            checksums, mirrors_found, timeout, report=_report, progress=_is_terminal()
        )
    except InputError as error:
        raise InputError(
            f"{error}. To fix this, put the .gz files into a folder and name that folder first in "
            f"{key} of {paths.PARAMS}"
        ) from None


def _copy(source: CsvFile, image: ImageFormat, key: str, path: Path) -> None:
    """Copy the user's table from a path or a URL, and check every value."""
    with tempfile.TemporaryDirectory() as folder:
        if mirrors.is_url(source.location):
            origin = mirrors.download(
                source.location, Path(folder), source.timeout, progress=_is_terminal()
            )
        else:
            origin = _existing(source.location, key)
            if origin.is_dir():
                raise InputError(
                    f"{key}.location of {paths.PARAMS}: {source.location}: a folder; must be a file"
                )
        _check_hash(origin, source, key)
        with _explained(key):
            table.add_header(origin, source.location, path)
            table.read(path, image, source.location)


def _convert_table(source: Table, image: ImageFormat, key: str, path: Path) -> None:
    """Convert a table in another form, row by row."""
    origin = _existing(source.location, key)
    with _explained(key), text_files.open_text(origin, source.location) as lines:
        blocks: Iterable[LabelledImages] = (
            LabelledImages(block.pixels, block.labels, _no_rows(block.pixels), block.writers)
            for block in table_forms.read(lines, source, image, source.location)
            if block.labels is not None
        )
        if source.order == "interleaved":
            blocks = _interleave(blocks)
        table.write_blocks(blocks, path)


def _convert_images(source: ImageFolder, image: ImageFormat, key: str, path: Path) -> None:
    """Convert a folder of image files."""
    # Only this source needs Pillow.
    from handwriting.data import image_folders

    origin = _existing(source.location, key)
    with _explained(key):
        files = image_folders.list_files(origin, source.location)
        blocks = image_folders.read_blocks(files, source, image)
        table.write_blocks(
            (
                LabelledImages(pixels, labels, _no_rows(pixels), writers=None)
                for pixels, labels in blocks
            ),
            path,
        )


def _interleave(blocks: Iterable[LabelledImages]) -> Iterator[LabelledImages]:
    """Spread the images of each digit evenly; only this needs all images in memory."""
    parts = list(blocks)
    writers = [part.writers for part in parts if part.writers is not None]
    images = LabelledImages(
        np.concatenate([part.pixels for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.rows for part in parts]),
        np.concatenate(writers) if writers else None,
    )
    yield images.take(ordering.spread(images.labels))


def _no_rows(pixels: UInt8Array) -> Int32Array:
    """Return row numbers that are not written: a table numbers its rows by their order."""
    return np.zeros(len(pixels), dtype=np.int32)


def _existing(location: str, key: str) -> Path:
    path = paths.find(location)
    if not path.exists():
        raise InputError(
            f"{key}.location of {paths.PARAMS}: {location}: no such file; `dvc pull` brings a file "
            "that DVC tracks"
        )
    return path


@contextmanager
def _explained(key: str) -> Iterator[None]:
    """Add to a message about the user's own data how to go on."""
    try:
        yield
    except InputError as error:
        raise InputError(
            f"{error} (the source of this dataset, {key} of {paths.PARAMS}: correct it, then run "
            "`dvc repro`)"
        ) from None


def _check_hash(origin: Path, source: CsvFile, key: str) -> None:
    if source.sha256 is None:
        return
    with origin.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
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
