"""The typed model of ``claims.yaml``: published results and the protocols behind them."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from handwriting.common.errors import InputError
from handwriting.common.params import messages
from handwriting.common.params.base import (
    CountOrFraction,
    FoldCount,
    Fraction,
    Name,
    PositiveInt,
    Seed,
    StrictModel,
)
from handwriting.common.params.models import DecisionTree, RandomForest, SupportVectorClassifier

# Plain text for one field of a table.
Text = Annotated[str, Field(pattern=r"^[ -~]+$")]
# The first and the last row, both included, counted from 0.
RowRange = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)]
SeedCount = Annotated[int, Field(ge=1, le=1000)]


class WriteUp(StrictModel):
    """Where a result was published; `author` and `date` are missing where they are not known."""

    title: Text
    author: Text | None = None
    date: Text | None = None

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.author, self.title, self.date)))


class RowsSplit(StrictModel):
    """Train on one range of rows and test on another."""

    method: Literal["rows"]
    train: RowRange
    test: RowRange


class ShuffledSplit(StrictModel):
    """scikit-learn's `train_test_split` with `train` or `test`, a count or a fraction."""

    method: Literal["shuffled"]
    train: CountOrFraction | None = None
    test: CountOrFraction | None = None
    seed: Seed

    @model_validator(mode="after")
    def _check_one_of_two(self) -> Self:
        if (self.train is None) == (self.test is None):
            raise PydanticCustomError("one_of_two", "Input should have either train or test")
        return self


class FoldsSplit(StrictModel):
    """Cross-validation over all rows, in table order or, if `seed` is given, shuffled."""

    method: Literal["folds"]
    folds: FoldCount
    seed: Seed | None = None


ClaimSplit = Annotated[RowsSplit | ShuffledSplit | FoldsSplit, Field(discriminator="method")]


class NearestNeighbours(StrictModel):
    """Hyperparameters of the k-nearest-neighbours classifier."""

    kind: Literal["knn"]
    features: Literal["raw", "binary"]
    n_neighbors: PositiveInt = 5


ClaimedModel = Annotated[
    SupportVectorClassifier | DecisionTree | RandomForest | NearestNeighbours,
    Field(discriminator="kind"),
]


class _Published(StrictModel):
    """What claims and comparisons have in common.

    Attributes
    ----------
    name : str
        Its row in the table.
    dataset : str
        A key of `datasets` in ``params.yaml``.
    write_up : str
        A key of `write_ups`.
    quote : str
        What is claimed, in a few words.
    n_rows : int or None
        Number of rows of the dataset's table that were used, from the first; None for all.
    split : ClaimSplit
        Which of them were used for training and for testing.
    n_seeds : int
        Number of random seeds, 0, 1, …; trees and forests depend on them.
    """

    name: Name
    dataset: Name
    write_up: Name
    quote: Text
    n_rows: PositiveInt | None = None
    split: ClaimSplit
    n_seeds: SeedCount = 1


class Claim(_Published):
    """A published accuracy.

    Attributes
    ----------
    model : ClaimedModel
        Kind, features and hyperparameters; the others have scikit-learn's defaults.
    claimed_accuracy : float or None
        The claimed accuracy; None if no number was given.
    claimed_below : float or None
        An upper bound of the accuracy, if only that was claimed.
    predictions : list of int or None
        The predicted digits, if they were printed.
    """

    model: ClaimedModel
    claimed_accuracy: Annotated[float, Field(ge=0, le=1)] | None = None
    claimed_below: Fraction | None = None
    predictions: list[Annotated[int, Field(ge=0, le=9)]] | None = None


class Comparison(_Published):
    """A published comparison of two models on the same images.

    Attributes
    ----------
    first, second : ClaimedModel
        The two models, trained and tested on the same rows.
    claimed : {'first better', 'no difference'}
    """

    first: ClaimedModel
    second: ClaimedModel
    claimed: Literal["first better", "no difference"]


class PublishedError(StrictModel):
    """The error of another method on the same test images.

    Attributes
    ----------
    dataset : str
        A key of `datasets` in ``params.yaml``.
    method, source : str
        What was done and where it was published.
    error : float
        Share of test images that were classified wrongly.
    n_images : int
        Number of test images. With another split, the result is about other images.
    """

    dataset: Name
    method: Text
    error: Fraction
    n_images: PositiveInt
    source: Text


class PublishedResults(StrictModel):
    """The whole of ``claims.yaml``."""

    write_ups: dict[Name, WriteUp]
    claims: list[Claim]
    comparisons: list[Comparison]
    errors: list[PublishedError]


def parse(content: Any, file: str) -> PublishedResults:
    """Check the content of a claims file and convert it to its typed model.

    Raises
    ------
    InputError
        One line per fault: the full path of the key, the value and what is allowed.
    """
    published = messages.validate(PublishedResults, content, file)
    faults = [f"{file}: {fault}" for fault in _mismatches(published)]
    if faults:
        raise InputError("\n".join(faults))
    return published


def _mismatches(published: PublishedResults) -> Iterator[str]:
    """Describe where entries contradict each other, one line per fault."""
    names: set[str] = set()
    sections: dict[str, Sequence[Claim | Comparison]] = {
        "claims": published.claims,
        "comparisons": published.comparisons,
    }
    for section, entries in sections.items():
        for position, entry in enumerate(entries):
            path = f"{section}[{position}]"
            if entry.name in names:
                yield f"{path}.name: {entry.name!r}; must differ from all other names"
            names.add(entry.name)
            if entry.write_up not in published.write_ups:
                allowed = ", ".join(published.write_ups)
                yield f"{path}.write_up: {entry.write_up!r}; allowed: {allowed}"
            yield from _check_rows(path, entry.split)
            yield from _check_numbers(path, entry)


def _check_rows(path: str, split: ClaimSplit) -> Iterator[str]:
    if isinstance(split, RowsSplit):
        for part, (first, last) in (("train", split.train), ("test", split.test)):
            if first > last:
                yield f"{path}.split.{part}: [{first}, {last}]; first row must not exceed last row"


def _check_numbers(path: str, entry: Claim | Comparison) -> Iterator[str]:
    if isinstance(entry, Claim) and None not in (entry.claimed_accuracy, entry.claimed_below):
        yield (
            f"{path}.claimed_below: {entry.claimed_below}; cannot be combined with claimed_accuracy"
        )
