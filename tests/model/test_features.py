"""What the default features are worth on a dataset for which nobody chose them."""

import numpy as np
import pytest
from scipy import ndimage

from handwriting import model_selection
from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import ImageFormat
from handwriting.common.params.models import (
    DeskewParams,
    Features,
    GradientFeatures,
    GradientParams,
    SupportVectorClassifier,
)
from handwriting.models import pipeline
from handwriting.models.folds import make_folds

IMAGE = ImageFormat(height=16, width=16, pixel_max=16)
DEFAULT = GradientFeatures(deskew=DeskewParams(), gradients=GradientParams())


@pytest.fixture(scope="module")
def enlarged(digits: LabelledImages) -> LabelledImages:
    """The digits at 16×16 pixels, interpolated."""
    pixels = ndimage.zoom(
        digits.pixels.reshape(-1, 8, 8).astype(float),
        (1, 2, 2),
        order=1,
        grid_mode=True,
        mode="nearest",
    )
    whole = np.clip(np.rint(pixels), 0, 16).astype(np.uint8).reshape(len(digits), -1)
    return LabelledImages(whole, digits.labels, digits.rows, None)


def test_mistakes_after_a_short_grid_search(enlarged: LabelledImages) -> None:
    train, test = enlarged.take(np.arange(898)), enlarged.take(np.arange(898, 1797))
    folds = make_folds(train, 5)

    def mistakes(features: Features, gammas: list[float]) -> int:
        def build(C: float, gamma: float):
            hyperparameters = SupportVectorClassifier(
                kind="svc", features=features, C=C, gamma=gamma
            )
            return pipeline.build(hyperparameters, IMAGE)

        grid = {"C": [1, 10, 100], "gamma": gammas}
        candidates = model_selection.grid_search(build(1, gammas[0]), grid, train, folds)
        best = max(candidates, key=lambda candidate: candidate.accuracy)
        model = pipeline.fit(build(**best.values), train, folds[:1])
        return int(np.sum(model.predict(test.pixels) != test.labels))

    raw, default = mistakes("unit", [0.003, 0.01, 0.03, 0.1]), mistakes(DEFAULT, [0.01, 0.1, 1])
    assert 20 <= raw <= 35
    assert default <= 0.6 * raw
