"""compare@dataset: compare all models of a dataset, one table per question, and suspect labels."""

from handwriting.common.stage.command import run

from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from handwriting.claims import published
from handwriting.common import images, tables
from handwriting.common.images import LabelledImages
from handwriting.common.params.schema import Params, Suspects
from handwriting.common.params.yaml_reader import read_yaml
from handwriting.common.stage import paths, read_params
from handwriting.common.stage.outputs import atomic_write, write_csv, write_json
from handwriting.common.tables import Row
from handwriting.evaluation import statistics
from handwriting.evaluation.statistics import Bools
from handwriting.figures import image_grids, style

# Agreement between fewer models is not informative.
_FEWEST_MODELS = 2


def main(dataset: str) -> None:
    """Write a table of all models for each chart; models are those of params.yaml."""
    params = read_params.load()
    params.dataset(dataset)
    test = images.load(paths.test(dataset))
    predictions = {
        model: tables.read_predictions(paths.predictions(dataset, model), test)
        for model in params.models
    }
    correct = {model: _correct(rows) for model, rows in predictions.items()}
    _write_accuracy(params, dataset, test, correct)
    _write_pairs(dataset, correct)
    _write_errors(params, dataset, correct)
    _write_tuning(params, dataset)
    _write_suspects(params.suspects, dataset, test, predictions, correct)
    write_json(
        {model: _hyperparameters(params, model, dataset) for model in params.models},
        paths.hyperparameters(dataset),
    )
    folder = paths.plots(dataset)
    for name, columns in (
        ("confusion", ("actual", "predicted", "n_images", "share")),
        ("per_digit", ("digit", "precision", "recall", "f1", "n_images")),
        ("reject_curve", ("rejected", "error", "mistakes")),
        (
            "reliability",
            ("bin_low", "bin_high", "n_images", "probability", "accuracy", "low", "high"),
        ),
    ):
        files = {model: paths.evaluation(dataset, model) / f"{name}.csv" for model in params.models}
        _write_joined(columns, files.items(), folder / f"{name}.csv")
    curves = {model: paths.learning_curve(dataset, model) for model in params.models}
    _write_joined(
        ("n_images", "accuracy", "minimum", "maximum"),
        curves.items(),
        folder / "learning_curve.csv",
    )


def _correct(rows: list[Row]) -> Bools:
    """Return which test images a model classifies correctly."""
    return np.array([row["predicted"] == row["actual"] for row in rows], dtype=np.bool_)


def _write_accuracy(
    params: Params, dataset: str, test: LabelledImages, correct: dict[str, Bools]
) -> None:
    write_csv(
        (
            "model", "accuracy", "low", "high", "n_images", "mistakes", "claimed", "p_value",
            "verdict", "writers_low", "writers_high", "n_images_needed",
        ),
        [(model, *_accuracy(params, found, test.writers)) for model, found in correct.items()],
        paths.plots(dataset) / "accuracy.csv",
    )  # fmt: skip


def _accuracy(
    params: Params, correct: Bools, writers: npt.NDArray[np.int32] | None
) -> tuple[float | str | None, ...]:
    """Return a model's accuracy with its intervals and the test of the claimed accuracy."""
    claimed, confidence = params.verdict.claimed_accuracy, params.evaluate.confidence
    n_correct, n_images = int(correct.sum()), len(correct)
    interval = statistics.exact_interval(n_correct, n_images, confidence)
    verdict = statistics.test_accuracy(n_correct, n_images, claimed, confidence)
    by_writer = None
    if writers is not None:
        by_writer = statistics.writer_interval(
            correct, writers, confidence, params.verdict.n_resamples, params.seed
        )
    return (
        interval.value,
        interval.low,
        interval.high,
        n_images,
        n_images - n_correct,
        claimed,
        verdict.p_value,
        str(verdict.decision),
        by_writer.low if by_writer else None,
        by_writer.high if by_writer else None,
        statistics.images_needed(interval.value, claimed, confidence, params.verdict.power),
    )


def _write_pairs(dataset: str, correct: dict[str, Bools]) -> None:
    rows = []
    for first, second in combinations(correct, 2):
        test = statistics.mcnemar(correct[first], correct[second])
        rows.append((first, second, test.first_only, test.second_only, test.p_value))
    write_csv(
        ("first", "second", "first_only", "second_only", "p_value"),
        rows,
        paths.plots(dataset) / "pairs.csv",
    )


