"""evaluate@dataset-model: score the model on the test images and inspect it."""

from handwriting.common.stage.command import run

from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from handwriting import persistence
from handwriting.common import images
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.common.stage import paths, read_params
from handwriting.common.stage.outputs import atomic_write, write_csv, write_json
from handwriting.evaluation import confidence, inspection, scores, statistics
from handwriting.evaluation.confidence import Bin
from handwriting.evaluation.statistics import Bools
from handwriting.models import pipeline

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]


def main(dataset: str, model: str) -> None:
    """Predict the test images once; write metrics, predictions, scores and inspection tables."""
    settings = read_params.load().evaluate
    test = images.load(paths.test(dataset))
    classifier = persistence.load(paths.model(dataset, model))
    _check_image_size(classifier, test, paths.model(dataset, model))
    probabilities = classifier.predict_proba(test.pixels)
    predicted = classifier.classes_[np.argmax(probabilities, axis=1)]
    highest = probabilities.max(axis=1)

    bins = list(confidence.reliability(highest, predicted == test.labels, settings.confidence))
    metrics = {
        **_accuracy(test.labels, predicted, settings.confidence),
        "ece": confidence.calibration_error(bins),
        "reject_rate": confidence.reject_rate(
            highest, predicted == test.labels, settings.target_error
        ),
    }
    write_json(metrics, paths.metrics(dataset, model))
    with atomic_write(paths.evaluation(dataset, model)) as folder:
        folder.mkdir()
        _write_predictions(test, predicted, highest, folder)
        _write_scores(test.labels, predicted, folder)
        _write_reliability(bins, folder)
        _write_reject_curve(highest, predicted == test.labels, folder)
        _write_inspection(classifier, folder)


def _check_image_size(classifier: Pipeline, test: LabelledImages, path: Path) -> None:
    image = pipeline.image_format(classifier)
    if image.n_pixels != test.pixels.shape[1]:
        raise InputError(
            f"{path}: trained on images of {image.n_pixels} pixels; the test images have "
            f"{test.pixels.shape[1]}; run `dvc repro` to train it again"
        )


def _accuracy(actual: Labels, predicted: Labels, level: float) -> dict[str, float]:
    accuracy = statistics.accuracy(actual, predicted, level)
    return {
        "accuracy": accuracy.value,
        "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high,
        "mistakes": int(np.sum(actual != predicted)),
        "macro_f1": scores.macro_f1(actual, predicted),
    }


def _write_predictions(
    test: LabelledImages, predicted: Labels, probabilities: Floats, folder: Path
) -> None:
    columns = (test.rows, test.labels, predicted, probabilities)
    write_csv(
        ("index", "actual", "predicted", "probability"),
        zip(*(column.tolist() for column in columns), strict=True),
        folder / "predictions.csv",
    )


def _write_reliability(bins: list[Bin], folder: Path) -> None:
    write_csv(
        ("bin_low", "bin_high", "n_images", "probability", "accuracy", "low", "high"),
        [
            (found.low, found.high, found.n_images, found.probability, *astuple(found.accuracy))
            for found in bins
        ],
        folder / "reliability.csv",
    )


def _write_reject_curve(probabilities: Floats, correct: Bools, folder: Path) -> None:
    curve = confidence.reject_curve(probabilities, correct)
    write_csv(("rejected", "error", "mistakes"), map(astuple, curve), folder / "reject_curve.csv")


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
    """Write what the model is; a table is empty if it has no support vectors or importances."""
    write_json(inspection.hyperparameters(classifier), folder / "hyperparameters.json")
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
