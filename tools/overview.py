"""Draws the README's picture from two pictures of the pipeline: ``python -m tools.overview``."""

from handwriting.common.stage.command import run

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.image import imread

from handwriting.common.stage import paths
from handwriting.figures import style

TARGET = Path("docs/overview.png")
DATASET, MODEL = "mnist", "svc"


def main() -> None:
    """Draw the samples of a dataset next to the confusion matrix of a model."""
    figure = Figure(figsize=(10.4, 4.6), layout="constrained")
    axes = figure.subplots(1, 2, width_ratios=(0.95, 1.05))
    pictures = (paths.samples(DATASET), paths.pictures(DATASET, MODEL) / "confusion.png")
    for ax, picture in zip(axes, pictures, strict=True):
        ax.imshow(imread(picture), interpolation="lanczos")
        ax.set_axis_off()
    style.save(figure, TARGET)


if __name__ == "__main__":
    run(main)
