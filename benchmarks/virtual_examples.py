"""Refits a support vector classifier with deformed copies of its support vectors."""

from dataclasses import dataclass

import numpy as np
from sklearn.pipeline import Pipeline

from benchmarks.deformation import deform
from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import ImageFormat


@dataclass(frozen=True)
class VirtualExamples:
    """Deformed copies of the support vectors.

    Attributes
    ----------
    n_copies : int
        Copies of each support vector.
    amplitude, smoothness : float
        As in `deform`, in pixels.
    seed : int
        Random seed.
    """

    n_copies: int
    amplitude: float
    smoothness: float
    seed: int = 0


def refit(
    model: Pipeline, train: LabelledImages, image: ImageFormat, settings: VirtualExamples
) -> Pipeline:
    """Fit the classifier of a fitted model to its support vectors and to deformed copies of them.

    A slightly deformed digit is still the same digit. Only support vectors matter for the decision
    functions, so only they are copied.

    Parameters
    ----------
    model : Pipeline
        A model fitted to `train` whose classifier has support vectors. It is modified in place.
    train : LabelledImages
    image : ImageFormat
    settings : VirtualExamples

    Returns
    -------
    Pipeline
        `model`. The attribute `support_` of its classifier has the index of the training image from
        which each support vector comes.

    References
    ----------
    D. DeCoste and B. Schölkopf, "Training invariant support vector machines", Machine Learning 46,
    2002.
    """
    classifier = model[-1]
    origin = classifier.support_
    images = train.pixels[origin].reshape(-1, image.height, image.width).astype(np.float32)
    random = np.random.default_rng(settings.seed)
    # Compute the features of one copy at a time, so that the memory for deformed images does not
    # depend on the number of copies.
    features = [model[:-1].transform(train.pixels[origin])]
    for _ in range(settings.n_copies):
        copies = deform(images, settings.amplitude, settings.smoothness, random)
        features.append(model[:-1].transform(copies.reshape(len(origin), -1)))
    origin = np.tile(origin, len(features))
    classifier.fit(np.concatenate(features), train.labels[origin])
    classifier.support_ = origin[classifier.support_]
    return model
