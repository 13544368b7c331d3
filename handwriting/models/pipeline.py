"""Builds and fits a model: a scikit-learn pipeline of features and a classifier.

A model maps raw pixels, shape (n, height * width), to digits and their probabilities. Its features
are inside it, so an image cannot be prepared differently from the training images.
"""

from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline, make_pipeline

from handwriting.common import images
from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import ImageFormat
from handwriting.common.params.models import (
    NOT_FOR_ESTIMATOR,
    DecisionTree,
    Features,
    GradientFeatures,
    Hyperparameters,
    NystroemApproximation,
    RandomForest,
    SupportVectorClassifier,
)
from handwriting.models.calibration import CalibratedClassifier
from handwriting.models.features.blocks import Blockwise
from handwriting.models.features.deskew import Deskew
from handwriting.models.features.gradients import OrientedGradients
from handwriting.models.features.pixels import ImagePixels, UnitPixels
from handwriting.models.folds import TrainTest
from handwriting.models.novelty import ClassSubspaces
from handwriting.models.svm import cluster

# Images whose features are computed at a time.
_BLOCK_IMAGES = 16_384


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
            ("images", ImagePixels(image.height, image.width, image.pixel_max)),
            ("features", _build_features(hyperparameters.features, image)),
            ("classifier", _build_final_step(hyperparameters)),
        ]
    )


def fit(model: Pipeline, train: LabelledImages, folds: list[TrainTest]) -> Pipeline:
    """Fit a model on all cores, or on the cluster in use, and return it.

    Parameters
    ----------
    model : Pipeline
        From `build`. The features of an image do not depend on the other images.
    train : LabelledImages
    folds : list
        Folds of `train`, whose validation images calibrate the probabilities.
    """
    from sklearn.tree import DecisionTreeClassifier

    calibrated = model[-1]
    classifier = calibrated.classifier
    is_forest = hasattr(classifier, "n_jobs")
    is_tree = isinstance(classifier, DecisionTreeClassifier)
    if is_forest:
        from handwriting.models.forest import StoredForest

        classifier.n_jobs = -1
        calibrated.classifier = StoredForest(classifier)
    # The other classifiers use all cores, or a cluster, for each fit.
    with cluster.parallel_fits(-1 if is_tree else 1):
        # Trees are fitted to samples in single precision, so they are converted only once.
        dtype = np.float32 if is_forest or is_tree else None
        features = _compute_features(model[:-1], train, dtype)
        calibrated.fit(features, train.labels, folds=folds)
    if is_forest:
        del features  # the trees need the memory
        calibrated.classifier, calibrated.classifier_ = classifier, calibrated.classifier_.load()
        # Threads add up the trees' votes in the order in which they finish, which changes the last
        # bits of the sums from one prediction to the next.
        calibrated.classifier.n_jobs = calibrated.classifier_.n_jobs = None
    return model


def image_format(model: Pipeline) -> ImageFormat:
    """Return the size and the pixel range of the images that a model takes."""
    return ImageFormat.model_validate(model["images"].get_params())


def _compute_features(
    steps: Pipeline, train: LabelledImages, dtype: npt.DTypeLike | None
) -> npt.NDArray[Any]:
    """Fit the steps before the classifier and return their features, in their own type for None.

    Pixels that are mapped from a file leave the memory again, block by block.
    """
    steps.fit(train.pixels)
    blocks = (
        steps.transform(train.pixels[start : start + _BLOCK_IMAGES])
        for start in range(0, len(train), _BLOCK_IMAGES)
    )
    first = next(blocks)
    features = np.empty((len(train), first.shape[1]), dtype=dtype or first.dtype)
    for number, block in enumerate(chain([first], blocks)):
        start = number * _BLOCK_IMAGES
        features[start : start + len(block)] = block
        images.release(train.pixels)
    return features


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


def _build_final_step(hyperparameters: Hyperparameters) -> CalibratedClassifier:
    return CalibratedClassifier(_build_classifier(hyperparameters), ClassSubspaces())


def _build_classifier(hyperparameters: Hyperparameters) -> BaseEstimator:
    arguments = hyperparameters.model_dump(exclude=NOT_FOR_ESTIMATOR)
    # A stage builds one kind of classifier; importing the others would cost it a second.
    match hyperparameters:
        case SupportVectorClassifier():
            from handwriting.models.svm.svc import SVC

            return SVC(**arguments, decision_function_shape="ovo")
        case RandomForest():
            from sklearn.ensemble import RandomForestClassifier

            return RandomForestClassifier(**arguments)
        case DecisionTree():
            from sklearn.tree import DecisionTreeClassifier

            return DecisionTreeClassifier(**arguments)
        case NystroemApproximation():
            from handwriting.models.nystroem import NystroemClassifier

            return NystroemClassifier(**arguments)
