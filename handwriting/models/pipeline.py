"""Builds and fits a model: a scikit-learn pipeline of features and a classifier.

A model maps raw pixels, shape (n, height * width), to digits. Its features are inside it, so an
image cannot be prepared differently from the training images.
"""

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline, make_pipeline

from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import ImageFormat
from handwriting.common.params.models import (
    NOT_FOR_ESTIMATOR,
    DecisionTree,
    Features,
    GradientFeatures,
    Hyperparameters,
    RandomForest,
    SupportVectorClassifier,
)
from handwriting.features.blocks import Blockwise
from handwriting.features.deskew import Deskew
from handwriting.features.gradients import OrientedGradients
from handwriting.features.pixels import UnitPixels


def build(hyperparameters: Hyperparameters, image: ImageFormat) -> Pipeline:
    """Return an unfitted model.

    Parameters
    ----------
    hyperparameters : Hyperparameters
        Its type is the kind of classifier.
    image : ImageFormat
        Size and pixel range of the images.
    """
    return Pipeline(
        [
            ("features", _build_features(hyperparameters.features, image)),
            ("classifier", _build_classifier(hyperparameters)),
        ]
    )


def fit(model: Pipeline, train: LabelledImages) -> Pipeline:
    """Fit a model on all cores and return it."""
    classifier = model[-1]
    if hasattr(classifier, "n_jobs"):
        classifier.n_jobs = -1
    model.fit(train.pixels, train.labels)
    if hasattr(classifier, "n_jobs"):
        # Threads add up the trees' votes in the order in which they finish, which changes the last
        # bits of the sums from one prediction to the next.
        classifier.n_jobs = None
    return model


def n_pixels(model: Pipeline) -> int:
    """Return the number of pixels of the images that a model was fitted to."""
    # A first step that passes pixels through has no attributes.
    sizes = (step.n_features_in_ for step in model if hasattr(step, "n_features_in_"))
    return int(next(sizes))


def margins(model: Pipeline, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return a model's confidence: the score of its first choice minus that of its second.

    Scores are decision values for a support vector classifier and probabilities for trees.

    Parameters
    ----------
    model : Pipeline
        A fitted model.
    pixels : ndarray of shape (n, height * width), uint8
        At least one image.

    Returns
    -------
    ndarray of shape (n,), float64
        At least 0. With two classes, twice the absolute decision value of a support vector
        classifier.
    """
    if hasattr(model, "decision_function"):
        scores = model.decision_function(pixels)
        if scores.ndim == 1:  # two classes have one decision value, with opposite signs
            scores = np.column_stack([-scores, scores])
    else:
        scores = model.predict_proba(pixels)
    two_best = np.partition(scores, -2, axis=1)[:, -2:]
    return np.asarray(two_best[:, 1] - two_best[:, 0], dtype=np.float64)


def _build_features(features: Features, image: ImageFormat) -> BaseEstimator | str:
    match features:
        case "raw":
            return "passthrough"
        case "unit":
            return UnitPixels(pixel_max=image.pixel_max)
        case "binary":
            from sklearn.preprocessing import Binarizer

            return Binarizer(threshold=0)
        case GradientFeatures():
            deskew = Deskew(image.height, image.width, **features.deskew.model_dump())
            gradients = OrientedGradients(deskew.size, **features.gradients.model_dump())
            return Blockwise(make_pipeline(UnitPixels(image.pixel_max), deskew, gradients))


def _build_classifier(hyperparameters: Hyperparameters) -> BaseEstimator:
    arguments = hyperparameters.model_dump(exclude=NOT_FOR_ESTIMATOR)
    # A stage builds one kind of classifier; importing the others would cost it a second.
    match hyperparameters:
        case SupportVectorClassifier():
            from handwriting.svm.svc import SVC

            return SVC(**arguments)
        case RandomForest():
            from sklearn.ensemble import RandomForestClassifier

            return RandomForestClassifier(**arguments)
        case DecisionTree():
            from sklearn.tree import DecisionTreeClassifier

            return DecisionTreeClassifier(**arguments)
