"""Writes the predictions for images as lines of text, JSON or CSV."""

import csv
import json
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

from handwriting.recognizer import Reading


@dataclass(frozen=True)
class Result:
    """The predictions for one image.

    Attributes
    ----------
    file : str
        Name of the image or table.
    row : int or None
        The row of a table, counted from 1; None for a picture.
    readings : list of Reading
        In reading order, at least one.
    """

    file: str
    row: int | None
    readings: list[Reading]


class Writer(Protocol):
    """Writes results one by one."""

    def write(self, result: Result) -> None:
        """Write one result."""

    def close(self) -> None:
        """Finish the output after the last result."""


class TextWriter:
    """One line per digit: place, digit, probability, runner-up; separated by tabs."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, result: Result) -> None:
        """Write the lines of one image."""
        lines = []
        for place, reading in zip(_places(result), result.readings, strict=True):
            line = (
                f"{place}\t{reading.digit}\t{reading.probability:.4f}\t"
                f"{reading.runner_up} ({reading.runner_up_probability:.4f})"
            )
            lines.append(line if reading.is_digit else f"{line}\tprobably no digit")
        self._file.write("\n".join(lines) + "\n")

    def close(self) -> None:
        """Write nothing."""


class CsvWriter:
    """One row per digit."""

    COLUMNS = (
        "file",
        "row",
        "line",
        "position",
        "digit",
        "probability",
        "runner_up",
        "runner_up_probability",
        "is_digit",
        "left",
        "top",
        "right",
        "bottom",
    )

    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(self.COLUMNS)

    def write(self, result: Result) -> None:
        """Write the rows of one image."""
        row = "" if result.row is None else result.row
        for (line, position), reading in zip(
            _positions(result.readings), result.readings, strict=True
        ):
            found = (
                reading.digit,
                f"{reading.probability:.6g}",
                reading.runner_up,
                f"{reading.runner_up_probability:.6g}",
                int(reading.is_digit),
            )
            self._writer.writerow((result.file, row, line, position, *found, *reading.box))

    def close(self) -> None:
        """Write nothing."""


class JsonWriter:
    """A list with one object per image, one image per line."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._separator = "[\n"

    def write(self, result: Result) -> None:
        """Write the object of one image."""
        self._file.write(self._separator + json.dumps(to_json(result), ensure_ascii=False))
        self._separator = ",\n"

    def close(self) -> None:
        """End the list."""
        self._file.write("\n]\n" if self._separator == ",\n" else "[]\n")


def to_json(result: Result) -> dict[str, Any]:
    """Convert a result to types that `json` can encode.

    Returns
    -------
    dict
        `file`, `row` (only for a table), `text` (a list with one string per line of the picture,
        where ``?`` is probably not a digit) and `digits`.
    """
    lines: dict[int, str] = {}
    for reading in result.readings:
        character = str(reading.digit) if reading.is_digit else "?"
        lines[reading.line] = lines.get(reading.line, "") + character
    row = {} if result.row is None else {"row": result.row}
    return {
        "file": result.file,
        **row,
        "text": list(lines.values()),
        "digits": [_digit(reading) for reading in result.readings],
    }


def _digit(reading: Reading) -> dict[str, Any]:
    return {
        "digit": reading.digit,
        "probability": round(reading.probability, 6),
        "runner_up": reading.runner_up,
        "runner_up_probability": round(reading.runner_up_probability, 6),
        "is_digit": reading.is_digit,
        "line": reading.line + 1,
        "box": list(reading.box),
    }


def _positions(readings: list[Reading]) -> list[tuple[int, int]]:
    """Return the line of each reading and its position in that line, both counted from 1."""
    count: dict[int, int] = {}
    positions = []
    for reading in readings:
        count[reading.line] = count.get(reading.line, 0) + 1
        positions.append((reading.line + 1, count[reading.line]))
    return positions


def _places(result: Result) -> list[str]:
    if result.row is not None:
        return [f"{result.file}:{result.row}"]
    if len(result.readings) == 1:
        return [result.file]
    return [f"{result.file}:{line}:{position}" for line, position in _positions(result.readings)]
