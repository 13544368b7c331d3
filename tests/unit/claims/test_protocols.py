"""Protocols of published results: the published numbers are reproduced."""

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import KFold, cross_val_predict, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from handwriting.claims import protocols, published
from handwriting.claims.protocols import ReproducedComparison, Reproduction
from handwriting.claims.published import Claim, Comparison
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from tests.helpers import CLAIMS

RESULTS = published.parse(CLAIMS, "claims.yaml")


def claim(name: str, **changed: Any) -> Claim:
    """Return a published claim with some of its fields replaced."""
    found = next(claim for claim in RESULTS.claims if claim.name == name)
    return found.model_copy(update=changed)


def comparison(name: str, **changed: Any) -> Comparison:
    """Return a published comparison with some of its fields replaced."""
    found = next(entry for entry in RESULTS.comparisons if entry.name == name)
    return found.model_copy(update=changed)


def reproduce(entry: Claim, images: LabelledImages) -> Reproduction:
    return protocols.reproduce([entry], [], images)[0][0]


def compare(entry: Comparison, images: LabelledImages) -> ReproducedComparison:
    return protocols.reproduce([], [entry], images)[1][0]


def test_the_last_six_are_all_correct(digits: LabelledImages) -> None:
    result = reproduce(claim("digits_last_six"), digits)
    assert (result.n_correct, result.n_images) == (6, 6)
    assert (result.accuracy, result.minimum, result.maximum) == (1, 1, 1)


def test_the_eighteen_predictions_are_identical(digits: LabelledImages) -> None:
    one = claim("digits_hundredth")
    result = reproduce(one, digits)
    printed = [2, 8, 2, 6, 6, 7, 1, 9, 8, 5, 2, 8, 6, 6, 6, 6, 1, 0]
    assert result.predicted.tolist() == one.predictions == printed
    assert protocols.count_same_predictions(one, result.predicted) == 18
    assert protocols.count_same_predictions(one, 9 - result.predicted) == 0


def test_without_printed_predictions_there_is_no_number_of_equal_ones() -> None:
    predicted = np.zeros(6, dtype=np.uint8)
    assert protocols.count_same_predictions(claim("digits_last_six"), predicted) is None


def test_a_row_protocol_is_what_scikit_learn_gives_without_this_project(
    digits: LabelledImages,
) -> None:
    X, y = load_digits(return_X_y=True)
    predicted = SVC(C=100, gamma=0.001).fit(X[:898], y[:898]).predict(X[898:])
    result = reproduce(claim("digits_first_half"), digits)
    assert np.array_equal(result.predicted, predicted)
    assert result.accuracy == np.mean(predicted == y[898:])


@pytest.mark.parametrize(
    ("name", "folds"),
    [
        ("digits_folds_in_order", KFold(10)),
        ("digits_folds_shuffled", KFold(10, shuffle=True, random_state=0)),
    ],
)
def test_a_fold_protocol_is_scikit_learns_cross_validation(
    name: str, folds: KFold, digits: LabelledImages
) -> None:
    X, y = load_digits(return_X_y=True)
    correct = cross_val_predict(SVC(C=100, gamma=0.001), X, y, cv=folds) == y
    by_fold = [correct[test].mean() for _, test in folds.split(X)]
    result = reproduce(claim(name), digits)
    assert result.n_images == 1797
    assert result.accuracy == pytest.approx(correct.mean())
    assert (result.minimum, result.maximum) == pytest.approx((min(by_fold), max(by_fold)))


def test_seeds_give_mean_minimum_and_maximum_and_count_an_image_once(
    digits: LabelledImages,
) -> None:
    result = reproduce(claim("digits_tree", n_seeds=5), digits)
    X, y = load_digits(return_X_y=True)
    accuracies = [
        DecisionTreeClassifier(random_state=seed).fit(X[:1600], y[:1600]).score(X[1601:], y[1601:])
        for seed in range(5)
    ]
    assert result.n_images == 196
    assert result.accuracy == pytest.approx(np.mean(accuracies))
    assert (result.minimum, result.maximum) == pytest.approx((min(accuracies), max(accuracies)))
    assert 0.75 < result.minimum < result.accuracy < result.maximum < 0.82
    assert result.n_correct == round(196 * result.accuracy)


