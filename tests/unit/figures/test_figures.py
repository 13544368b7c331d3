import filecmp
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread

from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import ImageFormat
from handwriting.figures import image_grids, style
from handwriting.figures.confidence_charts import confidence_charts
from handwriting.figures.confusion_matrix import confusion_matrix
from handwriting.figures.importance_map import importance_map
from handwriting.figures.mosaic import Layout, Tile, mosaic
from handwriting.figures.tuning_map import Axis, tuning_map

IMAGE = ImageFormat(height=8, width=8, pixel_max=16)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in [*ax.texts, ax.title]]


def test_a_figure_saved_twice_is_the_same_bytes_without_metadata(
    tmp_path: Path, digits: LabelledImages
) -> None:
    for name in ("first.png", "second.png"):
        style.save(image_grids.sample_sheet(digits, IMAGE, 3), tmp_path / name)
    assert filecmp.cmp(tmp_path / "first.png", tmp_path / "second.png", shallow=False)
    written = (tmp_path / "first.png").read_bytes()
    assert b"matplotlib" not in written.lower()
    assert b"Creation" not in written
    assert imread(tmp_path / "first.png").std() > 0.05


def test_the_sample_sheet_shows_the_first_images_of_each_digit(digits: LabelledImages) -> None:
    figure = image_grids.sample_sheet(digits, IMAGE, 2)
    (ax,) = figure.axes
    frames = ax.collections[0].get_paths()
    left, top = (frames[6].vertices[0] + 0.5).astype(int)
    shown = np.asarray(ax.images[0].get_array())[top : top + 8, left : left + 8]
    np.testing.assert_array_equal(shown, digits.pixels[digits.labels == 3][0].reshape(8, 8))
    assert [text.get_text() for text in ax.texts[-10:]] == [str(digit) for digit in range(10)]


def test_the_confusion_matrix_shows_every_count_that_is_not_zero() -> None:
    counts = np.diag(np.arange(1, 11))
    counts[3, 8] = 76
    shares = counts / counts.sum(axis=1, keepdims=True)
    figure = confusion_matrix(counts, shares, "title")
    shown = [text for text in texts(figure) if text]
    assert sorted(shown) == sorted([*map(str, range(1, 11)), "76"])
    colours = figure.axes[0].images[1].get_array()
    assert colours[3, 8] == 0.95
    assert np.ma.masked_invalid(colours).count() == 1


def test_support_vectors_are_in_the_row_of_their_digit(digits: LabelledImages) -> None:
    some = digits.take(np.array([7, 17, 2]))  # two sevens and a two
    figure = image_grids.support_vectors(some, np.array([3.5, 2.5, 1.5]), IMAGE, 2, "title")
    height = {text.get_text(): text.get_position()[1] for text in figure.axes[0].texts}
    above = {weight: height[weight] for weight in ("3.5", "2.5", "1.5")}
    label = {digit: height[digit] for digit in ("7", "8", "9")}
    assert above["3.5"] == above["2.5"] < label["7"]
    assert above["1.5"] < above["3.5"]
    assert label["8"] - label["7"] == label["9"] - label["8"] > label["7"] - above["3.5"]


def test_a_mosaic_puts_tiles_of_any_shape_where_they_belong() -> None:
    image = ImageFormat(height=2, width=3, pixel_max=9)
    tiles = [Tile(np.arange(6, dtype=np.uint8), 1, 2), Tile(np.full(6, 9, dtype=np.uint8), 0, 0)]
    figure = mosaic(tiles, image, Layout(2, 3, side=0.3, gap=0.1), "two\nlines")
    canvas = np.asarray(figure.axes[0].images[0].get_array())
    # One white pixel to the right of each image and above it.
    assert canvas.shape == (2 * (2 + 1), 3 * (3 + 1))
    expected = np.full((6, 12), np.nan)
    expected[1:3, 0:3] = 9
    expected[4:6, 8:11] = [[0, 1, 2], [3, 4, 5]]
    np.testing.assert_array_equal(np.ma.filled(canvas, np.nan), expected)


def test_a_long_title_fits_the_width_of_its_mosaic() -> None:
    image = ImageFormat(height=8, width=8, pixel_max=9)
    title = "a model with a long name: the support vectors with the largest weights\nsecond line"
    figure = mosaic([Tile(np.zeros(64, np.uint8), 0, 0)], image, Layout(1, 8, 0.5, 0.1), title)
    figure.canvas.draw()
    box = figure._suptitle.get_window_extent()  # the only access to it
    assert box.width < figure.bbox.width
    assert box.ymax <= figure.bbox.ymax
    assert figure._suptitle.get_text().replace("\n", " ") == title.replace("\n", " ")


