"""suspects@dataset: find test images whose label is probably wrong."""

from handwriting.common.stage.command import run

import numpy as np

from handwriting.common import images, tables
from handwriting.common.stage import paths, read_params
from handwriting.common.stage.outputs import atomic_write, write_csv
from handwriting.common.tables import Row
from handwriting.figures import image_grids, style

# Agreement between fewer models is not informative.
_FEWEST_MODELS = 2


def main(dataset: str) -> None:
    """Write the images on which all good models agree against the label, as table and picture."""
    params = read_params.load()
    params.dataset(dataset)
    settings = params.suspects
    test, image = images.load(paths.test(dataset)), images.load_format(paths.test(dataset))
    results = {
        model: tables.read_predictions(paths.predictions(dataset, model), test)
        for model in params.models
    }
    good = {
        model: rows for model, rows in results.items() if _accuracy(rows) >= settings.min_accuracy
    }
    suspects = _suspects(list(good.values())) if len(good) >= _FEWEST_MODELS else []
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
        image,
        _title(dataset, list(good), len(suspects), len(shown)),
    )
    with atomic_write(paths.suspects(dataset)) as path:
        style.save(figure, path)


def _accuracy(rows: list[Row]) -> float:
    n_correct = sum(1 for row in rows if row["predicted"] == row["actual"])
    return n_correct / len(rows)


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
