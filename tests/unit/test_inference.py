"""The statistics, held against published values, fractions and simulation."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest

from handwriting.inference import Decision, images_needed, judge, power, writer_interval
from handwriting.scoring import mcnemar, proportion


def binomial_tail(least: int, trials: int, probability: Fraction) -> Fraction:
    """P(X >= least), summed without rounding."""
    return sum(
        (
            comb(trials, k) * probability**k * (1 - probability) ** (trials - k)
            for k in range(least, trials + 1)
        ),
        Fraction(0),
    )


# --- the exact test ------------------------------------------------------------------------------


def test_six_of_six_is_likely_at_95_percent_and_tells_nothing() -> None:
    judgement = judge(6, 6, 0.95, 0.95)
    assert judgement.p_value == pytest.approx(0.95**6)
    assert judgement.decision == Decision.OPEN


@pytest.mark.parametrize(
    ("right", "images", "decision"),
    [
        (58, 58, Decision.OPEN),  # .95^58 = .0510
        (59, 59, Decision.ACCEPTED),  # .95^59 = .0485
        (5, 6, Decision.OPEN),  # P(X <= 5) = 1 - .95^6 = .2649
        (4, 6, Decision.REJECTED),  # P(X <= 4) = .0328
        (95, 100, Decision.OPEN),
    ],
)
def test_decisions_at_95_percent(right: int, images: int, decision: Decision) -> None:
    assert judge(right, images, 0.95, 0.95).decision == decision


@pytest.mark.parametrize(("right", "images"), [(871, 899), (838, 899), (18, 18), (272, 296)])
def test_p_value_is_the_exact_tail_towards_the_result(right: int, images: int) -> None:
    stated = Fraction(95, 100)
    if right > stated * images:
        tail = binomial_tail(right, images, stated)
    else:
        tail = binomial_tail(images - right, images, 1 - stated)
    assert judge(right, images, 0.95, 0.95).p_value == pytest.approx(float(tail), rel=1e-9)


def test_lady_tasting_tea_with_a_coin() -> None:
    """Eight of eight at one half: 1/256 (a binomial version of Fisher's example)."""
    assert judge(8, 8, 0.5, 0.95).p_value == pytest.approx(1 / 256)


@pytest.mark.parametrize("accuracy", [0.90, 0.95, 0.97])
def test_wrong_decisions_are_as_rare_as_promised(accuracy: float) -> None:
    generator = np.random.default_rng(0)
    found = [judge(k, 300, 0.95, 0.95).decision for k in generator.binomial(300, accuracy, 2000)]
    if accuracy <= 0.95:
        assert np.mean([decision == Decision.ACCEPTED for decision in found]) <= 0.055
    if accuracy >= 0.95:
        assert np.mean([decision == Decision.REJECTED for decision in found]) <= 0.055


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (6, 6, 0.025 ** (1 / 6), 1.0),  # all of n: the lower end is (alpha / 2)^(1 / n)
        (0, 10, 0.0, 0.3085),  # tables of Clopper and Pearson
        (5, 10, 0.1871, 0.8129),
    ],
)
def test_clopper_pearson(successes: int, trials: int, low: float, high: float) -> None:
    interval = proportion(successes, trials, 0.95)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


# --- McNemar -------------------------------------------------------------------------------------


