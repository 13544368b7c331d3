"""tune@dataset-model: which hyperparameters are best, found inside the training images."""

import numpy as np

from handwriting import charts, images, models, validation
from handwriting.errors import InputError
from stages import parameters, paths
from stages.command import run
from stages.outputs import replacing, write_csv, write_json


def main(dataset: str, model: str) -> None:
    """Cross-validate every combination of the model's grid on the first training images."""
    params = parameters.load()
    first, grid = params.grid(model, dataset)
    train = images.load(paths.train(dataset))
    train = train.take(np.arange(min(params.tune.rows[dataset], len(train))))
    try:
        parts = validation.folds(train, params.tune.folds[dataset])
    except InputError as error:
        raise InputError(f"{paths.PARAMS}: tune of {dataset}: {error}") from None
    classifier = models.build(first, params.dataset(dataset).image, params.seed)
    candidates = validation.search(classifier, grid, train, parts)

    best = validation.best(candidates)
    # Metrics are numbers; a best value that is a word is seen in the table alone.
    numbers = {name: value for name, value in best.values.items() if _is_number(value)}
    write_json(
        {**numbers, "cv_accuracy": best.accuracy, "cv_error": best.error, "images": len(train)},
        paths.metrics(dataset, f"{model}-tuning"),
    )
    folder = paths.plots(dataset) / model
    write_csv(
        (*grid, "accuracy", "error"),
        [(*tried.values.values(), tried.accuracy, tried.error) for tried in candidates],
        folder / "tuning.csv",
    )
    rows, columns, *_ = grid.items()
    title = f"{model} on {dataset}: {len(parts)} folds of {len(train)} training images"
    with replacing(folder / "tuning.png") as path:
        accuracies = validation.by_two(candidates, grid)
        charts.save(charts.tuning_map(accuracies, rows, columns, title), path)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


if __name__ == "__main__":
    run(main)
