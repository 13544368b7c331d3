"""draw@dataset-model: draw the results of the model as pictures."""

from handwriting.common.stage.command import run

import math
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from handwriting.common import images, tables
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import ImageFormat
from handwriting.common.params.schema import Draw
from handwriting.common.stage import paths, read_params
from handwriting.common.stage.outputs import atomic_write
from handwriting.common.tables import Row
from handwriting.figures import image_grids, style
from handwriting.figures.confidence_charts import confidence_charts
from handwriting.figures.confusion_matrix import confusion_matrix
from handwriting.figures.importance_map import importance_map
from handwriting.figures.tuning_map import Axis, tuning_map


def main(dataset: str, model: str) -> None:
    """Draw everything about the model: results, confidence, what it relies on, tuning."""
    params = read_params.load()
    params.hyperparameters(model, dataset)  # names the allowed datasets and models
    train, test = images.load(paths.train(dataset)), images.load(paths.test(dataset))
    image, sizes = images.load_format(paths.test(dataset)), params.draw
    results = paths.evaluation(dataset, model)
    used = tables.read_json(results / "hyperparameters.json")
    name = f"{model} on {dataset}"
    rows = tables.read_predictions(paths.predictions(dataset, model), test)
    figures = {
        "confusion": _confusion(results, name),
        "predictions": _predictions(rows, test, image, sizes, name),
        "mistakes": _mistakes(rows, test, image, sizes, name),
        "confidence": _confidence(results, params.evaluate.target_error, name),
        "inspection": _inspection(results, train, image, sizes, used, name),
        "tuning": _tuning(paths.tuning(dataset, model), used, name),
    }
    with atomic_write(paths.pictures(dataset, model)) as folder:
        folder.mkdir()
        for picture, figure in figures.items():
            style.save(figure, folder / f"{picture}.png")


def _confusion(results: Path, name: str) -> Figure:
    rows = tables.read_table(
        results / "confusion.csv", ("actual", "predicted", "n_images", "share")
    )
    counts, shares = np.zeros((10, 10), dtype=np.int64), np.zeros((10, 10))
    for row in rows:
        cell = row["actual"], row["predicted"]
        counts[cell], shares[cell] = row["n_images"], row["share"]
    n_wrong = int(counts.sum() - np.trace(counts))
    title = f"{name}: {n_wrong:,} of {counts.sum():,} test images wrong"
    return confusion_matrix(counts, shares, title)


def _predictions(
    rows: list[Row], test: LabelledImages, image: ImageFormat, sizes: Draw, name: str
) -> Figure:
    predicted = [row["predicted"] for row in rows[: sizes.n_predictions]]
    shown = test.take(np.arange(len(predicted)))
    title = f"{name}: predictions for the first {len(predicted)} test images"
    return image_grids.prediction_grid(shown, predicted, image, title)


def _mistakes(
    rows: list[Row], test: LabelledImages, image: ImageFormat, sizes: Draw, name: str
) -> Figure:
    wrong = [position for position, row in enumerate(rows) if row["predicted"] != row["actual"]]
    # Equally confident mistakes keep their order in the table.
    shown = sorted(wrong, key=lambda position: -rows[position]["probability"])[: sizes.n_mistakes]
    return image_grids.mistake_grid(
        test.take(np.array(shown, dtype=np.intp)),
        [rows[position]["predicted"] for position in shown],
        [rows[position]["probability"] for position in shown],
        image,
        f"{name}: the {len(shown)} most confident of {len(wrong):,} mistakes",
    )


def _confidence(results: Path, target_error: float, name: str) -> Figure:
    bins = tables.read_table(
        results / "reliability.csv", ("n_images", "probability", "accuracy", "low", "high")
    )
    curve = tables.read_table(results / "reject_curve.csv", ("rejected", "error"))
    return confidence_charts(bins, curve, target_error, f"{name}: calibration and rejection")


def _inspection(
    results: Path,
    train: LabelledImages,
    image: ImageFormat,
    sizes: Draw,
    used: Row,
    name: str,
) -> Figure:
    vectors = tables.read_table(results / "support_vectors.csv", ("row", "digit", "weight"))
    if vectors:
        return _support_vectors(vectors, train, image, sizes, name)
    rows = tables.read_table(results / "importances.csv", ("part", "importance"))
    if not rows:
        return style.placeholder(
            f"{name}: no picture, because it has no importances of parts of the image"
        )
    values = np.array([row["importance"] for row in rows])
    part, shape = "pixel", (image.height, image.width)
    if "n_cells" in used:
        part, shape = "cell of the deskewed image", (used["n_cells"], used["n_cells"])
    if len(values) != math.prod(shape):
        raise InputError(f"{results}: importances of {len(values)} parts; run `dvc repro`")
    mean = train.pixels.mean(axis=0).reshape(image.height, image.width)
    title = f"{name}: what the model relies on"
    return importance_map(values.reshape(shape), mean, image.pixel_max, part, title)


def _support_vectors(
    vectors: list[Row], train: LabelledImages, image: ImageFormat, sizes: Draw, name: str
) -> Figure:
    n_drawn = dict.fromkeys(range(10), 0)
    chosen = []
    for row in vectors:  # the heaviest of each digit come first
        if n_drawn[row["digit"]] < sizes.n_support_vectors:
            n_drawn[row["digit"]] += 1
            chosen.append(row)
    positions = np.array([row["row"] for row in chosen], dtype=np.intp)
    if positions.max() >= len(train):
        raise InputError(f"{name}: trained on other images; run `dvc repro`")
    return image_grids.support_vectors(
        train.take(positions),
        np.array([row["weight"] for row in chosen]),
        image,
        sizes.n_support_vectors,
        f"{name}: the support vectors with the largest weights\n"
        f"({len(vectors):,} of {len(train):,} training images are support vectors)",
    )


def _tuning(path: Path, used: Row, name: str) -> Figure:
    rows = tables.read_table(path, tables.TUNING_RESULTS)
    names = [column for column in rows[0] if column not in tables.TUNING_RESULTS]
    vertical = Axis(names[0], list(dict.fromkeys(row[names[0]] for row in rows)))
    horizontal = Axis("", [""])
    if len(names) > 1:
        horizontal = Axis(names[1], list(dict.fromkeys(row[names[1]] for row in rows)))
    # The best over the values of all further hyperparameters.
    accuracies = np.full((len(vertical.values), len(horizontal.values)), -np.inf)
    in_use = None
    for row in rows:
        cell = (
            vertical.values.index(row[vertical.name]),
            horizontal.values.index(row.get(horizontal.name, "")),
        )
        accuracies[cell] = max(accuracies[cell], row["accuracy"])
        if tables.has_values(row, used):
            in_use = cell
    title = f"{name}: cross-validated on {rows[0]['n_images']:,} training images"
    return tuning_map(accuracies, vertical, horizontal, in_use, title)


if __name__ == "__main__":
    run(main)
