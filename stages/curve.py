"""curve@dataset-model: accuracy against the number of images to learn from."""

import numpy as np

from handwriting import images, models, validation
from handwriting.errors import InputError
from stages import parameters, paths
from stages.command import run
from stages.outputs import write_csv


def main(dataset: str, model: str) -> None:
    """Cross-validate the model on the first training images, learning from more and more."""
    params = parameters.load()
    hyperparameters = params.hyperparameters(model, dataset)
    train = images.load(paths.train(dataset))
    train = train.take(np.arange(min(params.curve.rows[dataset], len(train))))
    classifier = models.build(hyperparameters, params.dataset(dataset).image, params.seed)
    sizes = params.curve.sizes[dataset]
    try:
        parts = validation.folds(train, params.curve.folds[dataset])
        points = validation.curve(classifier, sizes, train, parts, params.seed)
    except InputError as error:
        raise InputError(f"{paths.PARAMS}: curve of {dataset}: {error}") from None
    write_csv(
        ("images", "accuracy", "least", "most"),
        [(point.images, point.accuracy, point.least, point.most) for point in points],
        paths.plots(dataset) / model / "learning_curve.csv",
    )


if __name__ == "__main__":
    run(main)
