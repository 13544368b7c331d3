"""explain@dataset-model: what the model goes by, as a picture."""

from matplotlib.figure import Figure
from sklearn.pipeline import Pipeline

from handwriting import charts, explain, images, persistence
from handwriting.errors import InputError
from handwriting.images import Digits
from handwriting.params import Image
from stages import parameters, paths
from stages.command import run
from stages.outputs import replacing


def main(dataset: str, model: str) -> None:
    """Draw the images that weigh most in the model or, of trees, the pixels that matter most."""
    params = parameters.load()
    image, per_digit = params.dataset(dataset).image, params.explain.images_per_digit
    train = images.load(paths.train(dataset))
    classifier = persistence.load(paths.model(dataset, model))
    name = f"{model} on {dataset}"
    if explain.has_support_vectors(classifier):
        if int(classifier[-1].support_.max()) >= len(train):
            raise InputError(
                f"{paths.model(dataset, model)}: trained on other images; run `dvc repro`"
            )
        figure = _support(classifier, train, image, per_digit, name)
    else:
        figure = _pixels(classifier, train, image, name)
    with replacing(paths.plots(dataset) / model / "explained.png") as path:
        charts.save(figure, path)


def _support(
    classifier: Pipeline, train: Digits, image: Image, per_digit: int, name: str
) -> Figure:
    positions, weights = explain.heaviest_support(classifier, train.labels, per_digit)
    title = (
        f"{name}: the training images with the largest weight\n"
        f"({len(classifier[-1].support_):,} of {len(train):,} have any)"
    )
    return charts.weighted_images(train.take(positions), weights, image, per_digit, title)


def _pixels(classifier: Pipeline, train: Digits, image: Image, name: str) -> Figure:
    if not explain.sees_pixels(classifier):
        return charts.note(f"{name}: its features are not pixels, so no picture can show them")
    importances = explain.pixel_importances(classifier)
    if len(importances) != image.pixels:
        raise InputError(f"{name}: trained on images of another size; run `dvc repro`")
    return charts.pixel_importances(importances, explain.mean_image(train), image, name)


if __name__ == "__main__":
    run(main)
