"""train@dataset-model: a model, fitted on the training images alone."""

from handwriting import images, models, persistence
from stages import parameters, paths
from stages.command import run
from stages.outputs import replacing


def main(dataset: str, model: str) -> None:
    """Fit the model that params.yaml describes and write it."""
    params = parameters.load()
    hyperparameters = params.hyperparameters(model, dataset)
    train = images.load(paths.train(dataset))
    classifier = models.build(hyperparameters, params.dataset(dataset).image, params.seed)
    models.fit(classifier, train)
    with replacing(paths.model(dataset, model)) as path:
        persistence.save(classifier, path)


if __name__ == "__main__":
    run(main)
