"""compare@dataset: the models of a dataset side by side, on the same test images."""

from itertools import combinations

import numpy as np
import numpy.typing as npt

from handwriting import scoring
from handwriting.errors import InputError
from stages import parameters, paths, predictions
from stages.command import run
from stages.outputs import write_csv, write_json


def main(dataset: str) -> None:
    """Write each model's accuracy with its interval, and a paired test for each two models."""
    confidence = parameters.load().evaluate.confidence
    # Every table in the folder, which is this stage's dep: a model that is gone from params.yaml
    # stays in the comparison until its table is deleted.
    tables = {path.stem: predictions.read(path) for path in paths.all_predictions(dataset)}
    write_csv(
        ("model", "accuracy", "low", "high", "images", "mistakes"),
        [_accuracy(name, table, confidence) for name, table in tables.items()],
        paths.plots(dataset) / "comparison.csv",
    )
    metrics: dict[str, float] = {}
    for first, second in combinations(tables, 2):
        metrics |= _paired(first, tables[first], second, tables[second])
    write_json(metrics, paths.metrics(dataset, "comparison"))


def _accuracy(
    name: str, table: npt.NDArray[np.int64], confidence: float
) -> tuple[str, float, float, float, int, int]:
    _, actual, predicted = table.T
    accuracy = scoring.accuracy(actual, predicted, confidence)
    mistakes = int(np.sum(actual != predicted))
    return name, accuracy.value, accuracy.low, accuracy.high, len(actual), mistakes


def _paired(
    first: str,
    first_predictions: npt.NDArray[np.int64],
    second: str,
    second_predictions: npt.NDArray[np.int64],
) -> dict[str, float]:
    if not np.array_equal(first_predictions[:, :2], second_predictions[:, :2]):
        raise InputError(
            f"{first} and {second} were evaluated on different images; run `dvc repro`"
        )
    actual = first_predictions[:, 1]
    result = scoring.mcnemar(actual, first_predictions[:, 2], second_predictions[:, 2])
    pair = f"{first}_{second}"
    return {
        f"{pair}_{first}_only": result.first_only,
        f"{pair}_{second}_only": result.second_only,
        f"{pair}_p_value": result.p_value,
    }


if __name__ == "__main__":
    run(main)
