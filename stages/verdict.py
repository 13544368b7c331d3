"""verdict@dataset: whether each model predicts digits right as often as is stated."""

from pathlib import Path

import numpy as np

from handwriting import images, inference, scoring
from handwriting.errors import InputError
from handwriting.images import Digits
from handwriting.inference import Bools
from handwriting.params import Verdict
from stages import parameters, paths, predictions
from stages.command import run
from stages.outputs import write_csv, write_json

_COLUMNS = (
    "model",
    "stated",
    "images",
    "accuracy",
    "low",
    "high",
    "writers_low",
    "writers_high",
    "p_value",
    "verdict",
    "images_needed",
)


def main(dataset: str) -> None:
    """Test the stated accuracy on each model's predictions for the test images."""
    params = parameters.load()
    test = images.load(paths.test(dataset))
    # Every table in the folder, which is this stage's dep, as in compare.
    rows = [
        _row(path, test, params.verdict, params.evaluate.confidence, params.seed)
        for path in paths.all_predictions(dataset)
    ]
    # Words stay in the table, and so do intervals over writers where no writer is known.
    write_json(
        {
            f"{row['model']}_{name}": value
            for row in rows
            for name, value in row.items()
            if isinstance(value, int | float)
        },
        paths.metrics(dataset, "verdict"),
    )
    write_csv(_COLUMNS, [list(row.values()) for row in rows], paths.plots(dataset) / "verdict.csv")


def _row(
    path: Path, test: Digits, verdict: Verdict, confidence: float, seed: int
) -> dict[str, float | str | None]:
    """Judge one model; the keys are `_COLUMNS`."""
    right = _right(path, test)
    accuracy = scoring.proportion(int(right.sum()), len(right), confidence)
    judgement = inference.judge(int(right.sum()), len(right), verdict.accuracy, confidence)
    by_writer = (
        None
        if test.writers is None
        else inference.writer_interval(right, test.writers, confidence, verdict.resamples, seed)
    )
    needed = inference.images_needed(accuracy.value, verdict.accuracy, confidence, verdict.power)
    values = (
        path.stem,
        verdict.accuracy,
        len(right),
        accuracy.value,
        accuracy.low,
        accuracy.high,
        None if by_writer is None else by_writer.low,
        None if by_writer is None else by_writer.high,
        judgement.p_value,
        str(judgement.decision),
        needed,
    )
    return dict(zip(_COLUMNS, values, strict=True))


def _right(path: Path, test: Digits) -> Bools:
    """Tell which test images a table of predictions has right."""
    index, actual, predicted = predictions.read(path).T
    if not np.array_equal(index, test.rows):
        raise InputError(
            f"{path}: not the predictions for {len(test)} test images; run `dvc repro`"
        )
    return np.asarray(actual == predicted)


if __name__ == "__main__":
    run(main)