def paired(first_only: int, second_only: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    actual = np.zeros(100, dtype=np.int64)
    first, second = actual.copy(), actual.copy()
    second[:first_only] = 1
    first[first_only : first_only + second_only] = 1
    return actual, first, second


@pytest.mark.parametrize(
    ("first_only", "second_only", "p_value"),
    [
        (1, 6, 2 * (1 + 7) / 2**7),
        (0, 5, 2 / 2**5),
        (3, 3, 1.0),
        (0, 0, 1.0),
        (27, 13, 0.0385),  # of 40 discordant images a net difference of 14 is the least below .05
        (26, 14, 0.0807),
    ],
)
def test_mcnemar(first_only: int, second_only: int, p_value: float) -> None:
    result = mcnemar(*paired(first_only, second_only))
    assert (result.first_only, result.second_only) == (first_only, second_only)
    assert result.p_value == pytest.approx(p_value, abs=5e-5)


# --- power ---------------------------------------------------------------------------------------


def exact_power(images: int, accuracy: Fraction, stated: Fraction) -> Fraction:
    if accuracy < stated:
        return exact_power(images, 1 - accuracy, 1 - stated)
    level = Fraction(5, 100)
    fewest = next(
        (k for k in range(images + 1) if binomial_tail(k, images, stated) <= level), images + 1
    )
    return binomial_tail(fewest, images, accuracy)


@pytest.mark.parametrize(("accuracy", "stated"), [(80, 95), (99, 95), (20, 5)])
def test_power_against_fractions(accuracy: int, stated: int) -> None:
    sizes = np.arange(1, 81)
    exact = [
        float(exact_power(int(n), Fraction(accuracy, 100), Fraction(stated, 100))) for n in sizes
    ]
    assert power(sizes, accuracy / 100, stated / 100, 0.95) == pytest.approx(exact, abs=1e-9)


def test_single_stage_design_of_ahern() -> None:
    """A'Hern (Statistics in Medicine 20, 2001): .05 against .20, 5 %, 80 %: 27 patients."""
    assert power(np.array([27]), 0.20, 0.05, 0.95)[0] >= 0.8
    assert power(np.array([26]), 0.20, 0.05, 0.95)[0] < 0.8


@pytest.mark.parametrize(("accuracy", "stated"), [(0.80, 0.95), (0.99, 0.95), (0.97, 0.95)])
def test_images_needed_is_where_the_power_settles(accuracy: float, stated: float) -> None:
    needed = images_needed(accuracy, stated, 0.95, 0.8)
    assert needed is not None
    beyond = power(np.arange(needed, 4 * needed), accuracy, stated, 0.95)
    assert beyond.min() >= 0.8
    assert power(np.array([needed - 1]), accuracy, stated, 0.95)[0] < 0.8


def test_perfect_accuracy_needs_59_images_and_equal_accuracies_no_number() -> None:
    assert images_needed(1.0, 0.95, 0.95, 0.8) == 59
    assert images_needed(0.95, 0.95, 0.95, 0.8) is None
    assert images_needed(0.9501, 0.95, 0.95, 0.8) is None


# --- the bootstrap over writers ------------------------------------------------------------------


def simulated(generator: np.random.Generator, writers: int) -> tuple[np.ndarray, np.ndarray]:
    """Writers with skill of their own, mean .9, and as many images each as it happens."""
    skill = generator.beta(18, 2, writers)
    images = generator.integers(20, 60, writers)
    owner = np.repeat(np.arange(writers, dtype=np.int32), images)
    return generator.random(len(owner)) < skill[owner], owner


def test_interval_over_writers_covers_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    simulations = 1000
    covered = 0
    for _ in range(simulations):
        interval = writer_interval(*simulated(generator, 150), 0.95, 400, 0)
        assert interval is not None
        covered += interval.low <= 0.9 <= interval.high
    assert 0.93 <= covered / simulations <= 0.97


def test_interval_over_writers_is_wider_than_that_over_images_when_hands_differ() -> None:
    right, owner = simulated(np.random.default_rng(1), 150)
    interval = writer_interval(right, owner, 0.95, 2000, 0)
    binomial = proportion(int(right.sum()), len(right), 0.95)
    assert interval is not None
    assert interval.value == binomial.value
    assert interval.high - interval.low > 1.5 * (binomial.high - binomial.low)


def test_interval_over_writers_depends_on_the_seed_alone() -> None:
    right, owner = simulated(np.random.default_rng(2), 50)
    shuffled = np.random.default_rng(3).permutation(len(right))
    once = writer_interval(right, owner, 0.95, 200, 7)
    assert once == writer_interval(right, owner, 0.95, 200, 7)
    assert once == writer_interval(right[shuffled], owner[shuffled], 0.95, 200, 7)
    assert once != writer_interval(right, owner, 0.95, 200, 8)


def test_one_writer_gives_no_interval() -> None:
    assert writer_interval(np.ones(5, bool), np.zeros(5, np.int32), 0.95, 200, 0) is None
