"""Measures the effect of features and virtual examples: ``python -m benchmarks.recognition``.

Every recipe is a support vector classifier that is cross-validated on MNIST's 60,000 training
images, in three folds that share no writer. The test images are not used. The result is written to
``benchmarks/recognition.md``.
"""

import os
import platform
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline

from benchmarks import virtual_examples
from benchmarks.virtual_examples import VirtualExamples
from handwriting.common import images
from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import ImageFormat
from handwriting.common.params.models import (
    DeskewParams,
    Features,
    GradientFeatures,
    GradientParams,
    SupportVectorClassifier,
)
from handwriting.folds import TrainTest, make_folds
from handwriting.models import pipeline

PROJECT = Path(__file__).resolve().parents[1]
REPORT = PROJECT / "benchmarks" / "recognition.md"
IMAGE = ImageFormat(height=28, width=28, pixel_max=255)
N_FOLDS = 3


def gradients(**changes: float) -> GradientFeatures:
    """Return gradient features that differ from the default ones in the given parameters."""
    deskew = {
        name: changes.pop(name) for name in list(changes) if name in DeskewParams.model_fields
    }
    return GradientFeatures(
        deskew=DeskewParams.model_validate(deskew),
        gradients=GradientParams.model_validate(changes),
    )


@dataclass(frozen=True)
class Recipe:
    """A support vector classifier, its features and, optionally, virtual examples."""

    name: str
    features: Features = field(default_factory=gradients)
    C: float = 10
    gamma: float = 0.2
    virtual: VirtualExamples | None = None

    def build(self) -> Pipeline:
        """Return the unfitted model, without calibration."""
        hyperparameters = SupportVectorClassifier(
            kind="svc", features=self.features, C=self.C, gamma=self.gamma
        )
        model = pipeline.build(hyperparameters, IMAGE)
        return Pipeline([*model.steps[:-1], ("classifier", model[-1].classifier)])


@dataclass(frozen=True)
class Result:
    """Mistakes on all folds; mean support vectors and fit seconds per fold; feature seconds."""

    mistakes: int
    n_vectors: float
    feature_seconds: float
    fit_seconds: float


def copies(n_copies: int, amplitude: float, smoothness: float = 4.0) -> VirtualExamples:
    """Return virtual examples with seed 0."""
    return VirtualExamples(n_copies=n_copies, amplitude=amplitude, smoothness=smoothness)


RAW = Recipe("raw pixels", "unit", C=5, gamma=0.02)
DEFAULT = Recipe("deskewed oriented gradients, default values")
RECIPES = [
    RAW,
    DEFAULT,
    Recipe("without deskewing", gradients(slant=0.0)),
    Recipe("without size normalisation", gradients(scaling=0.0)),
    Recipe("full size normalisation", gradients(scaling=1.0)),
    Recipe("16 directions", gradients(n_orientations=16)),
    Recipe("narrower cells: sigma 1.5", gradients(sigma=1.5)),
    Recipe("wider cells: sigma 2.5", gradients(sigma=2.5)),
    Recipe("more cells: 10×10, step 2.5", gradients(n_cells=10, step=2.5)),
    Recipe("fewer cells: 6×6, step 4, sigma 2.8", gradients(n_cells=6, step=4.0, sigma=2.8)),
    Recipe("regularization 0.4", gradients(regularization=0.4)),
    Recipe("C 30", C=30),
    Recipe("gamma 0.13", gamma=0.13),
    Recipe("gamma 0.3", gamma=0.3),
    Recipe("virtual examples: 1 copy, field of 0.5 pixels", virtual=copies(1, 0.5)),
    Recipe("virtual examples: 4 copies, field of 0.5 pixels", virtual=copies(4, 0.5)),
    Recipe("virtual examples: 4 copies, field of 0.7 pixels", virtual=copies(4, 0.7)),
    Recipe("virtual examples: 4 copies, field of 1 pixel", virtual=copies(4, 1.0)),
]


def main() -> None:
    """Cross-validate the recipes and write the report."""
    train = images.load(PROJECT / "data" / "split" / "mnist" / "train")
    grouped = make_folds(train, N_FOLDS)
    shuffled = list(
        StratifiedKFold(N_FOLDS, shuffle=True, random_state=0).split(train.pixels, train.labels)
    )
    results = {}
    for recipe in RECIPES:
        results[recipe.name] = cross_validate(recipe, train, grouped)
        print(f"{recipe.name}: {results[recipe.name]}", file=sys.stderr, flush=True)
    for recipe in (RAW, DEFAULT):
        name = f"{recipe.name}, shuffled folds"
        results[name] = cross_validate(replace(recipe, name=name), train, shuffled)
        print(f"{name}: {results[name]}", file=sys.stderr, flush=True)
    REPORT.write_text(render_report(results, len(train)), encoding="utf-8", newline="\n")


def cross_validate(recipe: Recipe, train: LabelledImages, folds: list[TrainTest]) -> Result:
    """Count the mistakes of a recipe on all folds."""
    model = recipe.build()
    start = time.perf_counter()
    features: npt.NDArray[np.float32] = model[:-1].fit_transform(train.pixels)
    feature_seconds = time.perf_counter() - start
    mistakes, n_vectors, fit_seconds = 0, [], 0.0
    for fitted, validated in folds:
        start = time.perf_counter()
        model[-1].fit(features[fitted], train.labels[fitted])
        if recipe.virtual:
            virtual_examples.refit(model, train.take(fitted), IMAGE, recipe.virtual)
        fit_seconds += time.perf_counter() - start
        n_vectors.append(len(model[-1].support_vectors_))
        predicted = model[-1].predict(features[validated])
        mistakes += int(np.sum(predicted != train.labels[validated]))
    return Result(mistakes, float(np.mean(n_vectors)), feature_seconds, fit_seconds / len(folds))


def render_report(results: dict[str, Result], n_images: int) -> str:
    """Return the report as Markdown."""
    lines = [
        "# Effect of features and virtual examples",
        "",
        f"Support vector classifiers with the rbf kernel, cross-validated on MNIST's {n_images:,} "
        f"training images in {N_FOLDS} folds that share no writer unless a row states otherwise. "
        "Each row differs from the default values only in the parameters that it names. The test "
        "images were not used. The difference between two rows is significant if it exceeds about "
        "twice the square root of the number of images that only one of them classifies correctly: "
        "here about 20 mistakes.",
        "",
        "Times are for one fit on two thirds of the images, and for the features of all images, on "
        f"{os.cpu_count()} cores ({platform.machine()}). `python -m benchmarks.recognition` "
        "repeats all measurements.",
        "",
        "| variant | mistakes | error | support vectors | features, s | fit, s |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {result.mistakes:,} | {result.mistakes / n_images:.2%} | "
            f"{result.n_vectors:,.0f} | {result.feature_seconds:.1f} | {result.fit_seconds:.1f} |"
            for name, result in results.items()
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
