"""train@dataset-model: fit the model on the training images."""

from stages.common.command import run

from handwriting.common import images
from handwriting.models import persistence, pipeline
from stages.common import paths, read_params
from stages.common.outputs import atomic_write


def main(dataset: str, model: str) -> None:
    """Fit the model with the hyperparameters of params.yaml and save it."""
    params = read_params.load()
    classifier = pipeline.build(
        params.hyperparameters(model, dataset), params.dataset(dataset).image
    )
    pipeline.fit(classifier, images.load(paths.train(dataset)))
    with atomic_write(paths.model(dataset, model)) as path:
        persistence.save(classifier, path)


if __name__ == "__main__":
    run(main)
