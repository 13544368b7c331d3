"""The typed model of ``params.yaml``: every key, its type, its range and its allowed values."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from handwriting.errors import InputError

# A name becomes part of a stage's name, a file's name and a column of a chart.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Location = Annotated[str, Field(min_length=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
PositiveInt = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Folds = Annotated[int, Field(ge=2, le=20)]
# Plain text for one field of a table.
Words = Annotated[str, Field(pattern=r"^[ -~]+$")]
# A whole number counts rows; a number between 0 and 1 is a share of them.
CountOrFraction = PositiveInt | Fraction


class _Section(BaseModel):
    """A mapping of ``params.yaml``: no other keys, no conversion of types, no change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_keys(cls, content: Any) -> Any:
        """Name the keys that are allowed, which `extra="forbid"` alone does not."""
        if isinstance(content, Mapping):
            for key in content:
                if key not in cls.model_fields:
                    allowed = ", ".join(cls.model_fields)
                    raise PydanticCustomError(
                        "unknown_key", "unknown key", {"key": str(key), "allowed": allowed}
                    )
        return content


# --- sources -------------------------------------------------------------------------------------


class BundledDigits(_Section):
    """The 1,797 images of 8×8 pixels that come with scikit-learn."""

    kind: Literal["sklearn"]


class Mnist(_Section):
    """MNIST's four IDX files and, unless `writers` is empty, QMNIST's two label files.

    Attributes
    ----------
    mirrors, writers
        Folders or ``https://`` addresses that hold the files, in the order in which to try them.
    timeout
        Seconds without an answer after which a mirror is passed over.
    """

    kind: Literal["mnist"]
    mirrors: Annotated[list[Location], Field(min_length=1)]
    writers: list[Location]
    timeout: Annotated[float, Field(gt=0)]


class CsvFile(_Section):
    """A table in Kaggle's Digit Recognizer form, with or without its header.

    Attributes
    ----------
    location
        Path or ``https://`` address.
    sha256
        Of the table's bytes; checked where it is given, and a new value fetches again.
    timeout
        Seconds without an answer after which an address is given up.
    """

    kind: Literal["csv"]
    location: Location
    sha256: Sha256 | None = None
    timeout: Annotated[float, Field(gt=0)] = 30.0


Source = Annotated[BundledDigits | Mnist | CsvFile, Field(discriminator="kind")]


# --- datasets ------------------------------------------------------------------------------------


class Image(_Section):
    """What every image of a dataset must look like; pixels go from 0 to `pixel_max`."""

    height: PositiveInt
    width: PositiveInt
    pixel_max: Annotated[int, Field(ge=1, le=255)]

    @property
    def pixels(self) -> int:
        """Number of pixels in one image."""
        return self.height * self.width


class OrderedSplit(_Section):
    """The first `train` rows (a count, or a fraction rounded down) train; the rest test."""

    method: Literal["ordered"]
    train: CountOrFraction


class RandomSplit(_Section):
    """`test` rows (a count or a fraction) drawn with every digit in proportion."""

    method: Literal["random"]
    test: CountOrFraction
    seed: Seed


class GroupedSplit(_Section):
    """`test` of the writers (a count or a fraction), drawn whole: no writer on both sides."""

    method: Literal["grouped"]
    test: CountOrFraction
    seed: Seed


Split = Annotated[OrderedSplit | RandomSplit | GroupedSplit, Field(discriminator="method")]


class Dataset(_Section):
    """One collection of digits: where it comes from, what it looks like, how it is split."""

    source: Source
    image: Image
    split: Split


# --- models --------------------------------------------------------------------------------------

Features = Literal["raw", "unit", "binary"]


class _Model(_Section):
    """What every model has: the features it is given."""

    features: Features


class SupportVectorClassifier(_Model):
    """Hyperparameters of the support vector classifier, under scikit-learn's names."""

    C: Annotated[float, Field(gt=0)]
    kernel: Literal["linear", "poly", "rbf", "sigmoid"] = "rbf"
    gamma: Annotated[float, Field(gt=0)] | Literal["scale", "auto"] = "scale"
    degree: Annotated[int, Field(ge=1, le=10)] = 3
    coef0: float = 0.0
    class_weight: Literal["balanced"] | None = None
    tol: Annotated[float, Field(gt=0)] = 1e-3


