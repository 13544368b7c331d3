"""Reads the CSV tables and JSON files that stages exchange, and rounds what is written to them."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handwriting.common.errors import InputError

if TYPE_CHECKING:  # not every stage needs NumPy
    from handwriting.common.images import LabelledImages

Row = dict[str, Any]

# What a table of a grid search has besides the hyperparameters.
TUNING_RESULTS = ("accuracy", "standard_error", "n_images")


def read_table(path: Path, columns: Sequence[str]) -> list[Row]:
    """Read a table with a header; numbers become numbers and empty fields None.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        Columns that the table must have.

    Raises
    ------
    InputError
        If the file is missing, is not text, lacks a column, or has a row of another length.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, restval=None, restkey="")
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path}: no column {', '.join(missing)}; run `dvc repro`")
            rows = list(reader)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`, which creates it") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a table ({error}); run `dvc repro`") from None
    for number, row in enumerate(rows, start=1):
        if "" in row or None in row.values():
            raise InputError(
                f"{path}: row {number} does not have {len(reader.fieldnames or ())} values; run "
                "`dvc repro`"
            )
    return [{name: _value(text) for name, text in row.items()} for row in rows]


def read_predictions(path: Path, test: "LabelledImages") -> list[Row]:
    """Read the table of a model's predictions.

    Parameters
    ----------
    path : Path
    test : LabelledImages
        The images that the table must be about, in their order.

    Returns
    -------
    list of dict
        One row per image: `index` in the dataset's table, `actual` and `predicted` digit, and the
        `probability` of the predicted one.

    Raises
    ------
    InputError
        If the file is missing, damaged, or about other images or labels.
    """
    rows = read_table(path, ("index", "actual", "predicted", "probability"))
    found = [(row["index"], row["actual"]) for row in rows]
    if found != list(zip(test.rows.tolist(), test.labels.tolist(), strict=True)):
        raise InputError(
            f"{path}: not the predictions for these {len(test)} test images; run `dvc repro`"
        )
    return rows


def read_json(path: Path) -> Row:
    """Read a JSON object.

    Raises
    ------
    InputError
        If the file is missing or is not a JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`, which creates it") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}); run `dvc repro`") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a JSON object; run `dvc repro`")
    return content


def has_values(row: Row, settings: Row) -> bool:
    """Return whether all fields of a row that `settings` has have equal values.

    Parameters
    ----------
    row : dict
        A row that `read_table` returned.
    settings : dict
        Hyperparameters by name, for example.
    """
    return all(value == _as_read(settings[name]) for name, value in row.items() if name in settings)


def _as_read(value: object) -> object:
    """Return a value as `read_table` reads it after it was written."""
    if isinstance(value, bool):
        return str(value)
    return rounded(value)


def rounded(value: Any) -> Any:
    """Round a number to one digit more than `dvc metrics diff` prints; further digits are noise."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _value(text: str) -> float | str | None:
    if not text:
        return None
    # Words such as "inf" and "nan" are names here, although float() accepts them.
    for number in (int, float) if text[0] in "+-.0123456789" else ():
        try:
            return number(text)
        except ValueError:
            continue
    return text