def test_importances_are_drawn_as_an_image() -> None:
    importances = np.zeros((4, 4))
    importances[2, 3] = 1
    figure = importance_map(importances, np.full((8, 8), 8.0), 16, "cell", "title")
    assert figure.axes[0].images[0].get_array()[2, 3] == 1
    assert "importance of each cell" in texts(figure)


def test_a_placeholder_has_its_text() -> None:
    assert style.placeholder("no pixels").texts[0].get_text() == "no pixels"


def test_a_wrong_prediction_also_shows_the_actual_digit(digits: LabelledImages) -> None:
    some = digits.take(np.arange(3))
    predicted = some.labels.tolist()
    predicted[1] = 9
    assert "9, actual 1" in texts(image_grids.prediction_grid(some, predicted, IMAGE, "title"))


def test_a_model_without_mistakes_has_an_empty_sheet(
    digits: LabelledImages, tmp_path: Path
) -> None:
    none = digits.take(np.arange(0))
    figure = image_grids.mistake_grid(none, [], [], IMAGE, "no mistakes")
    style.save(figure, tmp_path / "mistakes.png")
    assert (tmp_path / "mistakes.png").stat().st_size > 0


ACCURACIES = np.array([[0.1, 0.9, 0.8], [0.5, 0.95, 0.2]])
ROWS, COLUMNS = Axis("C", [1, 2]), Axis("gamma", [0.1, 0.2, "scale"])


def test_the_heat_map_names_its_axes_and_frames_the_best() -> None:
    figure = tuning_map(ACCURACIES, ROWS, COLUMNS, None, "title")
    ax = figure.axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("gamma", "C")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0.1", "0.2", "scale"]
    assert [text.get_text() for text in ax.texts][4] == "0.950"
    assert [patch.get_xy() for patch in ax.patches] == [(0.5, 0.5)]


def test_the_heat_map_marks_the_values_in_use_where_they_are_not_the_best() -> None:
    figure = tuning_map(ACCURACIES, ROWS, COLUMNS, (0, 2), "title")
    assert [patch.get_xy() for patch in figure.axes[0].patches] == [(0.5, 0.5), (1.5, -0.5)]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["best", "in use"]
    same = tuning_map(ACCURACIES, ROWS, COLUMNS, (1, 1), "title")
    assert len(same.axes[0].patches) == 1


def test_of_equally_good_cells_the_first_is_framed() -> None:
    figure = tuning_map(np.full((2, 3), 0.5), ROWS, COLUMNS, None, "title")
    assert figure.axes[0].patches[0].get_xy() == (-0.5, -0.5)


def test_a_grid_of_one_hyperparameter_is_a_column() -> None:
    figure = tuning_map(np.array([[0.5], [0.7]]), ROWS, Axis("", [""]), None, "title")
    assert figure.axes[0].patches[0].get_xy() == (-0.5, 0.5)


def test_confidence_charts_show_each_group_and_where_the_target_is_reached() -> None:
    bins = [
        {"n_images": 7, "probability": 0.55, "accuracy": 4 / 7, "low": 0.2, "high": 0.9},
        {"n_images": 1234, "probability": 0.99, "accuracy": 0.98, "low": 0.97, "high": 0.99},
    ]
    curve = [
        {"rejected": 0.0, "error": 0.02},
        {"rejected": 0.1, "error": 0.001},
        {"rejected": 0.2, "error": 0.0},
    ]
    figure = confidence_charts(bins, curve, 0.001, "title")
    reliability, reject = figure.axes
    assert {text.get_text() for text in reliability.texts} == {"7", "1,234"}
    points = reliability.lines[1]
    np.testing.assert_allclose(points.get_xydata(), [[0.55, 4 / 7], [0.99, 0.98]])
    np.testing.assert_allclose(reject.lines[0].get_xydata(), [[0, 0.02], [0.1, 0.001], [0.2, 1e-4]])
    assert reject.lines[1].get_ydata()[0] == 0.001
    assert reject.get_xlim() == (0, 0.2)  # twice the share at which the target is reached


def test_a_target_that_no_share_reaches_shows_the_whole_curve() -> None:
    curve = [{"rejected": 0.0, "error": 0.5}, {"rejected": 0.5, "error": 0.4}]
    _, reject = confidence_charts([], curve, 0.001, "title").axes
    assert reject.get_xlim() == (0, 1)
