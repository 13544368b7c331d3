"""Train/test splits: in table order, at random, or by writer."""

import numpy as np
import numpy.typing as npt

from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import GroupedSplit, OrderedSplit, RandomSplit

Index = npt.NDArray[np.intp]


def split(
    images: LabelledImages, method: OrderedSplit | RandomSplit | GroupedSplit
) -> tuple[Index, Index]:
    """Return the positions of the training images and of the test images, in table order.

    Raises
    ------
    InputError
        If the images cannot be split with this method, or if the training images show fewer than
        two digits.
    """
    match method:
        case OrderedSplit():
            train, test = _ordered(images, method)
        case RandomSplit():
            train, test = _random(images, method)
        case GroupedSplit():
            train, test = _grouped(images, method)
    classes = np.unique(images.labels[train])
    if len(classes) < 2:
        raise InputError(
            f"split: the training images show only the digit {classes[0]}; must show at least two "
            "different digits: choose another method or another size"
        )
    return np.sort(train), np.sort(test)


def _ordered(images: LabelledImages, method: OrderedSplit) -> tuple[Index, Index]:
    n = len(images)
    first = method.train if isinstance(method.train, int) else int(method.train * n)
    if not 0 < first < n:
        raise InputError(f"split.train: {method.train} of {n} images; both parts must be non-empty")
    return np.arange(first), np.arange(first, n)


def _random(images: LabelledImages, method: RandomSplit) -> tuple[Index, Index]:
    from sklearn.model_selection import train_test_split

    try:
        train, test = train_test_split(
            np.arange(len(images)),
            test_size=method.test,
            random_state=method.seed,
            stratify=images.labels,
        )
    except ValueError as error:
        raise InputError(f"split.test: {method.test} of {len(images)} images: {error}") from None
    return train, test


def _grouped(images: LabelledImages, method: GroupedSplit) -> tuple[Index, Index]:
    from sklearn.model_selection import GroupShuffleSplit

    if images.writers is None:
        raise InputError(
            "split.method: 'grouped'; this dataset does not name its writers; "
            "must be 'ordered' or 'random'"
        )
    splitter = GroupShuffleSplit(1, test_size=method.test, random_state=method.seed)
    try:
        train, test = next(splitter.split(images.pixels, groups=images.writers))
    except ValueError as error:
        writers = len(np.unique(images.writers))
        raise InputError(f"split.test: {method.test} of {writers} writers: {error}") from None
    return train, test
