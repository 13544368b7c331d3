"""The page of `handwriting serve` with the trained models: strokes of a mouse are read."""

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser

from handwriting.app import serve
from handwriting.common import images
from handwriting.common.images import LabelledImages
from tests.helpers import Repository
from tests.serving import serving, visiting


@pytest.fixture(scope="module")
def port(full: Repository) -> Iterator[int]:
    with serving(serve.load_models(full.root / "models" / "mnist")) as port:
        yield port


@pytest.fixture(scope="module")
def test_images(full: Repository) -> LabelledImages:
    return images.load(full.root / "data/split/mnist/test")


@pytest.mark.parametrize("width", [1280, 390])
def test_ten_test_digits_written_by_mouse_are_read(
    width: int, port: int, test_images: LabelledImages, browser: Browser
) -> None:
    firsts = [int(np.flatnonzero(test_images.labels == digit)[0]) for digit in range(10)]
    read = []
    with visiting(browser, port, width) as visit:
        for index in firsts:
            visit.write(test_images.pixels[index].reshape(28, 28))
            read.append(visit.settle())
            visit.page.get_by_role("button", name="Clear").click()
        assert read == list("0123456789")
        assert visit.is_clean(), visit
