"""From a kind and its hyperparameters to a fitted scikit-learn pipeline.

A model maps raw pixels, shape (n, height · width), to digits; its features are inside it.
"""

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from handwriting.features import UnitPixels
from handwriting.images import Digits
from handwriting.params import (
    DecisionTree,
    Hyperparameters,
    Image,
    RandomForest,
    SupportVectorClassifier,
)


def build(hyperparameters: Hyperparameters, image: Image, seed: int) -> Pipeline:
    """Put the features and the classifier of a model together, not yet fitted.

    Parameters
    ----------
    hyperparameters
        Their type says which kind of classifier it is.
    image
        Gives the range of the pixels.
    seed
        Where trees and forests draw from.
    """
    return Pipeline(
        [
            ("features", _features(hyperparameters, image)),
            ("classifier", _classifier(hyperparameters, seed)),
        ]
    )


def fit(model: Pipeline, train: Digits) -> Pipeline:
    """Fit a model on all cores and return it."""
    classifier = model[-1]
    if hasattr(classifier, "n_jobs"):
        classifier.n_jobs = -1
    model.fit(train.pixels, train.labels)
    if hasattr(classifier, "n_jobs"):
        # Threads would add up the trees' votes in the order in which they finish: sums of
        # fractions differ then in their last bits, from one prediction to the next.
        classifier.n_jobs = None
    return model


def margins(model: Pipeline, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Say how sure a model is: the score of its first choice less that of its second.

    Scores are decision values for a support vector classifier and probabilities for trees.

    Returns
    -------
    ndarray
        float64, shape (n,), at least 0.
    """
    if hasattr(model, "decision_function"):
        scores = model.decision_function(pixels)
    else:
        scores = model.predict_proba(pixels)
    two_best = np.partition(scores, -2, axis=1)[:, -2:]
    return np.asarray(two_best[:, 1] - two_best[:, 0], dtype=np.float64)


def _features(hyperparameters: Hyperparameters, image: Image) -> BaseEstimator | str:
    match hyperparameters.features:
        case "raw":
            return "passthrough"
        case "unit":
            return UnitPixels(pixel_max=image.pixel_max)
        case "binary":
            from sklearn.preprocessing import Binarizer

            return Binarizer(threshold=0)


def _classifier(hyperparameters: Hyperparameters, seed: int) -> BaseEstimator:
    chosen = hyperparameters.model_dump(exclude={"features", "kind"})
    # Each run trains one kind; importing the other two would cost it a second.
    match hyperparameters:
        case SupportVectorClassifier():
            from handwriting.svm import SVC

            return SVC(**chosen)
        case RandomForest():
            from sklearn.ensemble import RandomForestClassifier

            return RandomForestClassifier(**chosen, random_state=seed)
        case DecisionTree():
            from sklearn.tree import DecisionTreeClassifier

            return DecisionTreeClassifier(**chosen, random_state=seed)
