"""Default settings of a new dataset, depending on the size and the number of its images.

Small images use the settings tuned on scikit-learn's digits (8×8 pixels), larger ones the settings
tuned on MNIST (28×28 pixels).
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from handwriting.app.inspection.content import Findings
from handwriting.common.errors import InputError

# Images with both sides below this are small: they have too few pixels to normalise them.
SMALL_BELOW = 12
TEST_SHARE = 0.2
FEWEST_PER_DIGIT = 2

_SIZES = (10, 25, 50, 100, 200, 400, 700, 1000, 2000, 4000)
_TUNE_ROWS, _CURVE_ROWS, _CALIBRATED = 3000, 6200, 10_000
# Five folds as for the digits; three if the folds are large and each one takes long.
_FOLDS, _FOLDS_LARGE, _LARGE = 5, 3, 3000

Block = dict[str, Any]


def dataset_block(source: Block, findings: Findings, models: Mapping[str, str]) -> Block:
    """Return all settings of a dataset.

    Parameters
    ----------
    source : dict
        The content of the section `source`.
    findings : Findings
        Results of inspecting the source.
    models : mapping
        Kind of each model by its name in `models` of ``params.yaml``.

    Returns
    -------
    dict
        The block to store under `datasets` in ``params.yaml``.

    Raises
    ------
    InputError
        If there are too few images for a training set and a test set.
    """
    image = findings.image
    n_train, n_groups, split = _split(findings)
    n_folds = min(_FOLDS if n_train < _LARGE else _FOLDS_LARGE, n_groups)
    n_curve = min(n_train, _CURVE_ROWS)
    # Writers have different numbers of images, so a training part may be smaller than this.
    available = n_curve * (n_folds - 1) // n_folds
    sizes = [size for size in _SIZES if size <= available] or [available]
    small = max(image.height, image.width) < SMALL_BELOW
    choose = _small_model if small else _large_model
    return {
        "source": source,
        "image": image.model_dump(),
        "split": split,
        "tune": {"n_folds": n_folds, "n_rows": min(n_train, _TUNE_ROWS)},
        "curve": {"n_folds": n_folds, "n_rows": n_curve, "sizes": sizes},
        "calibrate": {"n_folds": n_folds, "n_images": min(n_train, _CALIBRATED)},
        "models": {name: choose(name, kind, findings)[0] for name, kind in models.items()},
        "grids": {name: choose(name, kind, findings)[1] for name, kind in models.items()},
    }


def _split(findings: Findings) -> tuple[int, int, Block]:
    """Return the number of training images, the maximum number of folds, and the split."""
    present = findings.digits[findings.digits > 0]
    if present.min() < FEWEST_PER_DIGIT:
        digit = int(np.flatnonzero(findings.digits == present.min())[0])
        raise InputError(
            f"the digit {digit} has {present.min()} image; must have at least {FEWEST_PER_DIGIT}, "
            "one for training and one for testing"
        )
    if findings.n_writers > 2:  # two for training, so that folds can divide them, one for testing
        n_test = math.ceil(TEST_SHARE * findings.n_writers)
        n_train_writers = findings.n_writers - n_test
        n_train = findings.n_rows * n_train_writers // findings.n_writers
        return n_train, n_train_writers, {"method": "grouped", "test": TEST_SHARE, "seed": 0}
    # Stratification requires at least one test image and one training image of each digit.
    test: float = TEST_SHARE
    n_test = math.ceil(TEST_SHARE * findings.n_rows)
    if n_test < len(present):
        test = n_test = len(present)
    n_train = findings.n_rows - n_test
    n_groups = findings.n_writers or n_train
    return n_train, n_groups, {"method": "random", "test": test, "seed": 0}


def _small_model(name: str, kind: str, findings: Findings) -> tuple[Block, Block]:
    """Return the hyperparameters and the grid of a model on small images."""
    side = max(findings.image.height, findings.image.width)
    features = {
        # Twice the size of the image and of its margin.
        "deskew": {"size": 2 * (side + 2), "margin": 1, "slant": 0.5, "scaling": 0},
        "gradients": {"n_cells": 6, "step": 3, "sigma": 2},
    }
    return _model(name, kind, findings, features, max_features=0.005, tried=(0.0025, 0.005, 0.02))


def _large_model(name: str, kind: str, findings: Findings) -> tuple[Block, Block]:
    """Return the hyperparameters and the grid of a model on larger images."""
    features = {
        "deskew": {"size": 28, "slant": 1, "scaling": 0.5},
        "gradients": {"n_orientations": 12, "n_cells": 8, "step": 3, "sigma": 2},
    }
    return _model(name, kind, findings, features, max_features=0.01, tried=(0.001, 0.003, 0.01))


def _model(
    name: str,
    kind: str,
    findings: Findings,
    features: Block,
    max_features: float,
    tried: tuple[float, ...],
) -> tuple[Block, Block]:
    """Return the hyperparameters and the grid of a model.

    A forest uses `max_features`; its grid has the values `tried`.
    """
    match kind:
        case "tree":
            return (
                {"features": "raw", "criterion": "gini", "random_state": 0},
                {"max_depth": [4, 8, 16, 32], "min_samples_leaf": [1, 4, 16]},
            )
        case "forest":
            gradients = {**features["gradients"], "n_levels": 64}
            return (
                {
                    "features": {**features, "gradients": gradients},
                    "n_estimators": 150,
                    "max_features": max_features,
                },
                {
                    "max_features": list(tried),
                    "min_samples_leaf": [1, 4],
                    "n_estimators": [150],
                },
            )
        case "nystroem":
            # The best values on MNIST; see docs/extending.md.
            return (
                {
                    "features": features,
                    "n_components": 1000,
                    "gamma": 0.05,
                    "alpha": 0.01,
                },
                {"gamma": [0.01, 0.05, 0.2], "alpha": [0.001, 0.1], "n_components": [500]},
            )
    if name == "svc_raw":
        # For pixels from 0 to 1. Squared distances increase with the number of pixels, so gamma
        # decreases: 0.25 for 8×8 and 0.02 for 28×28 pixels, the best values for these sizes.
        gamma = 16 / findings.image.n_pixels
        factors = (0.01, 0.25, 0.5, 1, 2, 10)
        return (
            {"features": "unit", "C": 5, "gamma": _round(gamma)},
            {"C": [0.01, 0.5, 5, 50], "gamma": [_round(factor * gamma) for factor in factors]},
        )
    return (
        {"features": features, "C": 10, "gamma": 0.1},
        {"C": [0.001, 1, 10, 100], "gamma": [1e-6, 0.01, 0.1, 1, 10]},
    )


def _round(value: float) -> float:
    """Round to two significant digits."""
    return float(f"{value:.2g}")
