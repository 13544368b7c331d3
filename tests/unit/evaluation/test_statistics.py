"""Statistics compared with published values, exact fractions, scipy.stats and simulations."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from handwriting.evaluation import statistics
from handwriting.evaluation.statistics import (
    Decision,
    PairedTest,
    accuracy,
    exact_interval,
    images_needed,
    mcnemar,
    mcnemar_p_value,
    power,
    writer_interval,
)

confidences = st.floats(0.5, 0.999)
proportions = st.floats(0.01, 0.99)
# Levels that no tail of a binomial distribution equals exactly, whatever the rounding.
levels = st.sampled_from([0.8, 0.9, 0.95, 0.99])


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    """Numbers of successes and of trials."""
    trials = draw(st.integers(1, 2000))
    return draw(st.integers(0, trials)), trials


def binomial_tail(minimum: int, trials: int, probability: Fraction) -> Fraction:
    """Return P(X >= minimum), summed without rounding."""
    return sum(
        (
            comb(trials, k) * probability**k * (1 - probability) ** (trials - k)
            for k in range(minimum, trials + 1)
        ),
        Fraction(0),
    )


# --- the exact test of a claimed accuracy ---------------------------------------------------------


def test_six_of_six_is_likely_at_95_percent_and_decides_nothing() -> None:
    found = statistics.test_accuracy(6, 6, 0.95, 0.95)
    assert found.p_value == pytest.approx(0.95**6)
    assert found.decision == Decision.OPEN


@pytest.mark.parametrize(
    ("n_correct", "n_images", "decision"),
    [
        (58, 58, Decision.OPEN),  # .95^58 = .0510
        (59, 59, Decision.ACCEPTED),  # .95^59 = .0485
        (5, 6, Decision.OPEN),  # P(X <= 5) = 1 - .95^6 = .2649
        (4, 6, Decision.REJECTED),  # P(X <= 4) = .0328
        (95, 100, Decision.OPEN),
    ],
)
def test_decisions_at_95_percent(n_correct: int, n_images: int, decision: Decision) -> None:
    assert statistics.test_accuracy(n_correct, n_images, 0.95, 0.95).decision == decision


@pytest.mark.parametrize(("n_correct", "n_images"), [(871, 899), (838, 899), (18, 18), (272, 296)])
def test_p_value_is_the_exact_tail_towards_the_result(n_correct: int, n_images: int) -> None:
    claimed = Fraction(95, 100)
    if n_correct > claimed * n_images:
        tail = binomial_tail(n_correct, n_images, claimed)
    else:
        tail = binomial_tail(n_images - n_correct, n_images, 1 - claimed)
    found = statistics.test_accuracy(n_correct, n_images, 0.95, 0.95)
    assert found.p_value == pytest.approx(float(tail), rel=1e-9)


@given(counts(), proportions, confidences)
def test_p_value_is_that_of_scipy(
    counts: tuple[int, int], claimed: float, confidence: float
) -> None:
    found = statistics.test_accuracy(*counts, claimed, confidence)
    is_above = counts[0] > claimed * counts[1]
    expected = stats.binomtest(*counts, claimed, "greater" if is_above else "less").pvalue
    assert found.p_value == pytest.approx(expected, rel=1e-9, abs=1e-250)
    if found.p_value > 1 - confidence:
        assert found.decision == Decision.OPEN
    else:
        assert found.decision == (Decision.ACCEPTED if is_above else Decision.REJECTED)


def test_lady_tasting_tea_with_a_coin() -> None:
    """Eight of eight at one half: 1/256 (a binomial version of Fisher's example)."""
    assert statistics.test_accuracy(8, 8, 0.5, 0.95).p_value == pytest.approx(1 / 256)


@pytest.mark.parametrize("true_accuracy", [0.90, 0.95, 0.97])
def test_wrong_decisions_are_as_rare_as_the_confidence_level_promises(
    true_accuracy: float,
) -> None:
    random = np.random.default_rng(0)
    found = [
        statistics.test_accuracy(k, 300, 0.95, 0.95).decision
        for k in random.binomial(300, true_accuracy, 2000)
    ]
    if true_accuracy <= 0.95:
        assert np.mean([decision == Decision.ACCEPTED for decision in found]) <= 0.055
    if true_accuracy >= 0.95:
        assert np.mean([decision == Decision.REJECTED for decision in found]) <= 0.055


# --- the exact interval ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (6, 6, 0.025 ** (1 / 6), 1.0),  # all of n: the lower limit is (alpha / 2)^(1 / n)
        (0, 10, 0.0, 1 - 0.025 ** (1 / 10)),
        (0, 10, 0.0, 0.3085),  # tables of Clopper and Pearson
        (5, 10, 0.1871, 0.8129),
        # Newcombe, Statistics in Medicine 17, 1998, table I, method 5.
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0000, 0.1684),
        (1, 29, 0.0009, 0.1776),
    ],
)
def test_exact_interval_has_the_published_limits(
    successes: int, trials: int, low: float, high: float
) -> None:
    interval = exact_interval(successes, trials, 0.95)
    assert interval.value == successes / trials
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


