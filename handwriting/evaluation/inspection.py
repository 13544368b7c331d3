"""What a model is, and which parts of the image or which training images it relies on."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from handwriting.models.features.blocks import Blockwise
from handwriting.models.features.gradients import OrientedGradients
from handwriting.models.features.pixels import UnitPixels

Float64Array = npt.NDArray[np.float64]


def hyperparameters(model: Pipeline) -> dict[str, Any]:
    """Return the hyperparameters of the classifier, and `n_cells` of oriented gradients."""
    found: dict[str, Any] = model[-1].classifier.get_params()
    if _has_cells(model["features"]):
        found["n_cells"] = model["features"].transformer_[-1].n_cells
    return found


def has_support_vectors(model: Pipeline) -> bool:
    """Return whether the classifier has support vectors."""
    return hasattr(model[-1].classifier_, "support_")


def has_importances(model: Pipeline) -> bool:
    """Return whether the classifier has importances and its features are of parts of the image."""
    from sklearn.preprocessing import Binarizer

    features = model["features"]
    of_parts = isinstance(features, str | UnitPixels | Binarizer) or _has_cells(features)
    return of_parts and hasattr(model[-1].classifier_, "feature_importances_")


def importances(model: Pipeline) -> Float64Array:
    """Compute the impurity-based importance of each part of the image.

    Returns
    -------
    ndarray of shape (height * width,) or (n_cells * n_cells,), float64
        Of each pixel, or of all directions of each cell of oriented gradients, for a model that
        `has_importances`. Sum 1.
    """
    found = np.asarray(model[-1].classifier_.feature_importances_, dtype=np.float64)
    if _has_cells(model["features"]):
        gradients = model["features"].transformer_[-1]
        found = found.reshape(gradients.n_orientations, -1).sum(axis=0)
    return found


def _has_cells(features: object) -> bool:
    return isinstance(features, Blockwise) and isinstance(
        features.transformer_[-1], OrientedGradients
    )


def support_weights(
    model: Pipeline,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.uint8], Float64Array]:
    """Return the support vectors of a model, the heaviest first within each digit.

    The weight of a support vector is the sum of its absolute dual coefficients over all pairs of
    classes; each coefficient is at most C times the class weight.

    Returns
    -------
    positions : ndarray of shape (n_SV,), int
        Positions among the training images.
    digits : ndarray of shape (n_SV,), uint8
        Labels, in increasing order.
    weights : ndarray of shape (n_SV,), float64
        Decreasing within each digit; equal weights are ordered by position.
    """
    classifier = model[-1].classifier_
    positions = np.asarray(classifier.support_, dtype=np.intp)
    digits = np.repeat(classifier.classes_, classifier.n_support_).astype(np.uint8)
    weights = np.abs(classifier.dual_coef_).sum(axis=0)
    order = np.lexsort((positions, -weights, digits))
    return positions[order], digits[order], np.asarray(weights[order], dtype=np.float64)