class DecisionTree(_Model):
    """Hyperparameters of the decision tree, under scikit-learn's names."""

    criterion: Literal["gini", "entropy", "log_loss"] = "gini"
    max_depth: PositiveInt | None = None
    min_samples_leaf: PositiveInt = 1
    min_samples_split: Annotated[int, Field(ge=2)] = 2
    max_features: Literal["sqrt", "log2"] | Fraction | None = None
    ccp_alpha: Annotated[float, Field(ge=0)] = 0.0


class RandomForest(DecisionTree):
    """Hyperparameters of the random forest, under scikit-learn's names."""

    n_estimators: PositiveInt
    max_features: Literal["sqrt", "log2"] | Fraction | None = "sqrt"
    bootstrap: bool = True


Hyperparameters = SupportVectorClassifier | DecisionTree | RandomForest


class _PerDataset(BaseModel):
    """A model of one kind: beside `kind`, each key is a dataset and holds what is used there."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)

    @property
    def datasets(self) -> dict[str, Hyperparameters]:
        """What this model uses on each dataset, by the dataset's name."""
        return self.__pydantic_extra__ or {}


class SupportVectorClassifiers(_PerDataset):
    """A support vector classifier for each dataset."""

    kind: Literal["svc"]
    __pydantic_extra__: dict[Name, SupportVectorClassifier]


class DecisionTrees(_PerDataset):
    """A decision tree for each dataset."""

    kind: Literal["tree"]
    __pydantic_extra__: dict[Name, DecisionTree]


class RandomForests(_PerDataset):
    """A random forest for each dataset."""

    kind: Literal["forest"]
    __pydantic_extra__: dict[Name, RandomForest]


Model = Annotated[
    SupportVectorClassifiers | DecisionTrees | RandomForests, Field(discriminator="kind")
]


_HYPERPARAMETERS: dict[str, type[Hyperparameters]] = {
    "svc": SupportVectorClassifier,
    "tree": DecisionTree,
    "forest": RandomForest,
}


# --- tuning and learning curves ------------------------------------------------------------------

# The values to try for each hyperparameter; two at least, which are the sides of the heat map.
# Which names and values a grid may hold, the model's own hyperparameters say.
Grid = Annotated[dict[str, Annotated[list[Any], Field(min_length=1)]], Field(min_length=2)]


class Tune(_Section):
    """The search for hyperparameters by cross-validation inside the training images.

    Attributes
    ----------
    folds
        For each dataset, into how many parts its images are divided; writers stay whole where
        they are known.
    rows
        For each dataset, how many of the first training images are used, at most.
    grids
        For each model and dataset, the values to try; what a grid does not name keeps
        scikit-learn's default.
    """

    folds: dict[Name, Folds]
    rows: dict[Name, PositiveInt]
    grids: dict[Name, dict[Name, Grid]]


class Curve(_Section):
    """Accuracy against the number of images to learn from, by cross-validation.

    Attributes
    ----------
    folds
        As in `Tune`.
    rows
        For each dataset, how many of the first training images are used, at most.
    sizes
        For each dataset, how many images to learn from, rising; those that the folds of the
        training images cannot fill are left out.
    """

    folds: dict[Name, Folds]
    rows: dict[Name, PositiveInt]
    sizes: dict[Name, Annotated[list[PositiveInt], Field(min_length=1)]]


# --- published claims ----------------------------------------------------------------------------

# The first row and the last, both included, counted from 0.
RowRange = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)]


class RowsSplit(_Section):
    """Train on one range of rows and test on another."""

    method: Literal["rows"]
    train: RowRange
    test: RowRange


class ShuffledSplit(_Section):
    """scikit-learn's `train_test_split` with `train` or `test`, a count or a fraction."""

    method: Literal["shuffled"]
    train: CountOrFraction | None = None
    test: CountOrFraction | None = None
    seed: Seed

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.train is None) == (self.test is None):
            raise PydanticCustomError("one_of_two", "Input should name one of train and test")
        return self


