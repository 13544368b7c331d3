"""tune@dataset-model: grid-search hyperparameters by cross-validation on the training images."""

from handwriting.common.stage.command import run

import numpy as np

from handwriting import model_selection
from handwriting.common import images
from handwriting.common.stage import paths, read_params
from handwriting.common.stage.outputs import write_csv
from handwriting.models import pipeline
from handwriting.models.folds import make_folds


def main(dataset: str, model: str) -> None:
    """Cross-validate every combination of the model's grid on the first training images."""
    params = read_params.load()
    section = params.dataset(dataset)
    first, grid = params.grid(model, dataset)
    train, image = images.load(paths.train(dataset)), images.load_format(paths.train(dataset))
    train = train.take(np.arange(min(section.tune.n_rows, len(train))))
    with read_params.faults_in(f"datasets.{dataset}.tune"):
        folds = make_folds(train, section.tune.n_folds)
    classifier = pipeline.build(first, image)
    candidates = model_selection.grid_search(classifier, grid, train, folds)
    write_csv(
        (*grid, "accuracy", "standard_error", "n_images"),
        [
            (*found.values.values(), found.accuracy, found.standard_error, len(train))
            for found in candidates
        ],
        paths.tuning(dataset, model),
    )


if __name__ == "__main__":
    run(main)
