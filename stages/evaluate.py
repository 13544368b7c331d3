"""evaluate@dataset-model: what the model makes of the test images, as metrics and as pictures."""

from pathlib import Path

import numpy as np
from sklearn.pipeline import Pipeline

from handwriting import charts, images, models, persistence, scoring
from handwriting.errors import InputError
from handwriting.images import Digits
from handwriting.params import Evaluate, Image
from handwriting.scoring import Labels
from stages import parameters, paths
from stages.command import run
from stages.outputs import replacing, write_csv, write_json


def main(dataset: str, model: str) -> None:
    """Score the model once on the test images and draw what it gets right and wrong."""
    params = parameters.load()
    image, settings = params.dataset(dataset).image, params.evaluate
    test = images.load(paths.test(dataset))
    classifier = persistence.load(paths.model(dataset, model))
    _check_fit(classifier, test, paths.model(dataset, model))
    predicted = classifier.predict(test.pixels)

    metrics = _metrics(test.labels, predicted, settings.confidence)
    write_json(metrics, paths.metrics(dataset, model))
    write_csv(
        ("index", "actual", "predicted"),
        zip(test.rows.tolist(), test.labels.tolist(), predicted.tolist(), strict=True),
        paths.predictions(dataset, model),
    )
    folder = paths.plots(dataset) / model
    write_csv(
        ("digit", "precision", "recall", "f1", "images"),
        scoring.report(test.labels, predicted),
        folder / "report.csv",
    )
    name = f"{model} on {dataset}"
    counts = scoring.confusion(test.labels, predicted)
    shares = scoring.shares(counts)
    write_csv(
        ("actual", "predicted", "images", "share"),
        [(*cell, int(counts[cell]), float(shares[cell])) for cell in np.ndindex(counts.shape)],
        folder / "confusion.csv",
    )
    with replacing(folder / "confusion.png") as path:
        wrong = f"{metrics['mistakes']:,} of {len(test):,} test images wrong"
        charts.save(charts.confusion_matrix(counts, shares, f"{name}: {wrong}"), path)
    with replacing(folder / "predictions.png") as path:
        some = np.arange(min(settings.predictions, len(test)))
        title = f"{name}: predictions for the first {len(some)} test images"
        charts.save(charts.prediction_grid(test.take(some), predicted[some], image, title), path)
    _draw_mistakes(classifier, test, predicted, image, settings, name, folder / "mistakes.png")


def _check_fit(classifier: Pipeline, test: Digits, path: Path) -> None:
    expected, found = classifier[-1].n_features_in_, test.pixels.shape[1]
    if expected != found:
        raise InputError(
            f"{path}: trained on images of {expected} pixels; the test images have {found}; "
            "train it again with `dvc repro`"
        )


def _metrics(actual: Labels, predicted: Labels, confidence: float) -> dict[str, float]:
    accuracy = scoring.accuracy(actual, predicted, confidence)
    return {
        "accuracy": accuracy.value,
        "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high,
        "error_rate": 1 - accuracy.value,
        "macro_f1": scoring.macro_f1(actual, predicted),
        "images": len(actual),
        "mistakes": int(np.sum(actual != predicted)),
        "majority_baseline": scoring.majority_baseline(actual),
    }


def _draw_mistakes(
    classifier: Pipeline,
    test: Digits,
    predicted: Labels,
    image: Image,
    settings: Evaluate,
    name: str,
    target: Path,
) -> None:
    wrong = np.flatnonzero(predicted != test.labels)
    margins = models.margins(classifier, test.pixels[wrong]) if len(wrong) else np.empty(0)
    # Of equally sure mistakes the first in the table come first.
    surest = np.argsort(-margins, kind="stable")[: settings.mistakes]
    title = f"{name}: the {len(surest)} surest of {len(wrong):,} mistakes"
    figure = charts.mistake_grid(
        test.take(wrong[surest]), predicted[wrong[surest]], margins[surest], image, title
    )
    with replacing(target) as path:
        charts.save(figure, path)


if __name__ == "__main__":
    run(main)
