from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from scipy import ndimage

from benchmarks import disturbances
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.pictures import normalize, segment
from handwriting.recognizer import Recognizer


def never(inks: Sequence[np.ndarray]) -> np.ndarray:
    raise AssertionError("there is no choice")


def draw(*strokes: Sequence[tuple[int, int]], size: tuple[int, int] = (200, 80)) -> np.ndarray:
    image = Image.new("L", size, 0)
    for stroke in strokes:
        ImageDraw.Draw(image).line(list(stroke), fill=255, width=5)
    return np.asarray(image, dtype=np.float32) / 255


def bar(left: int, top: int = 10, bottom: int = 60) -> list[tuple[int, int]]:
    return [(left, top), (left, bottom)]


def test_an_empty_picture_has_no_parts() -> None:
    assert segment.cut(np.zeros((20, 20), dtype=np.float32), never) == []


@settings(max_examples=50, deadline=None)
@given(
    lefts=st.lists(st.integers(5, 490), min_size=1, max_size=8).map(
        lambda values: [
            v for i, v in enumerate(sorted(values)) if i == 0 or v - sorted(values)[i - 1] > 8
        ]
    )
)
def test_separate_strokes_are_parts_from_the_left(lefts: list[int]) -> None:
    parts = segment.cut(draw(*map(bar, lefts), size=(500, 80)), never)
    assert [
        abs(part.left + part.right - 2 * left) <= 2 for part, left in zip(parts, lefts, strict=True)
    ]
    assert [part.left for part in parts] == sorted(part.left for part in parts)
    assert {part.line for part in parts} == {0}


def test_parts_contain_all_ink_and_only_their_own() -> None:
    ink = draw([(20, 60), (60, 10)], [(45, 70), (85, 20)])
    parts = segment.cut(ink, lambda inks: np.zeros(len(inks)))
    together = np.zeros_like(ink)
    for part in parts:
        place = together[part.top : part.bottom, part.left : part.right]
        assert not ((place > 0) & (part.ink > 0)).any()
        place += part.ink
    np.testing.assert_array_equal(together, np.where(ink > 0.2, ink, 0))


@pytest.mark.parametrize("slope", [-0.06, 0.0, 0.06])
def test_lines_may_slope(slope: float) -> None:
    strokes = [
        [(left, round(top + slope * left)), (left, round(top + 50 + slope * left))]
        for top in (40, 120, 200)
        for left in range(20, 580, 40)
    ]
    parts = segment.cut(draw(*strokes, size=(600, 300)), never)
    assert [part.line for part in parts] == sorted([0, 1, 2] * 14)
    for line in range(3):
        own = [part.left for part in parts if part.line == line]
        assert own == sorted(own)


def test_a_detached_bar_joins_its_digit() -> None:
    five = draw([(20, 24), (20, 40), (40, 45), (35, 60), (18, 60)], [(22, 12), (40, 12)])
    (part,) = segment.cut(five, never)
    assert part.top <= 12
    assert part.bottom >= 60


def test_a_stroke_that_is_broken_in_the_middle_is_one_digit() -> None:
    (part,) = segment.cut(draw(bar(40, 5, 36), bar(40, 40, 70)), never)
    assert part.bottom - part.top > 60


def test_dust_and_commas_are_no_digits() -> None:
    ink = draw(bar(30), bar(90), [(60, 58), (62, 64)], [(140, 20), (143, 22)])
    assert len(segment.cut(ink, lambda inks: np.full(len(inks), -1.0))) == 2


@pytest.mark.parametrize("quality", [0.0, -5.0])
def test_the_recogniser_decides_whether_parts_are_one_digit(quality: float) -> None:
    """A high bar and a lower one beside it: an open 4, or two digits."""
    ink = draw(bar(30), bar(44, 24, 58))

    def judge(inks: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([quality if own.shape[1] > 12 else -1.0 for own in inks])

    assert len(segment.cut(ink, judge)) == (1 if quality == 0 else 2)


def test_touching_digits_are_cut_where_the_recogniser_likes_the_parts() -> None:
    ink = draw(bar(30), bar(70), bar(110), [(30, 40), (110, 40)])

    def judge(inks: Sequence[np.ndarray]) -> np.ndarray:
        n_bars = [(own[: len(own) // 3].max(axis=0) > 0.5).astype(int) for own in inks]
        counts = [np.sum(np.diff(np.pad(bars, 1)) == 1) for bars in n_bars]
        return np.array([0.0 if count == 1 else -4.0 for count in counts])

    parts = segment.cut(ink, judge)
    assert len(parts) == 3
    assert sum(float(part.ink.sum()) for part in parts) == pytest.approx(float(ink.sum()), rel=0.02)


def test_strips_of_digits_are_read_whole(mnist: LabelledImages, recognizer: Recognizer) -> None:
    random = np.random.default_rng(0)
    right, counted = 0, 0
    for start in range(60_000, 60_150, 5):
        rows = slice(start, start + 5)
        if (recognizer.model.predict(mnist.pixels[rows]) != mnist.labels[rows]).any():
            continue
        strip = disturbances.strip(mnist.pixels[rows].reshape(-1, 28, 28), random, gap=6)
        right += [r.digit for r in recognizer.read(strip)] == mnist.labels[rows].tolist()
        counted += 1
    assert counted > 15
    assert right >= 0.9 * counted


def test_a_page_of_noise_is_refused_in_one_line() -> None:
    spots = np.zeros((400, 400), dtype=np.float32)
    spots[::4, ::4] = 1
    with pytest.raises(InputError, match="10,000 separate strokes; must have at most 5,000"):
        segment.cut(spots, never)


def test_a_seam_is_the_cheapest_path() -> None:
    """Compared with all paths of a small picture."""
    random = np.random.default_rng(0)
    cost = random.random((5, 6)).astype(np.float32)
    total, steps = segment._paths(cost)
    for column in range(6):
        best = np.inf
        for moves in np.ndindex(3, 3, 3, 3):
            path = column + np.concatenate([[0], np.cumsum(np.array(moves) - 1)])
            if path.min() >= 0 and path.max() < 6:
                price = cost[np.arange(5), path].sum() + 0.02 * np.sum(np.array(moves) != 1)
                best = min(best, float(price))
        assert total[column] == pytest.approx(best, abs=1e-5)
        followed = segment._follow(steps, column)
        assert cost[np.arange(5), followed].sum() <= best + 1e-5


def test_the_ink_of_a_framed_part_is_that_of_the_picture(mnist: LabelledImages) -> None:
    """One digit, cut out of a page, is prepared like the page alone."""
    digit = disturbances.of_size(84)(mnist.pixels[0].reshape(28, 28), np.random.default_rng(0))
    image = normalize.ImageFormat(height=28, width=28, pixel_max=255)
    lay = normalize.Framing(image, 20, 20, by_mass=True)
    (part,) = segment.cut(normalize.find_ink(digit), lambda inks: np.zeros(len(inks)))
    found = normalize.frame(part.ink, lay).astype(int)
    expected = normalize.prepare(digit, lay)
    assert np.abs(found - expected).sum() < 0.05 * expected.sum()  # the faintest edges are left out
    assert ndimage.label(part.ink > 0.2, np.ones((3, 3)))[1] == 1
