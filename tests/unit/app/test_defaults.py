"""The settings of a new dataset are valid and fit its number of rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handwriting import splits
from handwriting.app import defaults
from handwriting.app.inspection.content import Findings
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.common.params import schema
from handwriting.common.params.datasets import ImageFormat
from handwriting.models.folds import make_folds
from tests.helpers import PARAMS

MODELS = {name: block["kind"] for name, block in PARAMS["models"].items()}
SOURCE = {"kind": "csv", "location": "mine.csv"}


def findings(
    digits: list[int], size: tuple[int, int] = (16, 16), pixel_max: int = 255, n_writers: int = 0
) -> Findings:
    return Findings(
        n_rows=sum(digits),
        image=ImageFormat(height=size[0], width=size[1], pixel_max=pixel_max),
        pixel_range=(0, pixel_max),
        paper=0,
        ink=pixel_max,
        digits=np.array(digits),
        n_writers=n_writers,
        is_sorted=False,
    )


def dataset(found: Findings) -> schema.Dataset:
    """The block for the findings, as the typed model of params.yaml."""
    block = defaults.dataset_block(SOURCE, found, MODELS)
    content = {**PARAMS, "datasets": {"own": block}}
    return schema.parse(content, "params.yaml").dataset("own")


@pytest.mark.filterwarnings("ignore:The least populated class")
@settings(deadline=None, max_examples=40)
@given(
    digits=st.lists(st.integers(0, 400), min_size=10, max_size=10),
    writers=st.sampled_from([0, 2, 3, 5, 100]),
    side=st.integers(4, 40),
    seed=st.integers(0, 1000),
)
def test_split_folds_and_sizes_fit_any_number_of_rows(
    digits: list[int], writers: int, side: int, seed: int
) -> None:
    digits = [n if n >= 5 else 0 for n in digits]
    if sum(digits) < 50 or np.count_nonzero(digits) < 5:
        digits = [5] * 10
    n = sum(digits)
    found = findings(digits, size=(side, side), n_writers=writers)
    block = dataset(found)
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat(np.arange(10), digits)).astype(np.uint8)
    names = (np.arange(n) % writers).astype(np.int32) if writers else None
    rows = np.arange(n, dtype=np.int32)
    # What the stages see of the images: their labels, their writers and their order.
    images = LabelledImages(np.zeros((n, 1), dtype=np.uint8), labels, rows, names)
    train, test = splits.split(images, block.split)
    assert 0.1 * n < len(test) < 0.5 * n
    for study in (block.tune, block.curve):
        assert study.n_rows <= (n if writers else len(train))
        folds = make_folds(images.take(train[: study.n_rows]), study.n_folds)
        available = min(len(fitted) for fitted, _ in folds)
        assert available >= 2
    assert block.curve.sizes[0] <= min(len(fitted) for fitted, _ in folds)


@pytest.mark.parametrize("n", [50, 1797, 70_000, 1_000_000])
def test_time_is_bounded_however_many_rows_there_are(n: int) -> None:
    block = dataset(findings([n // 10] * 10, size=(28, 28)))
    assert block.tune.n_rows <= 3000
    assert block.curve.n_rows <= 6200
    assert block.tune.n_folds == (5 if n < 3750 else 3)


@pytest.mark.parametrize(
    ("name", "size", "pixel_max"), [("digits", (8, 8), 16), ("mnist", (28, 28), 255)]
)
def test_images_of_a_published_size_have_its_features(
    name: str, size: tuple[int, int], pixel_max: int
) -> None:
    block = dataset(findings([100] * 10, size=size, pixel_max=pixel_max))
    published = schema.parse(PARAMS, "params.yaml").dataset(name)
    for model in ("svc", "forest", "tree"):
        assert block.models[model] == published.models[model]
    # gamma of pixels from 0 to 1, which for the digits is that of pixels from 0 to 16.
    scale = 16**2 if name == "digits" else 1
    used, wanted = block.models["svc_raw"].gamma, published.models["svc_raw"].gamma * scale
    assert used == pytest.approx(wanted, rel=0.05)


def test_a_model_of_the_users_own_name_has_the_settings_of_its_kind() -> None:
    block = defaults.dataset_block(SOURCE, findings([50] * 10), {"mine": "forest"})
    assert block["models"]["mine"]["n_estimators"] == 150
    assert list(block["grids"]) == ["mine"]


def test_a_kernel_approximation_has_valid_settings() -> None:
    content = {**PARAMS, "models": {"quick": {"kind": "nystroem"}}, "submissions": {}}
    for size in ((8, 8), (28, 28)):
        block = defaults.dataset_block(
            SOURCE, findings([50] * 10, size=size), {"quick": "nystroem"}
        )
        used = schema.parse({**content, "datasets": {"own": block}}, "params.yaml")
        first, grid = used.grid("quick", "own")
        assert first.kind == "nystroem"
        assert list(grid) == ["gamma", "alpha", "n_components"]


def test_a_digit_with_a_single_image_is_refused() -> None:
    with pytest.raises(InputError, match="the digit 7 has 1 image; must have at least 2"):
        dataset(findings([10] * 7 + [1, 10, 10]))
