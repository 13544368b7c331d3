"""Random faults in what people and other programs write: tables, params.yaml, models, images.

A reader either reads the content or refuses it with an `InputError`. It raises nothing else, ends
within seconds and needs less than 1 GiB of memory. `make test-faults` tries 10,000 cases of each.
"""

import io
import resource
import signal
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from ruamel.yaml import YAML

from handwriting import persistence
from handwriting.common.errors import InputError
from handwriting.common.images import LabelledImages
from handwriting.common.params import schema
from handwriting.common.params.yaml_reader import read_yaml
from handwriting.data import table
from handwriting.pictures import decode
from handwriting.recognizer import Recognizer
from tests.helpers import DIGITS_FORMAT, HYPERPARAMETERS, PARAMS, PROJECT, fit

N_CASES = [
    pytest.param(300, id="300 cases"),
    pytest.param(10_000, id="10,000 cases", marks=pytest.mark.thorough),
]
LONGEST = 20  # seconds for one case


@contextmanager
def limits_of_one_case() -> Iterator[None]:
    """Let this process have 1 GiB more than it has, and some seconds.

    The memory is limited for each case anew, because Hypothesis remembers all cases.
    """
    limits = resource.getrlimit(resource.RLIMIT_AS)
    n_pages = int(Path("/proc/self/statm").read_text().split()[0])
    more = n_pages * resource.getpagesize() + 2**30
    resource.setrlimit(resource.RLIMIT_AS, (more, limits[1]))
    signal.alarm(LONGEST)  # ends the process
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, limits)


Try = Callable[[st.SearchStrategy[Any], Callable[[Any], object], int], None]