def test_a_support_vector_classifier_has_one_seed(digits: LabelledImages) -> None:
    once = reproduce(claim("digits_last_six"), digits)
    result = reproduce(claim("digits_last_six", n_seeds=5), digits)
    assert (result.minimum, result.accuracy) == (once.minimum, once.accuracy)


def test_a_comparison_counts_the_images_that_only_one_model_predicts_correctly(
    digits: LabelledImages,
) -> None:
    """A protocol about MNIST, on the digits: binarised pixels, shuffled, first rows only."""
    result = compare(comparison("mnist_svc_scale_against_knn", n_rows=1000), digits)
    X, y = load_digits(return_X_y=True)
    train, test = train_test_split(np.arange(1000), train_size=0.8, random_state=0)
    first, second = (
        model.fit(X[train] > 0, y[train]).predict(X[test] > 0) == y[test]
        for model in (SVC(C=1, gamma="scale"), KNeighborsClassifier(5))
    )
    assert result.first.n_images == result.second.n_images == 200
    assert (result.first.accuracy, result.second.accuracy) == (first.mean(), second.mean())
    assert result.first_only == np.sum(first & ~second)
    assert result.second_only == np.sum(second & ~first)


def test_a_comparison_averages_over_the_seeds(digits: LabelledImages) -> None:
    result = compare(comparison("digits_gini_against_entropy", n_seeds=4), digits)
    X, y = load_digits(return_X_y=True)
    first, second = (
        [
            DecisionTreeClassifier(criterion=criterion, random_state=seed)
            .fit(X[:1600], y[:1600])
            .predict(X[1601:])
            == y[1601:]
            for seed in range(4)
        ]
        for criterion in ("gini", "entropy")
    )
    only = [np.sum(a & ~b) for a, b in zip(first, second, strict=True)]
    assert result.first_only == round(np.mean(only))
    assert result.first.accuracy == pytest.approx(np.mean(first))
    assert result.second.accuracy == pytest.approx(np.mean(second))


def test_one_seeded_model_is_compared_with_one_that_has_no_seed(digits: LabelledImages) -> None:
    result = compare(comparison("digits_forest_against_svc", n_seeds=2), digits)
    assert result.first.minimum <= result.first.accuracy <= result.first.maximum
    assert result.second.minimum == result.second.accuracy
    assert result.first.n_images == 296


def test_each_entry_has_its_own_result_although_equal_protocols_share_their_fits(
    digits: LabelledImages,
) -> None:
    tree = claim("digits_tree", n_seeds=2)
    entries = [tree, claim("digits_last_six"), claim("digits_tree", n_seeds=1), tree]
    together, compared = protocols.reproduce(
        entries, [comparison("digits_gini_against_entropy", n_seeds=2)], digits
    )
    for entry, found in zip(entries, together, strict=True):
        alone = reproduce(entry, digits)
        assert (found.accuracy, found.minimum) == (alone.accuracy, alone.minimum)
        assert found.predicted.tolist() == alone.predicted.tolist()
    # The tree of the claim is the first model of the comparison, trained on the same rows.
    assert compared[0].first.accuracy == together[0].accuracy


def test_rows_that_the_dataset_lacks_raise_input_error(digits: LabelledImages) -> None:
    few = digits.take(np.arange(100))
    message = r"digits_last_six: split\.train: last row 1790; must be at most 99"
    with pytest.raises(InputError, match=message):
        reproduce(claim("digits_last_six"), few)
    with pytest.raises(InputError, match="digits_last_six: n_rows: 500; must be at most 100"):
        reproduce(claim("digits_last_six", n_rows=500), few)


def test_shuffled_rows_that_the_dataset_lacks_raise_input_error(digits: LabelledImages) -> None:
    split = published.ShuffledSplit(method="shuffled", test=500, seed=0)
    with pytest.raises(InputError, match=r"^digits_last_six: split: test_size=500"):
        reproduce(claim("digits_last_six", split=split), digits.take(np.arange(100)))
