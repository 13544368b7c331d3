"""A dataset in ``params.yaml``: source, image format, split, models and their studies."""

from typing import Annotated, Any, Literal

from pydantic import Field

from handwriting.common.params.base import (
    CountOrFraction,
    FoldCount,
    Name,
    PositiveInt,
    Seed,
    StrictModel,
)
from handwriting.common.params.models import Hyperparameters

Location = Annotated[str, Field(min_length=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class BundledDigits(StrictModel):
    """The 1,797 images of 8×8 pixels that come with scikit-learn."""

    kind: Literal["sklearn"]


class Mnist(StrictModel):
    """MNIST's four IDX files and, unless `writers` is empty, QMNIST's two label files.

    Attributes
    ----------
    mirrors, writers : list of str
        Folders or ``https://`` URLs that hold the files, in the order in which they are tried.
    timeout : float
        Seconds without a response before the next mirror is tried.
    """

    kind: Literal["mnist"]
    mirrors: Annotated[list[Location], Field(min_length=1)]
    writers: list[Location]
    timeout: Annotated[float, Field(gt=0)]


class CsvFile(StrictModel):
    """A table in the format of Kaggle's Digit Recognizer, with or without its header.

    Attributes
    ----------
    location : str
        Path or ``https://`` URL.
    sha256 : str or None
        SHA-256 of the file. It is checked if it is given; a new value fetches the file again.
    timeout : float
        Seconds without a response before a download fails.
    """

    kind: Literal["csv"]
    location: Location
    sha256: Sha256 | None = None
    timeout: Annotated[float, Field(gt=0)] = 30.0


Source = Annotated[BundledDigits | Mnist | CsvFile, Field(discriminator="kind")]


class ImageFormat(StrictModel):
    """The size of a dataset's images and the range of their pixels, 0 to `pixel_max`."""

    height: PositiveInt
    width: PositiveInt
    pixel_max: Annotated[int, Field(ge=1, le=255)]

    @property
    def n_pixels(self) -> int:
        """Number of pixels per image."""
        return self.height * self.width


class OrderedSplit(StrictModel):
    """The first `train` rows are the training set, the rest is the test set."""

    method: Literal["ordered"]
    train: CountOrFraction


class RandomSplit(StrictModel):
    """`test` rows, drawn at random and stratified by digit, are the test set."""

    method: Literal["random"]
    test: CountOrFraction
    seed: Seed


class GroupedSplit(StrictModel):
    """All rows of `test` randomly drawn writers are the test set; no writer is in both sets."""

    method: Literal["grouped"]
    test: CountOrFraction
    seed: Seed


Split = Annotated[OrderedSplit | RandomSplit | GroupedSplit, Field(discriminator="method")]


class Tuning(StrictModel):
    """How hyperparameters are searched.

    Attributes
    ----------
    n_folds : int
        Number of cross-validation folds. Writers are not divided where they are known.
    n_rows : int
        Number of training images used, from the first, at most.
    """

    n_folds: FoldCount
    n_rows: PositiveInt


class Calibration(StrictModel):
    """How probabilities are calibrated.

    Attributes
    ----------
    n_folds : int
        Number of folds of all training images. Writers are not divided where they are known.
    n_images : int
        Number of images to calibrate on: folds are validated, each by a further fit of the model,
        until there are so many.
    """

    n_folds: FoldCount
    n_images: PositiveInt


class LearningCurve(StrictModel):
    """How learning curves are computed.

    Attributes
    ----------
    n_folds, n_rows : int
        As in `Tuning`.
    sizes : list of int
        Numbers of training images, strictly increasing. Sizes above what the folds leave for
        training are skipped.
    """

    n_folds: FoldCount
    n_rows: PositiveInt
    sizes: Annotated[list[PositiveInt], Field(min_length=1)]


# The values to try for each hyperparameter; the first two names are the axes of the heat map. The
# kind of the model defines which names and values are allowed.
Grid = Annotated[dict[str, Annotated[list[Any], Field(min_length=1)]], Field(min_length=1)]


class Dataset(StrictModel):
    """One collection of digits and what is done with it.

    Attributes
    ----------
    source : Source
        Where the images come from.
    image : ImageFormat
        Size and pixel range that every image must have.
    split : Split
        How the images are divided into training and test images.
    tune : Tuning
    curve : LearningCurve
    calibrate : Calibration
    models : dict
        Features and hyperparameters of each model on this dataset, by the model's name.
    grids : dict
        Hyperparameter values to try for each model, by the model's name.
    """

    source: Source
    image: ImageFormat
    split: Split
    tune: Tuning
    curve: LearningCurve
    calibrate: Calibration
    models: dict[Name, Hyperparameters]
    grids: dict[Name, Grid]
