import filecmp
import io
import os
import re
import resource
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline

from handwriting import persistence
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from tests.helpers import HYPERPARAMETERS, PROJECT, dump_sealed, fit, fit_digits, read_csv

TRAIN = """
import sys
from pathlib import Path
from handwriting.data import datasets
from handwriting import persistence
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


def test_a_large_model_is_loaded_from_a_temporary_file(
    digits: LabelledImages, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = []
    create = tempfile.SpooledTemporaryFile
    monkeypatch.setattr(
        tempfile, "SpooledTemporaryFile", lambda size: files.append(create(size)) or files[-1]
    )
    model = fit_digits("tree", digits)
    persistence.save(model, path)
    monkeypatch.setattr(persistence, "_MAX_BYTES_IN_MEMORY", path.stat().st_size // 2)
    loaded = persistence.load(path)
    assert files[0]._rolled
    assert files[0].closed
    np.testing.assert_array_equal(loaded.predict(digits.pixels), model.predict(digits.pixels))


@pytest.mark.parametrize("kind", HYPERPARAMETERS)
def test_the_same_training_gives_the_same_bytes_in_another_process(
    kind: str, digits: LabelledImages, tmp_path: Path
) -> None:
    here, there = tmp_path / "here.skops", tmp_path / "there.skops"
    persistence.save(fit_digits(kind, digits), here)
    command = [sys.executable, "-c", TRAIN, kind, str(there)]
    subprocess.run(command, cwd=PROJECT, check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    assert filecmp.cmp(here, there, shallow=False)


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


def test_archive_of_something_else_raises_input_error(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputError, match="not a model file"):
        persistence.load(path)


@pytest.mark.parametrize("wrap", [lambda model: model, make_pipeline], ids=["bare", "pipeline"])
def test_another_kind_of_estimator_raises_input_error(
    wrap: Callable[[BaseEstimator], BaseEstimator], digits: LabelledImages, path: Path
) -> None:
    dump_sealed(wrap(DummyClassifier()).fit(digits.pixels, digits.labels), path)
    with pytest.raises(InputError, match="not a model of this version of the project"):
        persistence.load(path)


def test_code_in_the_file_is_not_executed(path: Path) -> None:
    dump_sealed({"callback": subprocess.run}, path)
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

    def forge(contents: dict[str, bytes]) -> None:
        for name, content in contents.items():
            if not name.endswith(".npy"):
                continue
            array = np.load(io.BytesIO(content))
            if array.dtype.names:
                array[field][0] = value
                contents[name] = npy(array)

    forge_contents(path, forge)


def npy(array: np.ndarray) -> bytes:
    target = io.BytesIO()
    np.save(target, array)
    return target.getvalue()


def forge_contents(path: Path, forge: Callable[[dict[str, bytes]], None]) -> None:
    """Change the contents of a model file and give it a checksum that matches."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    forge(contents)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    path.write_bytes(persistence._seal(target.getvalue()))


