import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator

from handwriting import models, persistence, sources
from handwriting.errors import InputError
from handwriting.features import UnitPixels
from handwriting.images import Digits
from handwriting.params import DecisionTree, Image, RandomForest, SupportVectorClassifier
from tests.conftest import PROJECT

IMAGE = Image(height=8, width=8, pixel_max=16)
KINDS = {
    "svc": SupportVectorClassifier(features="unit", C=2, gamma=0.3),
    "tree": DecisionTree(features="raw", criterion="entropy", max_depth=7),
    "forest": RandomForest(features="raw", n_estimators=7, min_samples_leaf=3),
}


@pytest.fixture(scope="module")
def digits() -> Digits:
    return sources.bundled_digits()


def fitted(kind: str, digits: Digits) -> Pipeline:
    return models.fit(models.build(KINDS[kind], IMAGE, seed=3), digits.take(np.arange(900)))


def test_unit_pixels_is_a_sound_estimator() -> None:
    check_estimator(UnitPixels())


def test_unit_pixels_end_at_one_and_are_float32() -> None:
    pixels = np.array([[0, 8, 16]], dtype=np.uint8)
    unit = UnitPixels(pixel_max=16).fit_transform(pixels)
    assert unit.dtype == np.float32
    assert unit.tolist() == [[0, 0.5, 1]]


@pytest.mark.parametrize(
    ("kind", "oracle"),
    [
        ("svc", SVC(C=2, gamma=0.3)),
        ("tree", DecisionTreeClassifier(criterion="entropy", max_depth=7, random_state=3)),
        ("forest", RandomForestClassifier(7, min_samples_leaf=3, random_state=3)),
    ],
)
def test_a_model_predicts_what_scikit_learn_predicts(
    kind: str, oracle: SVC, digits: Digits
) -> None:
    scale = 16 if kind == "svc" else 1
    oracle.fit(digits.pixels[:900] / np.float32(scale), digits.labels[:900])
    expected = oracle.predict(digits.pixels[900:] / np.float32(scale))
    found = fitted(kind, digits).predict(digits.pixels[900:])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_margins_are_the_best_score_less_the_second(kind: str, digits: Digits) -> None:
    model = fitted(kind, digits)
    pixels = digits.pixels[900:920]
    method = "decision_function" if kind == "svc" else "predict_proba"
    scores = np.sort(getattr(model, method)(pixels), axis=1)
    np.testing.assert_allclose(models.margins(model, pixels), scores[:, -1] - scores[:, -2])


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_predicts_the_same(kind: str, digits: Digits, tmp_path: Path) -> None:
    model = fitted(kind, digits)
    persistence.save(model, tmp_path / "model.skops")
    loaded = persistence.load(tmp_path / "model.skops")
    np.testing.assert_array_equal(loaded.predict(digits.pixels), model.predict(digits.pixels))
    np.testing.assert_array_equal(
        models.margins(loaded, digits.pixels), models.margins(model, digits.pixels)
    )


TRAIN = """
import sys
from pathlib import Path
from handwriting import models, persistence
from tests.unit.test_models import KINDS, fitted, sources
persistence.save(fitted(sys.argv[1], sources.bundled_digits()), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_training_gives_the_same_bytes_in_another_process(
    kind: str, digits: Digits, tmp_path: Path
) -> None:
    persistence.save(fitted(kind, digits), tmp_path / "here.skops")
    command = [sys.executable, "-c", TRAIN, kind, str(tmp_path / "there.skops")]
    subprocess.run(command, cwd=PROJECT, check=True, env={"PYTHONHASHSEED": "7"})
    assert (tmp_path / "here.skops").read_bytes() == (tmp_path / "there.skops").read_bytes()


def test_the_unused_bytes_of_a_tree_are_zero_whatever_was_in_memory() -> None:
    """In a large array, whose copies take memory that held something else before."""
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


def test_an_archive_tells_no_time_and_no_address(digits: Digits, tmp_path: Path) -> None:
    persistence.save(fitted("forest", digits), tmp_path / "model.skops")
    with zipfile.ZipFile(tmp_path / "model.skops") as archive:
        entries = archive.infolist()
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        numbers = [int(e.filename[:-4]) for e in entries if e.filename.endswith(".npy")]
        assert max(numbers) < 10_000


class TestBadModelFiles:
    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such file; run `dvc repro`"):
            persistence.load(tmp_path / "model.skops")

    @pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\3\4 broken"])
    def test_not_an_archive(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / "model.skops").write_bytes(content)
        with pytest.raises(InputError, match="not a model file"):
            persistence.load(tmp_path / "model.skops")

    def test_cut_short(self, digits: Digits, tmp_path: Path) -> None:
        persistence.save(fitted("tree", digits), tmp_path / "model.skops")
        whole = (tmp_path / "model.skops").read_bytes()
        (tmp_path / "model.skops").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(InputError, match="not a model file"):
            persistence.load(tmp_path / "model.skops")

    def test_an_archive_of_something_else(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "model.skops", "w") as archive:
            archive.writestr("readme.txt", "hello")
        with pytest.raises(InputError, match="not a model file"):
            persistence.load(tmp_path / "model.skops")

    def test_another_kind_of_estimator(self, digits: Digits, tmp_path: Path) -> None:
        dummy = DummyClassifier().fit(digits.pixels, digits.labels)
        skops.io.dump(dummy, tmp_path / "model.skops")
        with pytest.raises(InputError, match="holds a DummyClassifier; must hold a Pipeline"):
            persistence.load(tmp_path / "model.skops")

    def test_code_in_the_file_is_not_run(self, tmp_path: Path) -> None:
        skops.io.dump({"callback": subprocess.run}, tmp_path / "model.skops")
        with pytest.raises(InputError, match=r"subprocess\.run"):
            persistence.load(tmp_path / "model.skops")

    def test_a_tree_that_points_outside_itself(self, digits: Digits, tmp_path: Path) -> None:
        persistence.save(fitted("tree", digits), tmp_path / "model.skops")
        forge_child(tmp_path / "model.skops", child=10**6)
        with pytest.raises(InputError, match="a tree in it points outside itself"):
            persistence.load(tmp_path / "model.skops")


def forge_child(path: Path, child: int) -> None:
    """Make the root of the tree in a model file point at another node."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    for name, content in contents.items():
        if not name.endswith(".npy"):
            json.loads(content)
            continue
        array = np.load(io.BytesIO(content))
        if array.dtype.names:
            array["left_child"][0] = child
            target = io.BytesIO()
            np.save(target, array)
            contents[name] = target.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
