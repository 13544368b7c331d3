"""Reads the predictions of a model on the test images."""

from pathlib import Path

from handwriting.common import tables
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.common.tables import Row


def read(path: Path, test: LabelledImages) -> list[Row]:
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
    rows = tables.read_table(path, ("index", "actual", "predicted", "probability"))
    found = [(row["index"], row["actual"]) for row in rows]
    if found != list(zip(test.rows.tolist(), test.labels.tolist(), strict=True)):
        raise InputError(
            f"{path}: not the predictions for these {len(test)} test images; run `dvc repro`"
        )
    return rows
