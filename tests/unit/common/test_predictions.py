from pathlib import Path

import numpy as np
import pytest

from handwriting.common import tables
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages

TABLE = "index,actual,predicted,probability\n7,3,3,0.99\n9,5,6,0.4\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "predictions.csv"
    path.write_text(TABLE)
    return path


def images(rows: list[int], labels: list[int]) -> LabelledImages:
    return LabelledImages(
        np.zeros((len(rows), 4), np.uint8),
        np.array(labels, np.uint8),
        np.array(rows, np.int32),
        writers=None,
    )


def test_predictions_have_one_row_per_image(path: Path) -> None:
    first, second = tables.read_predictions(path, images([7, 9], [3, 5]))
    assert first == {"index": 7, "actual": 3, "predicted": 3, "probability": 0.99}
    assert second["predicted"] == 6


@pytest.mark.parametrize(
    ("rows", "labels"), [([7], [3]), ([7, 8], [3, 5]), ([9, 7], [5, 3]), ([7, 9], [3, 6])]
)
def test_predictions_for_other_images_raise_input_error(
    rows: list[int], labels: list[int], path: Path
) -> None:
    with pytest.raises(InputError, match=f"not the predictions for these {len(rows)} test images"):
        tables.read_predictions(path, images(rows, labels))
