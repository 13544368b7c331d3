"""A dataset in ``params.yaml``: source, image format, split, models and their studies."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from handwriting.common.params import urls
from handwriting.common.params.base import (
    CountOrFraction,
    FoldCount,
    Name,
    PositiveInt,
    Seconds,
    Seed,
    Sha256,
    StrictModel,
)
from handwriting.common.params.models import Hyperparameters


def _check_url(location: str) -> str:
    """Refuse URLs whose content somebody could change in transit."""
    if "://" in location and not urls.is_safe(location):
        raise PydanticCustomError("url", "Input should be a path or an https:// URL")
    return location


Location = Annotated[str, Field(min_length=1), AfterValidator(_check_url)]


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
    timeout: Seconds


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
    timeout: Seconds = 30.0


# Of a table, before it is scaled to 0–`pixel_max`.
PixelValue = Annotated[float, Field(ge=-1e9, le=1e9)]
# What a column of a table contains. `one_hot` is ten columns with a single 1, at the digit.
Role = Literal["label", "one_hot", "writer", "pixels", "ignored"]


class Table(StrictModel):
    """A table in another format, as detected by `handwriting add`.

    Attributes
    ----------
    location : str
        Path of a text file, as it is, compressed by gzip, or alone in a ZIP archive.
    separator : str
        What is between two values; `space` is one or more spaces or tabs.
    header : bool
        Whether the first line has names.
    paper, ink : float
        The pixel values of paper and of ink, which become 0 and `pixel_max`. Values between them
        are scaled and rounded. `ink` may be the smaller one.
    order : str
        `table` keeps the order of the rows. `interleaved` spreads the images of each digit evenly,
        because folds are consecutive rows; for tables that are sorted by digit.
    columns : list of str
        The role of each column from left to right; `pixels` stands for all pixels, `one_hot` for
        ten columns.
    """

    kind: Literal["table"]
    location: Location
    separator: Literal["comma", "semicolon", "tab", "space"]
    header: bool
    paper: PixelValue
    ink: PixelValue
    order: Literal["table", "interleaved"] = "table"
    columns: Annotated[list[Role], Field(min_length=1)]


class ImageFolder(StrictModel):
    """A folder with one subfolder of image files for each digit, named 0 to 9.

    Attributes
    ----------
    location : str
        Path of the folder.
    paper, ink : float
        The grey values (0 is black, 255 is white) of paper and of ink, which become 0 and
        `pixel_max`.
    """

    kind: Literal["images"]
    location: Location
    paper: Annotated[float, Field(ge=0, le=255)]
    ink: Annotated[float, Field(ge=0, le=255)]


Source = Annotated[
    BundledDigits | Mnist | CsvFile | Table | ImageFolder, Field(discriminator="kind")
]


Side = Annotated[int, Field(ge=1, le=1024)]


class ImageFormat(StrictModel):
    """The size of a dataset's images and the range of their pixels, 0 to `pixel_max`."""

    height: Side
    width: Side
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
        until this number is reached.
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


class Submission(StrictModel):
    """A table without labels whose digits a model predicts, in the format of Kaggle.

    Attributes
    ----------
    source : Table
        The table; it has no column with labels.
    dataset, model : str
        Names the model that predicts, and by the dataset the image format.
    """

    source: Table
    dataset: Name
    model: Name
