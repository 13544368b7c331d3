from pathlib import Path

import numpy as np
import pytest

from benchmarks import deform
from benchmarks.deformation import Distortion
from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import ImageFormat
from handwriting.data import table

SIZE = Distortion()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, mnist: LabelledImages) -> LabelledImages:
    """Return 50 images of which the first 30 are for training; blocks have 10."""
    monkeypatch.setattr(deform, "N_TRAIN", 30)
    monkeypatch.setattr(deform, "_BLOCK_IMAGES", 10)
    return mnist.take(np.arange(50))


def make_table(source: LabelledImages, n_images: int, path: Path) -> LabelledImages:
    table.write_blocks(deform.blocks(source, n_images, SIZE), path)
    return table.read(path, ImageFormat(height=28, width=28, pixel_max=255))


@pytest.mark.parametrize("n_images", [1, 30, 45, 80])
def test_the_table_has_the_wanted_number_of_training_images(
    small: LabelledImages, n_images: int, tmp_path: Path
) -> None:
    found = make_table(small, n_images, tmp_path / "table.csv")
    assert len(found) == n_images + 20
    np.testing.assert_array_equal(found.pixels[-20:], small.pixels[30:])
    np.testing.assert_array_equal(found.labels[-20:], small.labels[30:])
    originals = min(n_images, 30)
    np.testing.assert_array_equal(found.pixels[:originals], small.pixels[:originals])
    np.testing.assert_array_equal(found.labels[:n_images], small.labels[np.arange(n_images) % 30])


def test_copies_differ_but_resemble_their_origin(small: LabelledImages, tmp_path: Path) -> None:
    found = make_table(small, 90, tmp_path / "table.csv").pixels[:90].astype(float)
    first, second = found[30:60], found[60:90]
    assert (first != second).any(axis=1).all()
    origins = found[:30]
    for copies in (first, second):
        similarity = np.corrcoef(copies, origins)[:30, 30:]
        assert np.mean(similarity.argmax(axis=1) == np.arange(30)) > 0.9
        assert similarity.diagonal().mean() > 0.8


def test_a_larger_table_begins_with_the_smaller_one(small: LabelledImages, tmp_path: Path) -> None:
    fewer = make_table(small, 55, tmp_path / "fewer.csv")
    more = make_table(small, 80, tmp_path / "more.csv")
    np.testing.assert_array_equal(more.pixels[:55], fewer.pixels[:55])