@given(counts(), confidences)
def test_exact_interval_is_that_of_scipy(counts: tuple[int, int], confidence: float) -> None:
    interval = exact_interval(*counts, confidence)
    expected = stats.binomtest(*counts).proportion_ci(confidence, "exact")
    assert (interval.low, interval.high) == pytest.approx(tuple(expected), rel=1e-9, abs=1e-12)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


@given(counts(), confidences)
def test_exact_interval_grows_with_the_confidence(
    counts: tuple[int, int], confidence: float
) -> None:
    narrow = exact_interval(*counts, confidence)
    wide = exact_interval(*counts, (1 + confidence) / 2)
    assert wide.low <= narrow.low <= narrow.high <= wide.high


@given(counts(), confidences)
def test_exact_interval_of_failures_mirrors_that_of_successes(
    counts: tuple[int, int], confidence: float
) -> None:
    successes, trials = counts
    interval = exact_interval(successes, trials, confidence)
    mirrored = exact_interval(trials - successes, trials, confidence)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((interval.low, interval.high))


def test_accuracy_is_the_share_of_correct_predictions() -> None:
    interval = accuracy(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5]), 0.95)
    assert interval.value == 0.75
    assert interval == exact_interval(3, 4, 0.95)


# --- McNemar's test -------------------------------------------------------------------------------


def paired(first_only: int, second_only: int, both: int, neither: int) -> PairedTest:
    """Compare two classifiers on images in a random order."""
    first = np.repeat([True, False, True, False], [first_only, second_only, both, neither])
    second = np.repeat([False, True, True, False], [first_only, second_only, both, neither])
    order = np.random.default_rng(0).permutation(len(first))
    return mcnemar(first[order], second[order])


@pytest.mark.parametrize(
    ("first_only", "second_only", "p_value"),
    [
        (1, 6, 2 * (1 + 7) / 2**7),
        (0, 5, 2 / 2**5),
        (3, 3, 1.0),
        (0, 0, 1.0),
        (27, 13, 0.0385),  # with 40 discordant images, 14 is the smallest difference below .05
        (26, 14, 0.0807),
    ],
)
def test_mcnemar(first_only: int, second_only: int, p_value: float) -> None:
    result = paired(first_only, second_only, both=5, neither=100 - first_only - second_only)
    assert (result.first_only, result.second_only) == (first_only, second_only)
    assert result.p_value == pytest.approx(p_value, abs=5e-5)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 5), st.integers(1, 5))