def _write_errors(params: Params, dataset: str, correct: dict[str, Bools]) -> None:
    """Write our errors beside published ones on the same test images, the smallest first."""
    results = published.parse(read_yaml(paths.PUBLISHED_CLAIMS), str(paths.PUBLISHED_CLAIMS))
    rows: list[tuple[str, float, float | None, float | None, str]] = []
    for model, found in correct.items():
        mistakes = statistics.exact_interval(
            int(np.sum(~found)), len(found), params.evaluate.confidence
        )
        rows.append((model, mistakes.value, mistakes.low, mistakes.high, "this pipeline"))
    n_images = len(next(iter(correct.values())))
    rows += [
        (other.method, other.error, None, None, other.source)
        for other in results.errors
        if other.dataset == dataset and other.n_images == n_images
    ]
    rows.sort(key=lambda row: row[1])
    write_csv(
        ("method", "error", "low", "high", "source"), rows, paths.plots(dataset) / "errors.csv"
    )


def _write_tuning(params: Params, dataset: str) -> None:
    rows: list[tuple[Any, ...]] = []
    for model in params.models:
        candidates = tables.read_table(paths.tuning(dataset, model), tables.TUNING_RESULTS)
        used = params.hyperparameters(model, dataset).model_dump()
        best = max(candidates, key=lambda row: row["accuracy"])
        rows += [
            (model, *_axes(row), *(row[name] for name in tables.TUNING_RESULTS), int(row is best),
             int(tables.has_values(row, used)))
            for row in candidates
        ]  # fmt: skip
    write_csv(
        (
            "model", "row_name", "row_value", "column_name", "column_value", *tables.TUNING_RESULTS,
            "is_best", "in_use",
        ),
        rows,
        paths.plots(dataset) / "tuning.csv",
    )  # fmt: skip


def _hyperparameters(params: Params, model: str, dataset: str) -> Row:
    """Return the kind of a model and its hyperparameters as params.yaml has them."""
    return params.hyperparameters(model, dataset).model_dump(exclude_unset=True)


def _axes(candidate: Row) -> tuple[Any, Any, Any, Any]:
    """Return name and value of the first two hyperparameters; None if there is only one."""
    pairs = [pair for pair in candidate.items() if pair[0] not in tables.TUNING_RESULTS]
    return *pairs[0], *(pairs[1] if len(pairs) > 1 else (None, None))


def _write_joined(
    columns: tuple[str, ...], files: Iterable[tuple[str, Path]], target: Path
) -> None:
    """Write the tables of all models as one table with a column for the model."""
    rows = [
        (model, *(row[name] for name in columns))
        for model, path in files
        for row in tables.read_table(path, columns)
    ]
    write_csv(("model", *columns), rows, target)


def _write_suspects(
    settings: Suspects,
    dataset: str,
    test: LabelledImages,
    predictions: dict[str, list[Row]],
    correct: dict[str, Bools],
) -> None:
    """Write the images on which all good models agree against the label, as table and picture."""
    good = [model for model, found in correct.items() if found.mean() >= settings.min_accuracy]
    suspects = []
    if len(good) >= _FEWEST_MODELS:
        suspects = _suspects([predictions[model] for model in good])
    write_csv(
        ("index", "label", "predicted", "probability", "models"),
        [
            (test.rows[position], test.labels[position], predicted, probability, " ".join(good))
            for position, predicted, probability in suspects
        ],
        paths.plots(dataset) / "suspects.csv",
    )
    shown = suspects[: settings.n_images]
    figure = image_grids.mistake_grid(
        test.take(np.array([position for position, _, _ in shown], dtype=np.intp)),
        [predicted for _, predicted, _ in shown],
        [probability for _, _, probability in shown],
        images.load_format(paths.test(dataset)),
        _title(dataset, good, len(suspects), len(shown)),
    )
    with atomic_write(paths.suspects(dataset)) as path:
        style.save(figure, path)


def _suspects(good: list[list[Row]]) -> list[tuple[int, int, float]]:
    """Return where all models agree against the label, on which digit, and how surely.

    The probability is the lowest of the models; the most probable suspects come first.
    """
    found = []
    for position, rows in enumerate(zip(*good, strict=True)):
        predicted = {row["predicted"] for row in rows}
        if len(predicted) == 1 and rows[0]["actual"] not in predicted:
            probability = min(row["probability"] for row in rows)
            found.append((position, rows[0]["predicted"], probability))
    return sorted(found, key=lambda suspect: (-suspect[2], suspect[0]))


def _title(dataset: str, good: list[str], n_suspects: int, n_shown: int) -> str:
    if len(good) < _FEWEST_MODELS:
        return f"{dataset}: fewer than two models are accurate enough to suspect a label"
    return (
        f"{dataset}: {n_shown} of {n_suspects} images on which {', '.join(good)} agree against the "
        "label"
    )


if __name__ == "__main__":
    run(main)
