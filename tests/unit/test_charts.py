from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from handwriting import charts, scoring, sources
from handwriting.images import Digits
from handwriting.params import Image

IMAGE = Image(height=8, width=8, pixel_max=16)


@pytest.fixture(scope="module")
def digits() -> Digits:
    return sources.bundled_digits()


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in [*ax.texts, ax.title]]


def test_a_figure_saved_twice_is_the_same_bytes_without_a_stamp(
    tmp_path: Path, digits: Digits
) -> None:
    for name in ("first.png", "second.png"):
        charts.save(charts.sample_sheet(digits, IMAGE, 3), tmp_path / name)
    first = (tmp_path / "first.png").read_bytes()
    assert first == (tmp_path / "second.png").read_bytes()
    assert b"matplotlib" not in first.lower()
    assert b"Creation" not in first
    assert imread(tmp_path / "first.png").std() > 0.05


def test_the_sample_sheet_shows_the_first_images_of_each_digit(digits: Digits) -> None:
    figure = charts.sample_sheet(digits, IMAGE, 2)
    shown = [ax.images[0].get_array() for ax in figure.axes]
    first_three = digits.pixels[digits.labels == 3][0].reshape(8, 8)
    np.testing.assert_array_equal(shown[6], first_three)


def test_the_confusion_matrix_shows_every_count_that_is_not_zero() -> None:
    counts = np.diag(np.arange(1, 11))
    counts[3, 8] = 76
    shown = texts(charts.confusion_matrix(counts, scoring.shares(counts), "title"))
    assert sorted(text for text in shown if text.isdigit()) == sorted(
        [*map(str, range(1, 11)), "76"]
    )
    assert "95.0 %" in shown
    assert "5.0 %" in shown


def test_the_images_that_weigh_most_stand_in_their_digits_row(digits: Digits) -> None:
    some = digits.take(np.array([7, 17, 2]))  # two sevens and a two
    figure = charts.weighted_images(some, np.array([3.0, 2.0, 1.0]), IMAGE, 2, "title")
    rows = np.array([ax.get_title() for ax in figure.axes]).reshape(10, 2)
    assert rows[7].tolist() == ["3", "2"]
    assert rows[2].tolist() == ["1", ""]


def test_the_importances_of_pixels_are_drawn_as_an_image() -> None:
    importances = np.zeros(64)
    importances[19] = 1
    figure = charts.pixel_importances(importances, np.full(64, 8.0), IMAGE, "name")
    assert figure.axes[0].images[0].get_array()[2, 3] == 1


def test_what_cannot_be_drawn_is_said_in_a_line() -> None:
    assert charts.note("no pixels").texts[0].get_text() == "no pixels"


def test_a_wrong_prediction_also_shows_the_actual_digit(digits: Digits) -> None:
    some = digits.take(np.arange(3))
    predicted = some.labels.copy()
    predicted[1] = 9
    assert "said 9, is 1" in texts(charts.prediction_grid(some, predicted, IMAGE, "title"))


def test_a_model_without_mistakes_has_an_empty_sheet(digits: Digits, tmp_path: Path) -> None:
    none = digits.take(np.arange(0))
    figure = charts.mistake_grid(none, none.labels, np.empty(0), IMAGE, "no mistakes")
    charts.save(figure, tmp_path / "mistakes.png")
    assert (tmp_path / "mistakes.png").stat().st_size > 0