def test_mcnemar_is_a_binomial_test_of_the_discordant_images(
    first_only: int, second_only: int, both: int, neither: int
) -> None:
    result = paired(first_only, second_only, both, neither)
    n_discordant, k = first_only + second_only, min(first_only, second_only)
    tail = sum(comb(n_discordant, i) for i in range(k + 1)) / 2**n_discordant
    assert (result.first_only, result.second_only) == (first_only, second_only)
    assert result.p_value == pytest.approx(min(1, 2 * tail))
    if n_discordant:
        assert result.p_value == pytest.approx(stats.binomtest(k, n_discordant).pvalue)


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemar_p_value_is_that_of_scipy(first_only: int, second_only: int) -> None:
    p_value = mcnemar_p_value(first_only, second_only)
    assert p_value == mcnemar_p_value(second_only, first_only)
    n_discordant = first_only + second_only
    if n_discordant:
        expected = stats.binomtest(first_only, n_discordant).pvalue
        assert p_value == pytest.approx(expected, rel=1e-9, abs=1e-250)


# --- power ----------------------------------------------------------------------------------------


def exact_power(n_images: int, true_accuracy: Fraction, claimed: Fraction) -> Fraction:
    """Return the power at 95 % confidence, computed with fractions."""
    if true_accuracy < claimed:
        return exact_power(n_images, 1 - true_accuracy, 1 - claimed)
    level = Fraction(5, 100)
    critical = next(
        (k for k in range(n_images + 1) if binomial_tail(k, n_images, claimed) <= level),
        n_images + 1,
    )
    return binomial_tail(critical, n_images, true_accuracy)


@pytest.mark.parametrize(("true_accuracy", "claimed"), [(80, 95), (99, 95), (20, 5)])
def test_power_equals_exact_fractions(true_accuracy: int, claimed: int) -> None:
    sizes = np.arange(1, 81)
    exact = [
        float(exact_power(int(n), Fraction(true_accuracy, 100), Fraction(claimed, 100)))
        for n in sizes
    ]
    found = power(sizes, true_accuracy / 100, claimed / 100, 0.95)
    assert found == pytest.approx(exact, abs=1e-9)


@given(proportions, proportions, levels, st.integers(1, 3000))
def test_power_is_that_of_scipys_binomial_distribution(
    true_accuracy: float, claimed: float, confidence: float, n_images: int
) -> None:
    found = power(np.array([n_images]), true_accuracy, claimed, confidence)[0]
    p, q = true_accuracy, claimed
    if true_accuracy < claimed:
        p, q = 1 - true_accuracy, 1 - claimed
    critical = stats.binom.ppf(confidence, n_images, q) + 1
    assert found == pytest.approx(stats.binom.sf(critical - 1, n_images, p), rel=1e-9, abs=1e-12)


@given(proportions, levels, st.integers(1, 500))
def test_power_is_the_probability_of_a_decision(
    claimed: float, confidence: float, n_images: int
) -> None:
    """Sum the probabilities of all results on which `test_accuracy` accepts the claim."""
    true_accuracy = (1 + claimed) / 2
    results = np.arange(n_images + 1)
    tails = stats.binom.sf(results - 1, n_images, claimed)
    # A tail that equals the level may be rounded to either side of it.
    assume(np.abs(tails - (1 - confidence)).min() > 1e-12)
    is_accepted = (results > claimed * n_images) & (tails <= 1 - confidence)
    expected = stats.binom.pmf(results, n_images, true_accuracy)[is_accepted].sum()
    found = power(np.array([n_images]), true_accuracy, claimed, confidence)[0]
    assert found == pytest.approx(expected, abs=1e-9)


def test_single_stage_design_of_ahern() -> None:
    """A'Hern (Statistics in Medicine 20, 2001): .05 against .20, 5 %, 80 %: 27 patients."""
    assert power(np.array([27]), 0.20, 0.05, 0.95)[0] >= 0.8
    assert power(np.array([26]), 0.20, 0.05, 0.95)[0] < 0.8