@pytest.fixture(scope="module")
def whole(digits: LabelledImages, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A sound model file."""
    path = tmp_path_factory.mktemp("whole") / "tree.skops"
    persistence.save(fit_digits("tree", digits), path)
    return path.read_bytes()


def refusal(path: Path) -> str | None:
    """Return why a model file is refused, which must be one line; None if it is loaded."""
    try:
        persistence.load(path)
    except InputError as error:
        reason = str(error)
    else:
        return None
    assert "\n" not in reason
    assert reason.startswith(f"{path}: ")
    return reason


def test_every_changed_byte_is_found(whole: bytes, path: Path) -> None:
    """Also where ZIP, JSON or NumPy would not notice, such as unused bytes of the directory."""
    random = np.random.default_rng(0)
    for position in random.integers(0, len(whole), 400):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        assert refusal(path) is not None


def test_every_truncation_is_found(whole: bytes, path: Path) -> None:
    lengths = {*np.random.default_rng(0).integers(0, len(whole), 150), *range(150)}
    # Among them the lengths that only cut off a part of the comment, which zipfile does not notice.
    for length in {*lengths, *(len(whole) - cut for cut in range(1, 150))}:
        path.write_bytes(whole[:length])
        assert refusal(path) == (
            f"{path}: not a model file, or only a part of one; run `dvc repro`"
        )


@pytest.mark.parametrize("extra", [b"\0", b"PK", b"a line that somebody added\n"])
def test_bytes_after_the_end_are_found(extra: bytes, whole: bytes, path: Path) -> None:
    path.write_bytes(whole + extra)
    assert refusal(path) is not None


def test_a_changed_array_is_named_as_damage(whole: bytes, path: Path) -> None:
    """As an array that another program has rewritten, with a valid archive around it."""
    path.write_bytes(whole)
    with zipfile.ZipFile(path) as archive:
        seal = archive.comment
        contents = {name: archive.read(name) for name in archive.namelist()}
    array = next(name for name in contents if name.endswith(".npy"))
    contents[array] = contents[array][:-1] + b"\1"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
        archive.comment = seal
    assert refusal(path) == f"{path}: damaged: its checksum does not match; run `dvc repro`"


def test_forged_contents_with_a_matching_checksum_cause_no_other_exception(
    whole: bytes, path: Path
) -> None:
    """Changed bytes of a schema or an array, sealed again: refused, or loaded as a model."""
    path.write_bytes(whole)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    random = np.random.default_rng(0)

    def forge(contents: dict[str, bytes]) -> None:
        name = "schema.json" if random.random() < 0.6 else names[random.integers(len(names))]
        changed = bytearray(contents[name])
        for position in random.integers(0, len(changed), 1 + random.integers(3)):
            changed[position] = random.integers(256)
        contents[name] = bytes(changed)

    n_refused = 0
    for _ in range(200):
        path.write_bytes(whole)
        forge_contents(path, forge)
        n_refused += refusal(path) is not None
    assert n_refused > 60


@pytest.mark.parametrize(
    ("kind", "owner", "name", "value"),
    [
        ("svc", "classifier_", "support_vectors_", np.zeros((5, 3), dtype=np.float32)),
        ("svc", "classifier_", "support_vectors_", np.zeros(5)),
        ("svc", "classifier_", "dual_coef_", np.zeros((9, 2))),
        ("svc", "classifier_", "intercept_", np.zeros(3)),
        ("svc", "classifier_", "n_support_", np.zeros(2, dtype=np.int32)),
        ("svc", "classifier_", "classes_", np.arange(3)),
        ("svc", "classifier_", "_gamma", "wide"),
        ("svc", "classifier_", "kernel", "cubic"),
        ("tree", "classifier_", "n_outputs_", "one"),
        ("nystroem", "classifier_", "components_", np.zeros((5, 64), dtype=np.float32)),
        ("nystroem", "classifier_", "dual_coef_", np.full((150, 10), np.nan)),
        ("nystroem", "classifier_", "intercept_", np.zeros(3)),
        ("nystroem", "classifier_", "gamma_", "wide"),
        ("tree", None, "exponent_", float("nan")),
        ("tree", None, "classes_", np.arange(5, 15)),
        ("tree", None, "classes_", np.arange(4)),
        ("tree", "novelty_", "means_", np.zeros((10, 2), dtype=np.float32)),
        ("tree", "novelty_", "offset_", "far"),
    ],
)
def test_a_forged_part_that_does_not_fit_the_others_raises_input_error(
    kind: str, owner: str | None, name: str, value: object, digits: LabelledImages, path: Path
) -> None:
    """It is refused when it is loaded, not with a traceback when it predicts."""
    model = fit_digits(kind, digits)
    setattr(getattr(model[-1], owner) if owner else model[-1], name, value)
    persistence.save(model, path)
    reason = refusal(path)
    assert reason is not None
    assert reason.startswith(f"{path}: not a model file (")


@pytest.mark.parametrize(
    ("step", "name", "value"),
    [("images", "height", 10**6), ("images", "pixel_max", 0), ("images", "width", "8")],
)
def test_a_forged_size_is_refused_before_an_image_of_it_is_made(
    step: str, name: str, value: object, digits: LabelledImages, path: Path
) -> None:
    model = fit_digits("tree", digits)
    setattr(model[step], name, value)
    persistence.save(model, path)
    with limited_memory():
        assert refusal(path) in (
            f"{path}: not a model of this version of the project; run `dvc repro`",
            f"{path}: the frame of its images is missing or impossible; run `dvc repro`",
        )


def test_a_bomb_is_refused_before_it_is_expanded(whole: bytes, path: Path) -> None:
    """The directory names the same 64 MiB of zeros 20 times."""
    target = io.BytesIO(whole)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("zeros.npy", bytes(2**26))
        bomb.filelist += 19 * bomb.filelist[-1:]
    path.write_bytes(persistence._seal(target.getvalue()))
    with limited_memory():
        message = refusal(path)
    assert message.startswith(f"{path}: not a model file (it expands to more than 1 GiB, ")
    assert message.endswith(" times its size); run `dvc repro`")


def test_a_large_file_may_expand_to_a_larger_model(
    monkeypatch: pytest.MonkeyPatch, digits: LabelledImages, path: Path
) -> None:
    persistence.save(fit_digits("forest", digits), path)
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        assert sum(entry.file_size for entry in archive.infolist()) > size
    monkeypatch.setattr(persistence, "_MAX_BYTES", size)
    persistence.load(path)
    monkeypatch.setattr(persistence, "_MAX_RATIO", 1)
    assert "it expands to more than" in refusal(path)


def test_an_array_that_claims_to_be_huge_needs_no_memory(whole: bytes, path: Path) -> None:
    def forge(contents: dict[str, bytes]) -> None:
        header = b"'shape': (1000000000000,)".ljust(40)
        name = next(name for name in contents if name.endswith(".npy"))
        content = contents[name]
        start = content.index(b"'shape'")
        contents[name] = content[:start] + header + content[start + len(header) :]

    path.write_bytes(whole)
    forge_contents(path, forge)
    with limited_memory():
        assert refusal(path) is not None


@contextmanager
def limited_memory() -> Iterator[None]:
    """Let this process have 1 GiB more than it has."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    n_pages = int(Path("/proc/self/statm").read_text().split()[0])
    more = n_pages * resource.getpagesize() + 2**30
    resource.setrlimit(resource.RLIMIT_AS, (more, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def test_a_file_that_is_larger_than_any_model_is_not_read(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)  # without content, so it takes no space
    assert refusal(path) == f"{path}: not a model file (it is larger than 1 GiB)"


# Model files of each published format, with what each predicts. `write_published` wrote them.
PUBLISHED = Path(__file__).parent / "published"


@pytest.mark.parametrize("name", ["tree", "svc"])
def test_a_model_of_the_published_format_predicts_as_when_it_was_written(
    name: str, digits: LabelledImages
) -> None:
    expected = read_csv(PUBLISHED / f"format_{persistence._FORMAT}_{name}.csv")
    model = persistence.load(PUBLISHED / f"format_{persistence._FORMAT}_{name}.skops")
    images = digits.pixels[-len(expected) :]
    assert [str(digit) for digit in model.predict(images)] == [row["digit"] for row in expected]
    np.testing.assert_allclose(
        model.predict_proba(images).max(axis=1),
        [float(row["probability"]) for row in expected],
        rtol=1e-6,
    )


def test_model_files_name_their_types_as_the_first_ones_of_the_format_did(
    digits: LabelledImages, path: Path
) -> None:
    persistence.save(fit_digits("svc with gradients", digits), path)
    with zipfile.ZipFile(path) as archive:
        schema = archive.read("schema.json").decode()
    names = set(re.findall(r'"__module__": "(handwriting[^"]*)"', schema))
    assert names == {
        "handwriting.features.blocks",
        "handwriting.features.deskew",
        "handwriting.features.gradients",
        "handwriting.features.pixels",
        "handwriting.models.calibration",
        "handwriting.models.novelty",
        "handwriting.svm.svc",
    }


def write_published(digits: LabelledImages) -> None:
    """Write files of a new format: fit small models on 100 images and predict the last 50."""
    for name in ("tree", "svc"):
        path = PUBLISHED / f"format_{persistence._FORMAT}_{name}.skops"
        model = fit(HYPERPARAMETERS[name], digits.take(np.arange(100)))
        persistence.save(model, path)
        images = digits.pixels[-50:]
        with path.with_suffix(".csv").open("w") as file:
            file.write("digit,probability\n")
            probabilities = model.predict_proba(images).max(axis=1)
            for digit, probability in zip(model.predict(images), probabilities, strict=True):
                file.write(f"{digit},{probability:.9f}\n")


def test_a_model_of_the_format_without_checksum_is_refused(
    digits: LabelledImages, path: Path
) -> None:
    """Format 1 was the same archive, and nothing else."""
    path.write_bytes(persistence._normalise(io.BytesIO(skops.io.dumps(fit_digits("tree", digits)))))
    assert refusal(path) == (
        f"{path}: a model file of an earlier version of the project, without a checksum; "
        "run `dvc repro`"
    )


def test_a_model_of_a_later_format_is_refused(whole: bytes, path: Path) -> None:
    checked = whole[: -persistence._N_DIGITS].replace(b", format 3,", b", format 4,")
    path.write_bytes(checked + persistence._checksum(checked))
    assert refusal(path) == (
        f"{path}: a model file of format 4; this version of the project reads format 3; "
        "run `dvc repro`"
    )


@pytest.mark.parametrize("name", ["tree", "svc"])
def test_a_model_of_the_format_without_a_learned_frame_is_refused(name: str) -> None:
    """Format 2 has no learned framing."""
    path = PUBLISHED / f"format_2_{name}.skops"
    assert refusal(path) == (
        f"{path}: a model file of format 2; this version of the project reads format 3; "
        "run `dvc repro`"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("box_height_", 0), ("box_width_", 9), ("box_width_", 8.0), ("by_mass_", 1)],
)
def test_an_impossible_frame_is_refused(
    name: str, value: float, digits: LabelledImages, path: Path
) -> None:
    model = fit_digits("tree", digits)
    setattr(model["images"], name, value)
    persistence.save(model, path)
    assert refusal(path) == (
        f"{path}: the frame of its images is missing or impossible; run `dvc repro`"
    )