class FoldsSplit(_Section):
    """Cross-validation over all rows, in their order or, given a `seed`, shuffled."""

    method: Literal["folds"]
    folds: Folds
    seed: Seed | None = None


class ClaimedSvc(SupportVectorClassifier):
    """A support vector classifier with the parameters that were published."""

    kind: Literal["svc"]
    features: Literal["raw", "binary"]


class ClaimedTree(DecisionTree):
    """A decision tree with the parameters that were published."""

    kind: Literal["tree"]
    features: Literal["raw", "binary"]


class ClaimedForest(RandomForest):
    """A random forest with the parameters that were published."""

    kind: Literal["forest"]
    features: Literal["raw", "binary"]


class Claim(_Section):
    """A published result and how it was got.

    Attributes
    ----------
    name
        Its row in the table.
    dataset
        A key of `datasets`.
    rows
        How many rows of the dataset's table were used, from the first; None for all.
    split
        Which of them trained and which tested.
    model
        Kind, features and hyperparameters; what is not named has scikit-learn's default.
    seeds
        How many seeds to replay with, 0, 1, …; trees and forests depend on them.
    said
        What was claimed, in a few words.
    where
        Who claimed it, in a few words.
    accuracy
        The accuracy that was claimed; None where no number was given.
    below
        What the accuracy was said to be below, where only that was said.
    predictions
        The digits that were predicted, where they were printed.
    """

    name: Name
    dataset: Name
    rows: PositiveInt | None = None
    split: Annotated[RowsSplit | ShuffledSplit | FoldsSplit, Field(discriminator="method")]
    model: Annotated[ClaimedSvc | ClaimedTree | ClaimedForest, Field(discriminator="kind")]
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1
    said: Words
    where: Words
    accuracy: Annotated[float, Field(ge=0, le=1)] | None = None
    below: Fraction | None = None
    predictions: list[Annotated[int, Field(ge=0, le=9)]] | None = None


class Verdict(_Section):
    """The test of the statement that digits are predicted right so often.

    Attributes
    ----------
    accuracy
        What is stated.
    power
        Probability with which a test set should tell a model's accuracy from `accuracy`.
    resamples
        How many times the writers are drawn anew for the interval over writers.
    """

    accuracy: Fraction
    power: Annotated[float, Field(ge=0.5, lt=1)]
    resamples: Annotated[int, Field(ge=100, le=100_000)]


# --- the whole file ------------------------------------------------------------------------------


class Describe(_Section):
    """The sample sheet: how many images of each digit."""

    samples_per_digit: Annotated[int, Field(ge=1, le=20)]


class Evaluate(_Section):
    """How results are stated and drawn.

    Attributes
    ----------
    confidence
        Of every interval.
    predictions, mistakes
        How many images the two grids show at most.
    """

    confidence: Annotated[float, Field(ge=0.5, lt=1)]
    predictions: Annotated[int, Field(ge=1, le=100)]
    mistakes: Annotated[int, Field(ge=1, le=100)]


class Explain(_Section):
    """The picture of what a support vector classifier leans on: how many images of each digit."""

    images_per_digit: Annotated[int, Field(ge=1, le=20)]


class Params(_Section):
    """The whole of ``params.yaml``."""

    seed: Seed
    datasets: Annotated[dict[Name, Dataset], Field(min_length=1)]
    models: Annotated[dict[Name, Model], Field(min_length=1)]
    describe: Describe
    evaluate: Evaluate
    explain: Explain
    tune: Tune
    curve: Curve
    verdict: Verdict
    claims: list[Claim]

    def dataset(self, name: str) -> Dataset:
        """Return a dataset's section; `InputError` when there is none of that name."""
        if name not in self.datasets:
            raise InputError(f"dataset {name!r} is unknown; allowed: {', '.join(self.datasets)}")
        return self.datasets[name]

    def hyperparameters(self, model: str, dataset: str) -> Hyperparameters:
        """Return what a model uses on a dataset; `InputError` when there is none of that name."""
        self.dataset(dataset)
        if model not in self.models:
            raise InputError(f"model {model!r} is unknown; allowed: {', '.join(self.models)}")
        return self.models[model].datasets[dataset]

    def grid(self, model: str, dataset: str) -> tuple[Hyperparameters, dict[str, list[Any]]]:
        """Return a first candidate and the values to try in it; `InputError` as above."""
        self.dataset(dataset)
        if model not in self.models:
            raise InputError(f"model {model!r} is unknown; allowed: {', '.join(self.models)}")
        grid = self.tune.grids[model][dataset]
        values = {name: grid[name] for name in grid}
        first = {name: tried[0] for name, tried in values.items()}
        features = self.models[model].datasets[dataset].features
        kind = _HYPERPARAMETERS[self.models[model].kind]
        return kind(features=features, **first), values


