"""What a user says about a source of images."""

from dataclasses import dataclass
from typing import Literal

Side = Literal["first", "last"]


@dataclass(frozen=True)
class Options:
    """What a user says about a table, because it cannot be seen in it; None is found out.

    Attributes
    ----------
    height, width : int or None
        Size of the images.
    label : str or None
        Whether the label is the first or the last column.
    paper, ink : float or None
        Pixel values of paper and of ink.
    """

    height: int | None = None
    width: int | None = None
    label: Side | None = None
    paper: float | None = None
    ink: float | None = None
