"""Kinds of models and their hyperparameters, under scikit-learn's names."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from handwriting.common.params.base import Fraction, PositiveInt, Seed, StrictModel

Kind = Literal["svc", "tree", "forest", "nystroem"]
PixelFeatures = Literal["raw", "unit", "binary"]
# Far from every useful value, and far enough from overflow.
Positive = Annotated[float, Field(gt=0, le=1e12)]
# Lengths in pixels, of images of at most 256×256 pixels. The square of the smallest one is not 0.
Length = Annotated[float, Field(ge=0.01, le=1000)]


class DeskewParams(StrictModel):
    """Parameters of `handwriting.models.features.deskew.Deskew`."""

    size: Annotated[int, Field(ge=4, le=256)] = 28
    margin: Annotated[float, Field(ge=0, le=1000)] = 0.0
    slant: Annotated[float, Field(ge=0, le=1)] = 1.0
    scaling: Annotated[float, Field(ge=0, le=1)] = 0.5
    spread: Fraction = 0.19


class GradientParams(StrictModel):
    """Parameters of `handwriting.models.features.gradients.OrientedGradients`."""

    n_orientations: Annotated[int, Field(ge=3, le=64)] = 12
    n_cells: Annotated[int, Field(ge=1, le=32)] = 8
    step: Length = 3.0
    sigma: Length = 2.0
    regularization: Positive = 0.15
    n_levels: Annotated[int, Field(ge=2, le=65536)] | None = None


class GradientFeatures(StrictModel):
    """Oriented gradients of deskewed images."""

    deskew: DeskewParams
    gradients: GradientParams


def _form(features: Any) -> str:
    return "name" if isinstance(features, str) else "parameters"


# Without the discriminator, a fault in one form would also be reported as a fault in the other.
Features = Annotated[
    Annotated[PixelFeatures, Tag("name")] | Annotated[GradientFeatures, Tag("parameters")],
    Discriminator(_form),
]


class Model(StrictModel):
    """A model of `models`: one kind of classifier under a name of the user's choice."""

    kind: Kind


class SupportVectorClassifier(StrictModel):
    """Hyperparameters of the support vector classifier."""

    kind: Literal["svc"]
    features: Features
    C: Positive
    kernel: Literal["linear", "poly", "rbf", "sigmoid"] = "rbf"
    gamma: Positive | Literal["scale", "auto"] = "scale"
    degree: Annotated[int, Field(ge=1, le=10)] = 3
    coef0: Annotated[float, Field(ge=-1e9, le=1e9)] = 0.0
    class_weight: Literal["balanced"] | None = None
    tol: Positive = 1e-3
    # In MB. Larger tables need more: a million images with 28×28 pixels 400.
    cache_size: Annotated[float, Field(ge=1, le=1e6)] = 200


class DecisionTree(StrictModel):
    """Hyperparameters of the decision tree; `random_state` is 0 unless it is given."""

    kind: Literal["tree"]
    features: Features
    criterion: Literal["gini", "entropy", "log_loss"] = "gini"
    max_depth: PositiveInt | None = None
    min_samples_leaf: PositiveInt = 1
    min_samples_split: Annotated[int, Field(ge=2, le=10**9)] = 2
    max_features: Literal["sqrt", "log2"] | Fraction | None = None
    ccp_alpha: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    random_state: Seed = 0


class RandomForest(StrictModel):
    """Hyperparameters of the random forest; `random_state` is 0 unless it is given."""

    kind: Literal["forest"]
    features: Features
    n_estimators: Annotated[int, Field(ge=1, le=10_000)]
    criterion: Literal["gini", "entropy", "log_loss"] = "gini"
    max_depth: PositiveInt | None = None
    min_samples_leaf: PositiveInt = 1
    min_samples_split: Annotated[int, Field(ge=2, le=10**9)] = 2
    max_features: Literal["sqrt", "log2"] | Fraction | None = "sqrt"
    ccp_alpha: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    bootstrap: bool = True
    random_state: Seed = 0


class NystroemApproximation(StrictModel):
    """Hyperparameters of a kernel approximation; `random_state` is 0 unless it is given."""

    kind: Literal["nystroem"]
    features: Features
    # The time of a fit grows with the square of this number, and its memory, too.
    n_components: Annotated[int, Field(ge=1, le=10_000)]
    gamma: Positive | None = None
    alpha: Annotated[float, Field(ge=1e-6, le=1e12)] = 1.0
    random_state: Seed = 0


Hyperparameters = Annotated[
    SupportVectorClassifier | DecisionTree | RandomForest | NystroemApproximation,
    Field(discriminator="kind"),
]

HYPERPARAMETERS_BY_KIND: dict[
    str,
    type[SupportVectorClassifier]
    | type[DecisionTree]
    | type[RandomForest]
    | type[NystroemApproximation],
] = {
    "svc": SupportVectorClassifier,
    "tree": DecisionTree,
    "forest": RandomForest,
    "nystroem": NystroemApproximation,
}
# Fields that every kind has and that are no hyperparameters of a scikit-learn estimator.
NOT_FOR_ESTIMATOR = {"kind", "features"}
