"""evaluate@dataset-model: score the model on the test images and inspect it."""

from stages.common.command import run

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from handwriting.common import images
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.evaluation import inspection, scores, statistics
from handwriting.models import persistence, pipeline
from stages.common import paths, read_params
from stages.common.outputs import atomic_write, write_csv, write_json

Labels = npt.NDArray[np.integer[Any]]


def main(dataset: str, model: str) -> None:
    """Predict the test images once; write metrics, predictions, scores and inspection tables."""
    confidence = read_params.load().evaluate.confidence
    test = images.load(paths.test(dataset))
    classifier = persistence.load(paths.model(dataset, model))
    _check_image_size(classifier, test, paths.model(dataset, model))
    predicted = classifier.predict(test.pixels)

    write_json(_metrics(test.labels, predicted, confidence), paths.metrics(dataset, model))
    with atomic_write(paths.evaluation(dataset, model)) as folder:
        folder.mkdir()
        _write_predictions(test, predicted, folder)
        _write_mistakes(classifier, test, predicted, folder)
        _write_scores(test.labels, predicted, folder)
        _write_inspection(classifier, folder)


def _check_image_size(classifier: Pipeline, test: LabelledImages, path: Path) -> None:
    expected, found = pipeline.n_pixels(classifier), test.pixels.shape[1]
    if expected != found:
        raise InputError(
            f"{path}: trained on images of {expected} pixels; the test images have {found}; "
            "run `dvc repro` to train it again"
        )


def _metrics(actual: Labels, predicted: Labels, confidence: float) -> dict[str, float]:
    accuracy = statistics.accuracy(actual, predicted, confidence)
    return {
        "accuracy": accuracy.value,
        "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high,
        "mistakes": int(np.sum(actual != predicted)),
        "n_images": len(actual),
        "macro_f1": scores.macro_f1(actual, predicted),
        "baseline": scores.majority_baseline(actual),
    }


def _write_predictions(test: LabelledImages, predicted: Labels, folder: Path) -> None:
    write_csv(
        ("index", "actual", "predicted"),
        zip(test.rows.tolist(), test.labels.tolist(), predicted.tolist(), strict=True),
        folder / "predictions.csv",
    )


def _write_mistakes(
    classifier: Pipeline, test: LabelledImages, predicted: Labels, folder: Path
) -> None:
    wrong = np.flatnonzero(predicted != test.labels)
    margins = pipeline.margins(classifier, test.pixels[wrong]) if len(wrong) else np.empty(0)
    columns = (test.rows[wrong], test.labels[wrong], predicted[wrong], margins)
    write_csv(
        ("index", "actual", "predicted", "margin"),
        zip(*(column.tolist() for column in columns), strict=True),
        folder / "mistakes.csv",
    )


def _write_scores(actual: Labels, predicted: Labels, folder: Path) -> None:
    counts = scores.confusion(actual, predicted)
    shares = scores.row_shares(counts)
    write_csv(
        ("actual", "predicted", "n_images", "share"),
        [(*cell, int(counts[cell]), float(shares[cell])) for cell in np.ndindex(counts.shape)],
        folder / "confusion.csv",
    )
    write_csv(
        ("digit", "precision", "recall", "f1", "n_images"),
        scores.per_digit_scores(actual, predicted),
        folder / "per_digit.csv",
    )


def _write_inspection(classifier: Pipeline, folder: Path) -> None:
    """Write both tables; a model without support vectors or importances has an empty one."""
    vectors: list[tuple[int, int, float]] = []
    if inspection.has_support_vectors(classifier):
        columns = inspection.support_weights(classifier)
        vectors = list(zip(*(column.tolist() for column in columns), strict=True))
    write_csv(("row", "digit", "weight"), vectors, folder / "support_vectors.csv")
    importances: list[float] = []
    if inspection.has_importances(classifier):
        importances = inspection.importances(classifier).tolist()
    write_csv(("part", "importance"), list(enumerate(importances)), folder / "importances.csv")


if __name__ == "__main__":
    run(main)
