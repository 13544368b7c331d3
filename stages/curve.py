"""curve@dataset-model: compute the cross-validated learning curve."""

from handwriting.common.stage.command import run

import numpy as np

from handwriting import model_selection
from handwriting.common import images
from handwriting.common.stage import paths, read_params
from handwriting.common.stage.outputs import write_csv
from handwriting.models import pipeline
from handwriting.models.folds import make_folds


def main(dataset: str, model: str) -> None:
    """Cross-validate the model on increasing numbers of training images."""
    params = read_params.load()
    section = params.dataset(dataset)
    train, image = images.load(paths.train(dataset)), images.load_format(paths.train(dataset))
    classifier = pipeline.build(params.hyperparameters(model, dataset), image)
    train = train.take(np.arange(min(section.curve.n_rows, len(train))))
    with read_params.faults_in(f"datasets.{dataset}.curve"):
        folds = make_folds(train, section.curve.n_folds)
        points = model_selection.learning_curve(
            classifier, section.curve.sizes, train, folds, params.seed
        )
    write_csv(
        ("n_images", "accuracy", "minimum", "maximum"),
        [(point.n_images, point.accuracy, point.minimum, point.maximum) for point in points],
        paths.learning_curve(dataset, model),
    )


if __name__ == "__main__":
    run(main)
