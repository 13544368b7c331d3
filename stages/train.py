"""train@dataset-model: fit the model on the training images."""

from handwriting.common.stage.command import run

from handwriting import persistence
from handwriting.common import images
from handwriting.common.stage import paths, read_params
from handwriting.common.stage.outputs import atomic_write
from handwriting.models import pipeline
from handwriting.models.folds import make_folds, take_folds
from handwriting.models.svm import long_fits


def main(dataset: str, model: str) -> None:
    """Fit the model with the hyperparameters of params.yaml, calibrate it and save it."""
    params = read_params.load()
    section = params.dataset(dataset)
    train, image = images.load(paths.train(dataset)), images.load_format(paths.train(dataset))
    classifier = pipeline.build(params.hyperparameters(model, dataset), image)
    with read_params.faults_in(f"datasets.{dataset}.calibrate"):
        folds = make_folds(train, section.calibrate.n_folds)
    with long_fits.resumable(paths.solved_pairs(dataset, model)):
        pipeline.fit(classifier, train, take_folds(folds, section.calibrate.n_images))
        with atomic_write(paths.model(dataset, model)) as path:
            persistence.save(classifier, path)


if __name__ == "__main__":
    run(main)
