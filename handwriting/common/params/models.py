"""Kinds of models and their hyperparameters, under scikit-learn's names."""

from typing import Annotated, Literal

from pydantic import Field

from handwriting.common.params.base import Fraction, PositiveInt, Seed, StrictModel

Kind = Literal["svc", "tree", "forest"]
FeatureName = Literal["raw", "unit", "binary"]


class Model(StrictModel):
    """A model of `models`: one kind of classifier under a name of the user's choice."""

    kind: Kind


class SupportVectorClassifier(StrictModel):
    """Hyperparameters of the support vector classifier."""

    kind: Literal["svc"]
    features: FeatureName
    C: Annotated[float, Field(gt=0)]
    kernel: Literal["linear", "poly", "rbf", "sigmoid"] = "rbf"
    gamma: Annotated[float, Field(gt=0)] | Literal["scale", "auto"] = "scale"
    degree: Annotated[int, Field(ge=1, le=10)] = 3
    coef0: float = 0.0
    class_weight: Literal["balanced"] | None = None
    tol: Annotated[float, Field(gt=0)] = 1e-3


class DecisionTree(StrictModel):
    """Hyperparameters of the decision tree; `random_state` is 0 unless it is given."""

    kind: Literal["tree"]
    features: FeatureName
    criterion: Literal["gini", "entropy", "log_loss"] = "gini"
    max_depth: PositiveInt | None = None
    min_samples_leaf: PositiveInt = 1
    min_samples_split: Annotated[int, Field(ge=2)] = 2
    max_features: Literal["sqrt", "log2"] | Fraction | None = None
    ccp_alpha: Annotated[float, Field(ge=0)] = 0.0
    random_state: Seed = 0


class RandomForest(StrictModel):
    """Hyperparameters of the random forest; `random_state` is 0 unless it is given."""

    kind: Literal["forest"]
    features: FeatureName
    n_estimators: PositiveInt
    criterion: Literal["gini", "entropy", "log_loss"] = "gini"
    max_depth: PositiveInt | None = None
    min_samples_leaf: PositiveInt = 1
    min_samples_split: Annotated[int, Field(ge=2)] = 2
    max_features: Literal["sqrt", "log2"] | Fraction | None = "sqrt"
    ccp_alpha: Annotated[float, Field(ge=0)] = 0.0
    bootstrap: bool = True
    random_state: Seed = 0


Hyperparameters = Annotated[
    SupportVectorClassifier | DecisionTree | RandomForest, Field(discriminator="kind")
]

HYPERPARAMETERS_BY_KIND: dict[
    str, type[SupportVectorClassifier] | type[DecisionTree] | type[RandomForest]
] = {
    "svc": SupportVectorClassifier,
    "tree": DecisionTree,
    "forest": RandomForest,
}
# Fields that every kind has and that are no hyperparameters of a scikit-learn estimator.
NOT_FOR_ESTIMATOR = {"kind", "features"}