@pytest.mark.parametrize(("true_accuracy", "claimed"), [(0.80, 0.95), (0.99, 0.95), (0.97, 0.95)])
def test_from_images_needed_on_the_power_is_sufficient(
    true_accuracy: float, claimed: float
) -> None:
    needed = images_needed(true_accuracy, claimed, 0.95, 0.8)
    assert needed is not None
    beyond = power(np.arange(needed, 4 * needed), true_accuracy, claimed, 0.95)
    assert beyond.min() >= 0.8
    assert power(np.array([needed - 1]), true_accuracy, claimed, 0.95)[0] < 0.8


def test_perfect_accuracy_needs_59_images_and_equal_accuracies_no_number() -> None:
    assert images_needed(1.0, 0.95, 0.95, 0.8) == 59
    assert images_needed(0.95, 0.95, 0.95, 0.8) is None
    assert images_needed(0.9501, 0.95, 0.95, 0.8) is None


# --- the bootstrap over writers -------------------------------------------------------------------


def simulate(random: np.random.Generator, n_writers: int) -> tuple[np.ndarray, np.ndarray]:
    """Return results by writers of different accuracy, mean .9, with 20 to 59 images each."""
    skill = random.beta(18, 2, n_writers)
    n_images = random.integers(20, 60, n_writers)
    writers = np.repeat(np.arange(n_writers, dtype=np.int32), n_images)
    return random.random(len(writers)) < skill[writers], writers


@given(st.integers(2, 40), st.integers(2, 700), confidences, st.integers(0, 2**32 - 1))
def test_writer_interval_is_that_of_scipys_bootstrap(
    n_writers: int, n_resamples: int, confidence: float, seed: int
) -> None:
    correct, writers = simulate(np.random.default_rng(seed), n_writers)
    interval = writer_interval(correct, writers, confidence, n_resamples, seed)
    assert interval is not None

    def ratio(n_correct: np.ndarray, n_images: np.ndarray, axis: int) -> np.ndarray:
        return n_correct.sum(axis=axis) / n_images.sum(axis=axis)

    expected = stats.bootstrap(
        (np.bincount(writers, weights=correct), np.bincount(writers)),
        ratio,
        paired=True,
        vectorized=True,
        n_resamples=n_resamples,
        batch=256,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    assert (interval.low, interval.high) == pytest.approx(tuple(expected), rel=1e-12, abs=1e-12)
    assert interval.value == correct.mean()


def test_writer_interval_covers_the_truth_as_often_as_its_confidence() -> None:
    random = np.random.default_rng(0)
    n_simulations = 1000
    n_covered = 0
    for _ in range(n_simulations):
        interval = writer_interval(*simulate(random, 150), 0.95, 400, 0)
        assert interval is not None
        n_covered += interval.low <= 0.9 <= interval.high
    assert 0.93 <= n_covered / n_simulations <= 0.97


def test_writer_interval_is_wider_than_the_exact_interval_if_errors_cluster_by_writer() -> None:
    correct, writers = simulate(np.random.default_rng(1), 150)
    interval = writer_interval(correct, writers, 0.95, 2000, 0)
    binomial = exact_interval(int(correct.sum()), len(correct), 0.95)
    assert interval is not None
    assert interval.value == binomial.value
    assert interval.high - interval.low > 1.5 * (binomial.high - binomial.low)


def test_writer_interval_depends_on_the_seed_and_not_on_the_order() -> None:
    correct, writers = simulate(np.random.default_rng(2), 50)
    shuffled = np.random.default_rng(3).permutation(len(correct))
    once = writer_interval(correct, writers, 0.95, 200, 7)
    assert once == writer_interval(correct, writers, 0.95, 200, 7)
    assert once == writer_interval(correct[shuffled], writers[shuffled], 0.95, 200, 7)
    assert once == writer_interval(correct, writers + 1000, 0.95, 200, 7)
    assert once != writer_interval(correct, writers, 0.95, 200, 8)


def test_one_writer_gives_no_interval() -> None:
    assert writer_interval(np.ones(5, bool), np.zeros(5, np.int32), 0.95, 200, 0) is None