def parse(content: Any, file: str) -> Params:
    """Check the content of a params file and give it types.

    Parameters
    ----------
    content
        What a YAML reader made of the file.
    file
        The file's name, for the message.

    Raises
    ------
    InputError
        One line for each fault: the key's whole path, the value and what is allowed.
    """
    try:
        params = Params.model_validate(content)
    except ValidationError as error:
        raise InputError("\n".join(_faults(error, content, file))) from None
    faults = [f"{file}: {fault}" for fault in _mismatches(params)]
    if faults:
        raise InputError("\n".join(faults))
    return params


def _mismatches(params: Params) -> Iterator[str]:
    """Say where the sections do not fit each other."""
    yield from _models_without_datasets(params)
    yield from _faulty_tuning(params)
    yield from _faulty_curves(params)
    yield from _faulty_claims(params)


def _models_without_datasets(params: Params) -> Iterator[str]:
    allowed = ", ".join(params.datasets)
    for name, model in params.models.items():
        for dataset in model.datasets:
            if dataset not in params.datasets:
                yield f"models.{name}.{dataset}: unknown key; allowed: kind, {allowed}"
        for dataset in params.datasets:
            if dataset not in model.datasets:
                yield (
                    f"models.{name}.{dataset}: missing; every model needs an entry for each "
                    f"dataset ({allowed})"
                )


def _keys(path: str, found: Iterable[str], wanted: Iterable[str], what: str) -> Iterator[str]:
    """Say which keys of a section are unknown and which are missing."""
    wanted = list(wanted)
    for key in found:
        if key not in wanted:
            yield f"{path}.{key}: unknown key; allowed: {', '.join(wanted)}"
    for key in wanted:
        if key not in found:
            yield f"{path}.{key}: missing; must have an entry for each {what}"


def _faulty_tuning(params: Params) -> Iterator[str]:
    tune = params.tune
    yield from _keys("tune.folds", tune.folds, params.datasets, "dataset")
    yield from _keys("tune.rows", tune.rows, params.datasets, "dataset")
    yield from _keys("tune.grids", tune.grids, params.models, "model")
    for model, grids in tune.grids.items():
        yield from _keys(f"tune.grids.{model}", grids, params.datasets, "dataset")
        for dataset, grid in grids.items():
            if model in params.models and dataset in params.datasets:
                kind = _HYPERPARAMETERS[params.models[model].kind]
                yield from _faulty_grid(f"tune.grids.{model}.{dataset}", grid, kind)


def _faulty_grid(path: str, grid: Grid, kind: type[Hyperparameters]) -> Iterator[str]:
    """Hold a grid against the hyperparameters that a kind of model has."""
    fields = {name: field for name, field in kind.model_fields.items() if name != "features"}
    for name, values in grid.items():
        if name not in fields:
            yield f"{path}.{name}: unknown key; allowed: {', '.join(fields)}"
            continue
        for position, value in enumerate(values):
            found = [_wording(detail) for detail in _errors_of(kind, name, value)]
            if found:
                bounds = ", or ".join(dict.fromkeys(wanted for _, wanted in found))
                yield f"{path}.{name}[{position}]: {found[0][0]}{bounds}"
    for name, field in fields.items():
        if field.is_required() and name not in grid:
            yield f"{path}.{name}: missing; a {kind.__name__} has no default for it"