@pytest.fixture
def try_cases(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Try:
    """Read many cases; each is read or refused, and some are refused."""

    def run(cases: st.SearchStrategy[Any], read: Callable[[Any], object], n_cases: int) -> None:
        n_refused = count_refused(cases, read, n_cases)
        assert n_refused > n_cases / 10
        reader = request.function.__name__.removeprefix("test_")
        record_property("fuzzer", (reader, n_cases, n_refused))

    return run


def count_refused(
    cases: st.SearchStrategy[Any], read: Callable[[Any], object], n_cases: int
) -> int:
    n_refused = 0

    @settings(max_examples=n_cases, suppress_health_check=list(HealthCheck))
    @given(cases)
    def check(case: Any) -> None:
        nonlocal n_refused
        try:
            with limits_of_one_case():
                read(case)
        except InputError:
            n_refused += 1

    check()
    return n_refused


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """A few random changes to a valid file."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(len(content) - 1, 0)))
        end = start + draw(st.integers(0, 40))
        match draw(st.sampled_from(("replace", "insert", "delete", "repeat", "truncate", "flip"))):
            case "replace":
                content = content[:start] + draw(st.binary(max_size=12)) + content[end:]
            case "insert":
                content = content[:start] + draw(st.binary(max_size=12)) + content[start:]
            case "delete":
                content = content[:start] + content[end:]
            case "repeat":
                content = content[:end] + content[start:]
            case "truncate":
                content = content[:start]
            case "flip" if content:
                flipped = content[start] ^ (1 << draw(st.integers(0, 7)))
                content = content[:start] + bytes([flipped]) + content[start + 1 :]
    return content


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("n_cases", N_CASES)
def test_tables(n_cases: int, try_cases: Try, digits: LabelledImages, tmp_path: Path) -> None:
    """As a file of the project's own form, and as a user's table without the right header."""
    path = tmp_path / "table.csv"
    table.write(digits.take(np.arange(5)), path)
    valid = path.read_bytes()

    def read(case: tuple[bytes, bool]) -> None:
        content, is_own = case
        write(path, content)
        if is_own:
            table.read(path, DIGITS_FORMAT)
        else:
            table.add_header(path, path.name, tmp_path / "copy.csv")

    contents = damaged(valid) | st.binary(max_size=200) | st.text(max_size=200).map(str.encode)
    try_cases(st.tuples(contents, st.booleans()), read, n_cases)


# Values that people write by mistake, and some that nobody writes.
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["yes", "1e-3", "https://", "../..", "svc", "raw", 10**30, -1, 0])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@st.composite
def changed_params(draw: st.DrawFn) -> bytes:
    """params.yaml with another value, another key or a missing key somewhere."""
    content = YAML(typ="safe").load(PROJECT / "params.yaml")
    block, depth = content, draw(st.integers(0, 6))
    while depth and any(isinstance(value, dict) and value for value in block.values()):
        block = draw(st.sampled_from([v for v in block.values() if isinstance(v, dict) and v]))
        depth -= 1
    key = draw(st.sampled_from(list(block)))
    match draw(st.sampled_from(("value", "missing", "other"))):
        case "value":
            block[key] = draw(VALUES)
        case "missing":
            del block[key]
        case "other":
            block[draw(st.text(max_size=8))] = draw(VALUES)
    file = io.StringIO()
    yaml = YAML(typ="safe")
    yaml.dump(content, file)
    return file.getvalue().encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("n_cases", N_CASES)
def test_params(n_cases: int, try_cases: Try, tmp_path: Path) -> None:
    """Damaged text, and valid YAML with values that do not belong there."""
    path = tmp_path / "params.yaml"
    small = YAML(typ="safe")
    file = io.StringIO()
    content = {**PARAMS, "datasets": {"digits": PARAMS["datasets"]["digits"]}}
    small.dump(content, file)

    def read(case: bytes) -> None:
        schema.parse(read_yaml(write(path, case)), "params.yaml")

    contents = damaged(file.getvalue().encode()) | changed_params() | st.binary(max_size=100)
    try_cases(contents, read, n_cases)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # overflows, of forged numbers
@pytest.mark.parametrize("n_cases", N_CASES)
def test_models(n_cases: int, try_cases: Try, digits: LabelledImages, tmp_path: Path) -> None:
    """Damaged files, and forged contents under a checksum that matches; what loads predicts."""
    path = tmp_path / "model.skops"
    valid: dict[str, bytes] = {}
    forged = []
    for name, hyperparameters in SMALL_MODELS.items():
        persistence.save(fit(hyperparameters, digits.take(np.arange(100))), path)
        valid[name] = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            contents = {entry: archive.read(entry) for entry in archive.namelist()}
        entries = ["schema.json"] * len(contents) + list(contents)
        forged.append(st.tuples(st.just(contents), st.sampled_from(entries)).flatmap(forgeries))

    def read(case: bytes) -> None:
        Recognizer.load(write(path, case)).classify(digits.pixels[:20])

    damages = st.sampled_from(list(valid)).flatmap(lambda name: damaged(valid[name]))
    try_cases(st.one_of(damages, *forged), read, n_cases)


SMALL_MODELS = {
    **{name: HYPERPARAMETERS[name] for name in ("tree", "svc")},
    "forest": HYPERPARAMETERS["forest"].model_copy(update={"n_estimators": 2}),
}


def forgeries(chosen: tuple[dict[str, bytes], str]) -> st.SearchStrategy[bytes]:
    """Yield model files with a damaged entry."""
    contents, name = chosen
    return damaged(contents[name]).map(lambda content: forge(contents, name, content))


def forge(contents: dict[str, bytes], name: str, content: bytes) -> bytes:
    """Return a model file with another content of one of its files."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for entry, original in contents.items():
            archive.writestr(entry, content if entry == name else original)
    return persistence._seal(target.getvalue())


@pytest.mark.parametrize("n_cases", N_CASES)
def test_images(n_cases: int, try_cases: Try) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 9, 4), dtype=np.uint8)
    valid = []
    for kind in decode.FORMATS:
        for mode in ("L", "RGB", "1", *(("RGBA", "P", "I;16") if kind in ("PNG", "TIFF") else ())):
            file = io.BytesIO()
            image = Image.fromarray(pixels).convert("I" if mode == "I;16" else mode)
            image.convert(mode).save(file, kind)
            valid.append(file.getvalue())
    contents = st.sampled_from(valid).flatmap(damaged) | st.binary(max_size=200)
    try_cases(contents, decode.read_grey, n_cases)
