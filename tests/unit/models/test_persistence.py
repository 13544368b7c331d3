import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline

from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.models import persistence
from tests.helpers import HYPERPARAMETERS, PROJECT, fit_digits

TRAIN = """
import sys
from pathlib import Path
from handwriting.data import datasets
from handwriting.models import persistence
from tests.helpers import fit_digits
persistence.save(fit_digits(sys.argv[1], datasets.load_digits()), Path(sys.argv[2]))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.skops"


@pytest.mark.parametrize("kind", HYPERPARAMETERS)
def test_a_loaded_model_predicts_the_same(kind: str, digits: LabelledImages, path: Path) -> None:
    model = fit_digits(kind, digits)
    persistence.save(model, path)
    loaded = persistence.load(path)
    np.testing.assert_array_equal(loaded.predict(digits.pixels), model.predict(digits.pixels))
    np.testing.assert_array_equal(
        loaded.predict_proba(digits.pixels), model.predict_proba(digits.pixels)
    )
    features = model[:-1].transform(digits.pixels)
    np.testing.assert_array_equal(
        loaded[-1].novelty_.score_samples(features), model[-1].novelty_.score_samples(features)
    )


@pytest.mark.parametrize("kind", HYPERPARAMETERS)
def test_the_same_training_gives_the_same_bytes_in_another_process(
    kind: str, digits: LabelledImages, tmp_path: Path
) -> None:
    here, there = tmp_path / "here.skops", tmp_path / "there.skops"
    persistence.save(fit_digits(kind, digits), here)
    command = [sys.executable, "-c", TRAIN, kind, str(there)]
    subprocess.run(command, cwd=PROJECT, check=True, env={"PYTHONHASHSEED": "7"})
    assert here.read_bytes() == there.read_bytes()


def test_the_unused_bytes_of_a_structured_array_are_zero() -> None:
    """In a large array, whose copies get memory that was used before."""
    dtype = np.dtype([("wide", np.int64), ("narrow", np.uint8)], align=True)
    dirty = np.full(100_000 * dtype.itemsize, 255, dtype=np.uint8).view(dtype)
    dirty["wide"], dirty["narrow"] = 7, 1
    file = io.BytesIO()
    np.save(file, dirty)
    content = persistence._zero_padding(file.getvalue())
    saved = np.load(io.BytesIO(content))
    assert set(saved["wide"]) == {7}
    raw = np.frombuffer(content[-dirty.nbytes :], dtype=np.uint8).reshape(-1, dtype.itemsize)
    assert not raw[:, dtype.fields["narrow"][1] + 1 :].any()


def test_an_archive_has_no_timestamps_and_no_memory_addresses(
    digits: LabelledImages, path: Path
) -> None:
    persistence.save(fit_digits("forest", digits), path)
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    numbers = [int(e.filename[:-4]) for e in entries if e.filename.endswith(".npy")]
    assert max(numbers) < 10_000


def test_missing_file_raises_input_error(path: Path) -> None:
    with pytest.raises(InputError, match="no such file; run `dvc repro`"):
        persistence.load(path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\3\4 broken"])
def test_file_that_is_not_an_archive_raises_input_error(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a model file"):
        persistence.load(path)


def test_truncated_file_raises_input_error(digits: LabelledImages, path: Path) -> None:
    persistence.save(fit_digits("tree", digits), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="not a model file"):
        persistence.load(path)


def test_archive_of_something_else_raises_input_error(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputError, match="not a model file"):
        persistence.load(path)


@pytest.mark.parametrize("wrap", [lambda model: model, make_pipeline], ids=["bare", "pipeline"])
def test_another_kind_of_estimator_raises_input_error(
    wrap: Callable[[BaseEstimator], BaseEstimator], digits: LabelledImages, path: Path
) -> None:
    skops.io.dump(wrap(DummyClassifier()).fit(digits.pixels, digits.labels), path)
    with pytest.raises(InputError, match="not a model of this version of the project"):
        persistence.load(path)


def test_code_in_the_file_is_not_executed(path: Path) -> None:
    skops.io.dump({"callback": subprocess.run}, path)
    with pytest.raises(InputError, match=r"not loaded: .*subprocess\.run"):
        persistence.load(path)


@pytest.mark.parametrize("kind", ["tree", "forest"])
def test_a_node_that_points_outside_its_tree_raises_input_error(
    kind: str, digits: LabelledImages, path: Path
) -> None:
    persistence.save(fit_digits(kind, digits), path)
    forge_root(path, "left_child", 10**6)
    with pytest.raises(InputError, match="a tree in it has nodes that point outside the tree"):
        persistence.load(path)


@pytest.mark.parametrize(("field", "value"), [("left_child", 0), ("feature", 64), ("feature", -5)])
def test_a_node_with_a_wrong_child_or_feature_raises_input_error(
    field: str, value: int, digits: LabelledImages, path: Path
) -> None:
    persistence.save(fit_digits("tree", digits), path)
    forge_root(path, field, value)
    with pytest.raises(InputError, match="a tree in it has nodes that point outside the tree"):
        persistence.load(path)


def forge_root(path: Path, field: str, value: int) -> None:
    """Change one field of the root of every tree in a model file."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    for name, content in contents.items():
        if not name.endswith(".npy"):
            json.loads(content)
            continue
        array = np.load(io.BytesIO(content))
        if array.dtype.names:
            array[field][0] = value
            target = io.BytesIO()
            np.save(target, array)
            contents[name] = target.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def test_no_damage_causes_another_exception(digits: LabelledImages, path: Path) -> None:
    """One to three bytes of a small file are changed; most changes damage compressed data."""
    persistence.save(fit_digits("tree", digits), path)
    content = path.read_bytes()
    random = np.random.default_rng(0)
    n_refused = 0
    for trial in range(150):
        damaged = np.frombuffer(content, dtype=np.uint8).copy()
        changed = random.integers(0, len(damaged), 1 + trial % 3)
        damaged[changed] ^= random.integers(1, 256, len(changed), dtype=np.uint8)
        path.write_bytes(damaged.tobytes())
        try:
            persistence.load(path)
        except InputError as error:
            n_refused += "\n" not in str(error)
    assert n_refused > 130
