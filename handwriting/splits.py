"""Train/test splits: in the order of the table, at random, or by writer."""

import numpy as np
import numpy.typing as npt

from handwriting.errors import InputError
from handwriting.images import Digits
from handwriting.params import GroupedSplit, OrderedSplit, RandomSplit

Index = npt.NDArray[np.intp]


def split(digits: Digits, method: OrderedSplit | RandomSplit | GroupedSplit) -> tuple[Index, Index]:
    """Return the positions of the training and of the test images, each in the table's order.

    Raises
    ------
    InputError
        When the images cannot be split like this.
    """
    match method:
        case OrderedSplit():
            train, test = _ordered(digits, method)
        case RandomSplit():
            train, test = _random(digits, method)
        case GroupedSplit():
            train, test = _grouped(digits, method)
    return np.sort(train), np.sort(test)


def _ordered(digits: Digits, method: OrderedSplit) -> tuple[Index, Index]:
    n = len(digits)
    first = method.train if isinstance(method.train, int) else int(method.train * n)
    if not 0 < first < n:
        raise InputError(f"split.train: {method.train} of {n} images; must leave both parts some")
    return np.arange(first), np.arange(first, n)


def _random(digits: Digits, method: RandomSplit) -> tuple[Index, Index]:
    from sklearn.model_selection import train_test_split

    try:
        train, test = train_test_split(
            np.arange(len(digits)),
            test_size=method.test,
            random_state=method.seed,
            stratify=digits.labels,
        )
    except ValueError as error:
        raise InputError(f"split.test: {method.test} of {len(digits)} images: {error}") from None
    return train, test


def _grouped(digits: Digits, method: GroupedSplit) -> tuple[Index, Index]:
    from sklearn.model_selection import GroupShuffleSplit

    if digits.writers is None:
        raise InputError(
            "split.method: 'grouped'; this dataset does not name its writers: "
            "must be 'ordered' or 'random'"
        )
    splitter = GroupShuffleSplit(1, test_size=method.test, random_state=method.seed)
    try:
        train, test = next(splitter.split(digits.pixels, groups=digits.writers))
    except ValueError as error:
        writers = len(np.unique(digits.writers))
        raise InputError(f"split.test: {method.test} of {writers} writers: {error}") from None
    return train, test