def _errors_of(kind: type[Hyperparameters], name: str, value: Any) -> list[ErrorDetails]:
    """Ask a kind of model what is wrong with one value, whatever else it has not been given."""
    try:
        kind.model_validate({name: value})
    except ValidationError as error:
        return [detail for detail in error.errors(include_url=False) if detail["loc"][0] == name]
    return []


def _faulty_curves(params: Params) -> Iterator[str]:
    curve = params.curve
    yield from _keys("curve.folds", curve.folds, params.datasets, "dataset")
    yield from _keys("curve.rows", curve.rows, params.datasets, "dataset")
    yield from _keys("curve.sizes", curve.sizes, params.datasets, "dataset")
    for dataset, sizes in curve.sizes.items():
        if sizes != sorted(set(sizes)):
            yield f"curve.sizes.{dataset}: {sizes}; must rise from each number to the next"


def _faulty_claims(params: Params) -> Iterator[str]:
    names: set[str] = set()
    for position, claim in enumerate(params.claims):
        path = f"claims[{position}]"
        if claim.name in names:
            yield f"{path}.name: {claim.name!r}; must differ from the names of the other claims"
        names.add(claim.name)
        if claim.dataset not in params.datasets:
            yield f"{path}.dataset: {claim.dataset!r}; allowed: {', '.join(params.datasets)}"
        if claim.accuracy is not None and claim.below is not None:
            yield f"{path}.below: {claim.below}; must not stand beside accuracy"
        if isinstance(claim.split, RowsSplit):
            for part, (first, last) in (("train", claim.split.train), ("test", claim.split.test)):
                if first > last:
                    yield f"{path}.split.{part}: [{first}, {last}]; must rise, first row and last"


def _faults(error: ValidationError, content: Any, file: str) -> list[str]:
    """Turn pydantic's findings into one line for each key at fault."""
    faults: dict[str, tuple[str, list[str]]] = {}
    for detail in error.errors(include_url=False):
        path = _path(detail, content)
        value, allowed = _wording(detail)
        # A value that fits none of several types is one fault, not one for each type.
        faults.setdefault(path, (value, []))[1].append(allowed)
    return [
        f"{file}: {path or 'the whole file'}: {value}{', or '.join(dict.fromkeys(allowed))}"
        for path, (value, allowed) in faults.items()
    ]


def _path(detail: ErrorDetails, content: Any) -> str:
    """Find the key's path in the file, without the union tags that pydantic puts into it."""
    keys: list[str] = []
    here = content
    for part in detail["loc"]:
        if isinstance(here, Mapping) and part in here:
            keys.append(f".{part}")
            here = here[part]
        elif isinstance(here, list) and isinstance(part, int):
            keys.append(f"[{part}]")
            here = here[part]
    match detail["type"]:
        case "missing":
            keys.append(f".{detail['loc'][-1]}")
        case "unknown_key":
            keys.append(f".{detail['ctx']['key']}")
        case "union_tag_invalid" | "union_tag_not_found":
            keys.append("." + detail["ctx"]["discriminator"].strip("'"))
    return "".join(keys).removeprefix(".")


def _wording(detail: ErrorDetails) -> tuple[str, str]:
    """Say the value at fault and what is allowed in its place."""
    match detail["type"]:
        case "missing" | "union_tag_not_found":
            return "", "missing"
        case "unknown_key":
            return "unknown key; ", f"allowed: {detail['ctx']['allowed']}"
        case "union_tag_invalid":
            return f"{detail['ctx']['tag']!r}; ", f"allowed: {detail['ctx']['expected_tags']}"
    match detail["type"]:
        case "dict_type" | "model_type" | "model_attributes_type":
            allowed = "be a mapping of keys to values"
        case "list_type":
            allowed = "be a list"
        case "too_short":
            least = detail["ctx"]["min_length"]
            allowed = "not be empty" if least == 1 else f"have at least {least} entries"
        case _:
            allowed = re.sub(r"^\w+ should ", "", detail["msg"])
    value = repr(detail["input"])
    return f"{value if len(value) <= 60 else value[:57] + '...'}; ", f"must {allowed}"
