"""suspects@dataset: find test images whose label is probably wrong."""

from stages.common.command import run

from pathlib import Path

import numpy as np

from handwriting import tables
from handwriting.common import images
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.figures import image_grids, style
from handwriting.tables import Row
from stages.common import paths, read_params
from stages.common.outputs import atomic_write, write_csv


def main(dataset: str) -> None:
    """Write the images on which all good models agree against the label, as table and picture."""
    params = read_params.load()
    image, settings = params.dataset(dataset).image, params.suspects
    test = images.load(paths.test(dataset))
    results = {model: _predictions(dataset, model, test) for model in params.models}
    good = {
        model: rows for model, rows in results.items() if _accuracy(rows) >= settings.min_accuracy
    }
    suspects = _suspects(list(good.values()))
    write_csv(
        ("index", "label", "predicted", "probability", "models"),
        [(*suspect.values(), " ".join(good)) for suspect in suspects],
        paths.plots(dataset) / "suspects.csv",
    )
    shown = suspects[: settings.n_images]
    positions = np.searchsorted(test.rows, [row["index"] for row in shown])
    figure = image_grids.mistake_grid(
        test.take(positions),
        [row["predicted"] for row in shown],
        [row["probability"] for row in shown],
        image,
        _title(dataset, list(good), len(suspects), len(shown)),
    )
    with atomic_write(paths.suspects(dataset)) as path:
        style.save(figure, path)


def _predictions(dataset: str, model: str, test: LabelledImages) -> list[Row]:
    path: Path = paths.evaluation(dataset, model) / "predictions.csv"
    rows = tables.read_table(path, ("index", "actual", "predicted", "probability"))
    if [row["index"] for row in rows] != test.rows.tolist():
        raise InputError(
            f"{path}: not the predictions for these {len(test)} test images; run `dvc repro`"
        )
    return rows


def _accuracy(rows: list[Row]) -> float:
    n_correct = sum(1 for row in rows if row["predicted"] == row["actual"])
    return n_correct / len(rows)


def _suspects(good: list[list[Row]]) -> list[Row]:
    """Return the images on which all models agree against the label, the most probable first."""
    found = []
    for rows in zip(*good, strict=True):
        predicted = {row["predicted"] for row in rows}
        if len(predicted) == 1 and rows[0]["actual"] not in predicted:
            found.append(
                {
                    "index": rows[0]["index"],
                    "label": rows[0]["actual"],
                    "predicted": rows[0]["predicted"],
                    "probability": min(row["probability"] for row in rows),
                }
            )
    return sorted(found, key=lambda row: (-row["probability"], row["index"]))


def _title(dataset: str, good: list[str], n_suspects: int, n_shown: int) -> str:
    if not good:
        return f"{dataset}: no model is accurate enough to suspect a label"
    return (
        f"{dataset}: {n_shown} of {n_suspects} images on which {', '.join(good)} agree against the "
        "label"
    )


if __name__ == "__main__":
    run(main)
