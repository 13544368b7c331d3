"""Fixtures of the unit tests."""

from pathlib import Path

import numpy as np
import pytest

from handwriting import persistence
from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import ImageFormat
from handwriting.common.params.models import (
    DeskewParams,
    GradientFeatures,
    GradientParams,
    SupportVectorClassifier,
)
from handwriting.models import pipeline
from handwriting.models.folds import make_folds, take_folds
from handwriting.recognizer import Recognizer

MNIST_FORMAT = ImageFormat(height=28, width=28, pixel_max=255)


@pytest.fixture(scope="session")
def some_digits(digits: LabelledImages) -> LabelledImages:
    """300 of scikit-learn's digits."""
    return digits.take(np.arange(300))


@pytest.fixture(scope="session")
def with_writers(some_digits: LabelledImages) -> LabelledImages:
    """The same, by 20 writers."""
    writers = np.random.default_rng(0).integers(0, 20, len(some_digits)).astype(np.int32)
    return LabelledImages(some_digits.pixels, some_digits.labels, some_digits.rows, writers)


@pytest.fixture(scope="session")
def model_file(mnist: LabelledImages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file, trained on 6,000 images of MNIST.

    It reads well enough for tests and is fast enough to be fitted in each run.
    """
    train = mnist.take(np.arange(6_000))
    hyperparameters = SupportVectorClassifier(
        kind="svc",
        features=GradientFeatures(deskew=DeskewParams(), gradients=GradientParams()),
        C=10,
        gamma=0.1,
    )
    folds = take_folds(make_folds(train, 6), 1000)
    model = pipeline.fit(pipeline.build(hyperparameters, MNIST_FORMAT), train, folds)
    path = tmp_path_factory.mktemp("model") / "mnist.skops"
    persistence.save(model, path)
    return path


@pytest.fixture(scope="session")
def recognizer(model_file: Path) -> Recognizer:
    """The same model, ready to read."""
    return Recognizer.load(model_file)
