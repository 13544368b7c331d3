"""Faults in params.yaml, each described in one line, and what DVC makes of the file."""

import copy
import shutil
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from handwriting.common.errors import InputError
from handwriting.common.params import schema
from handwriting.common.params.datasets import Source
from handwriting.common.params.messages import shorten
from handwriting.common.params.models import (
    DeskewParams,
    GradientFeatures,
    GradientParams,
    RandomForest,
    SupportVectorClassifier,
)
from tests.helpers import PARAMS, PROJECT, unlabelled_digits

GONE = object()
GRIDS = "datasets.digits.grids"
MNIST_MODELS = "datasets.mnist.models"


def changed(path: str, value: Any) -> Any:
    """Return the content of params.yaml with one value replaced or, with GONE, deleted."""
    content = copy.deepcopy(PARAMS)
    *keys, last = path.split(".")
    part = content
    for key in keys:
        part = part[key]
    if value is GONE:
        del part[last]
    else:
        part[last] = value
    return content


def fault(content: Any) -> str:
    """Return the message for a faulty content."""
    with pytest.raises(InputError) as caught:
        schema.parse(content, "params.yaml")
    return str(caught.value)


def test_the_file_of_the_project_is_valid() -> None:
    params = schema.parse(PARAMS, "params.yaml")
    assert set(params.datasets) == {"digits", "mnist"}
    assert list(params.models) == ["svc", "svc_raw", "tree", "forest"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("sed", 1, "sed: unknown key; allowed: models, seed, datasets"),
        ("seed", GONE, "seed: missing"),
        ("seed", True, "seed: True; must be an integer"),
        ("seed", -1, "seed: -1; must be greater than or equal to 0"),
        ("seed", 2**32, "seed: 4294967296; must be less than 4294967296"),
        ("datasets", {}, "datasets: {}; must not be empty"),
        ("datasets", GONE, "datasets: missing"),
        ("datasets", [], "datasets: []; must be a mapping of keys to values"),
        ("datasets.digits", None, "datasets.digits: None; must be a mapping of keys to values"),
        (
            "datasets.Mnist",
            PARAMS["datasets"]["mnist"],
            "datasets.Mnist: 'Mnist'; must consist of lo",
        ),
        ("datasets.mnist.spilt", {}, "datasets.mnist.spilt: unknown key; allowed: source, image"),
        ("datasets.mnist.image", None, "image: None; must be a mapping of keys to values"),
        ("datasets.mnist.image.height", 28.5, "image.height: 28.5; must be an integer"),
        ("datasets.mnist.image.pixel_max", 256, "pixel_max: 256; must be less than or equal to"),
        ("datasets.mnist.source.kind", "zip", "kind: 'zip'; allowed: 'sklearn', 'mnist', 'csv'"),
        ("datasets.mnist.source.mirrors", [], "mirrors: []; must not be empty"),
        ("datasets.mnist.source.mirrors", "here", "mirrors: 'here'; must be a list"),
        ("datasets.mnist.source.mirrors", [3], "mirrors[0]: 3; must be a valid string"),
        ("datasets.mnist.source.timeout", 0, "timeout: 0; must be greater than 0"),
        ("datasets.mnist.source.url", "x", "source.url: unknown key; allowed: mirrors, writers, t"),
        ("datasets.mnist.split.method", "half", "split.method: 'half'; allowed: 'ordered'"),
        ("datasets.mnist.split.method", GONE, "split.method: missing"),
        ("datasets.mnist.split.train", 1.5, "split.train: 1.5; must be an integer, or must be les"),
        ("datasets.mnist.split.train", 0, "split.train: 0; must be greater than"),
        ("datasets.mnist.split.train", "half", "split.train: 'half'; must be a number"),
        ("datasets.mnist.split.train", "0,5", "must be a number (write a decimal point: 0.5)"),
        ("datasets.mnist.source.timeout", 1e300, "1e+300; must be less than or equal to 86400"),
        ("datasets.mnist.image.height", 10**6, "height: 1000000; must be less than or equal to 1"),
        ("datasets.mnist.split.train", 10**10, "must be less than or equal to 1000000000"),
        ("datasets.mnist.tune.n_rows", 10**30, "must be less than or equal to 1000000000"),
        ("datasets.mnist.curve.sizes", [10**30], "must be less than or equal to 1000000000"),
        (f"{MNIST_MODELS}.svc.C", 1e300, "C: 1e+300; must be less than or equal to 1000000000000"),
        (f"{MNIST_MODELS}.svc.coef0", -1e300, "must be greater than or equal to -1000000000"),
        (f"{MNIST_MODELS}.svc.features.deskew.margin", 1e300, "less than or equal to 1000"),
        (f"{MNIST_MODELS}.svc.features.gradients.step", 1e300, "less than or equal to 1000"),
        (f"{MNIST_MODELS}.svc.features.gradients.sigma", 1e-300, "greater than or equal to 0.01"),
        (f"{MNIST_MODELS}.tree.max_depth", 10**22, "must be less than or equal to 1000000000"),
        (f"{MNIST_MODELS}.tree.min_samples_leaf", 10**19, "less than or equal to 1000000000"),
        (f"{MNIST_MODELS}.tree.min_samples_split", 10**19, "less than or equal to 1000000000"),
        (f"{MNIST_MODELS}.tree.ccp_alpha", 1e300, "less than or equal to 1000000000"),
        (f"{MNIST_MODELS}.forest.n_estimators", 10**23, "must be less than or equal to 10000"),
        (f"{GRIDS}.forest.n_estimators", [10**23], "must be less than or equal to 10000"),
        (
            "models.svc.kind",
            "knn",
            "models.svc.kind: 'knn'; must be 'svc', 'tree', 'forest' or 'nystroem'",
        ),
        ("models.svc.kind", GONE, "models.svc.kind: missing"),
        ("models.svc.C", 1, "models.svc.C: unknown key; allowed: kind"),
        ("models", {}, "models: {}; must not be empty"),
        ("models", GONE, "models: missing"),
        ("models.Svc", {"kind": "svc"}, "models.Svc: 'Svc'; must consist of lower-case"),
        (f"{MNIST_MODELS}.svc", GONE, "models.svc: missing; every dataset needs an entry for ea"),
        (f"{MNIST_MODELS}.svc", None, "models.svc: None; must be a mapping of keys to values"),
        (f"{MNIST_MODELS}.knn", {"features": "raw"}, "models.knn: unknown key; allowed: svc, s"),
        (f"{MNIST_MODELS}.svc.kind", "tree", "models.svc.kind: not allowed here; the kind is set"),
        (f"{MNIST_MODELS}.svc.kind", "svc", "models.svc.kind: not allowed here; the kind is set"),
        (f"{MNIST_MODELS}.svc.C", GONE, "models.svc.C: missing"),
        (f"{MNIST_MODELS}.svc.C", 0, "models.svc.C: 0; must be greater than 0"),
        (f"{MNIST_MODELS}.svc.C", "5", "models.svc.C: '5'; must be a number"),
        (f"{MNIST_MODELS}.svc.C", "0,5", "'0,5'; must be a number (write a decimal point: 0.5)"),
        (f"{MNIST_MODELS}.svc.C", float("inf"), "models.svc.C: inf; must be a finite number"),
        (f"{MNIST_MODELS}.svc.gamma", "big", "gamma: 'big'; must be a number, or must be 'scale'"),
        (f"{MNIST_MODELS}.svc.features", "hog", "'hog'; must be 'raw', 'unit' or 'binary'"),
        (f"{MNIST_MODELS}.svc.features", None, "None; must be a mapping of keys to values"),
        (f"{MNIST_MODELS}.svc.features.deskew.slant", 2, "deskew.slant: 2; must be less than or"),
        (f"{MNIST_MODELS}.svc.features.deskew.slat", 1, "slat: unknown key; allowed: size, margi"),
        (f"{MNIST_MODELS}.svc.features.gradients", GONE, "features.gradients: missing"),
        (f"{MNIST_MODELS}.svc.features.gradients.n_cells", 0, "n_cells: 0; must be greater than"),
        (f"{MNIST_MODELS}.tree.criterion", "giny", "criterion: 'giny'; must be 'gini', 'entropy'"),
        (f"{MNIST_MODELS}.tree.n_estimators", 5, "n_estimators: unknown key; allowed: features, c"),
        (f"{MNIST_MODELS}.forest.n_estimators", 0, "n_estimators: 0; must be greater than or equ"),
        (f"{MNIST_MODELS}.forest.n_estimators", 1.5, "n_estimators: 1.5; must be an integer"),
        ("evaluate.confidence", 95, "evaluate.confidence: 95; must be less than 1"),
        ("describe", GONE, "describe: missing"),
        ("draw.n_mistakes", 0, "draw.n_mistakes: 0; must be greater than or equal to 1"),
        ("verdict.claimed_accuracy", 95, "verdict.claimed_accuracy: 95; must be less than 1"),
        ("verdict.n_resamples", 10, "verdict.n_resamples: 10; must be greater than or equal to 1"),
    ],
)
def test_a_fault_is_one_line_with_key_value_and_what_is_allowed(
    path: str, value: Any, message: str
) -> None:
    line = fault(changed(path, value))
    assert line.startswith("params.yaml: ")
    assert message in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (f"{GRIDS}.svc.C", [1, -1], f"{GRIDS}.svc.C[1]: -1; must be greater than 0"),
        (f"{GRIDS}.svc.C", [1, "0,5"], f"{GRIDS}.svc.C[1]: '0,5'; must be a number (write a deci"
         "mal point: 0.5)"),
        (f"{GRIDS}.svc.C", [], f"{GRIDS}.svc.C: []; must not be empty"),
        (f"{GRIDS}.svc.C", 1, f"{GRIDS}.svc.C: 1; must be a list"),
        (f"{GRIDS}.svc", {}, f"{GRIDS}.svc: {{}}; must not be empty"),
        (
            f"{GRIDS}.svc.max_depth",
            [1],
            f"{GRIDS}.svc.max_depth: unknown key; allowed: C, kernel, gamma, degree, coef0, "
            "class_weight, tol, cache_size",
        ),
        (
            f"{GRIDS}.tree.max_depth",
            ["deep"],
            f"{GRIDS}.tree.max_depth[0]: 'deep'; must be an integer",
        ),
        (
            f"{GRIDS}.forest.n_estimators",
            GONE,
            f"{GRIDS}.forest.n_estimators: missing; a RandomForest has no default for it",
        ),
        (
            f"{GRIDS}.tree",
            GONE,
            f"{GRIDS}.tree: missing; every dataset needs an entry for each model",
        ),
        (
            f"{GRIDS}.knn",
            {"C": [1], "gamma": [1]},
            f"{GRIDS}.knn: unknown key; allowed: svc, svc_raw, tree, forest",
        ),
        (
            "datasets.digits.tune.n_folds",
            1,
            "datasets.digits.tune.n_folds: 1; must be greater than or equal to 2",
        ),
        ("datasets.mnist.tune.n_rows", GONE, "datasets.mnist.tune.n_rows: missing"),
        (
            "datasets.digits.curve.sizes",
            [100, 50],
            "datasets.digits.curve.sizes: [100, 50]; must be strictly increasing",
        ),
        (
            "datasets.digits.curve.sizes",
            [50, 50],
            "datasets.digits.curve.sizes: [50, 50]; must be strictly increasing",
        ),
        (
            "datasets.digits.curve.sizes",
            [],
            "datasets.digits.curve.sizes: []; must not be empty",
        ),
        (
            "datasets.digits.models.svc.kind",
            "tree",
            "datasets.digits.models.svc.kind: not allowed here; the kind is set in models.svc",
        ),
        (
            "datasets.digits.models.knn",
            {"kind": "knn"},
            "datasets.digits.models.knn: unknown key; allowed: svc, svc_raw, tree, forest",
        ),
    ],
)  # fmt: skip
def test_the_whole_message_about_a_study(path: str, value: Any, message: str) -> None:
    assert fault(changed(path, value)) == f"params.yaml: {message}"


def with_nystroem(path: str, value: Any) -> Any:
    """Return the content of params.yaml with a model of this kind, and one value replaced."""
    content = copy.deepcopy(PARAMS)
    content["models"]["quick"] = {"kind": "nystroem"}
    for dataset in content["datasets"].values():
        dataset["models"]["quick"] = {"features": "unit", "n_components": 100}
        dataset["grids"]["quick"] = {"alpha": [0.1, 1], "n_components": [100]}
    *keys, last = path.split(".")
    here = content["datasets"]["digits"]
    for key in keys:
        here = here[key]
    here[last] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("models.quick.n_components", 0, "0; must be greater than or equal to 1"),
        ("models.quick.n_components", 10**6, "1000000; must be less than or equal to 10000"),
        ("models.quick.n_components", 1.5, "1.5; must be an integer"),
        ("models.quick.gamma", "scale", "'scale'; must be a number"),
        ("models.quick.gamma", 0, "0; must be greater than 0"),
        ("models.quick.alpha", 0, "0; must be greater than or equal to 0.000001"),
        (
            "models.quick.C",
            1,
            "unknown key; allowed: features, n_components, gamma, alpha, random_state",
        ),
        ("grids.quick.C", [1], "unknown key; allowed: n_components, gamma, alpha, random_state"),
    ],
)
def test_faults_of_a_kernel_approximation_are_one_line(path: str, value: Any, message: str) -> None:
    found = fault(with_nystroem(path, value))
    assert found == f"params.yaml: datasets.digits.{path}: {message}"


def test_the_block_of_a_kernel_approximation_in_the_docs_can_be_copied() -> None:
    page = (PROJECT / "docs" / "extending.md").read_text()
    _, _, section = page.partition("### A kernel approximation")
    block = yaml.safe_load(section.partition("```yaml")[2].partition("```")[0])
    content = copy.deepcopy(PARAMS)
    content["models"] |= block["models"]
    for name, dataset in block["datasets"].items():
        for part in ("models", "grids"):
            content["datasets"][name][part] |= dataset[part]
    params = schema.parse(content, "params.yaml")
    for name in params.datasets:
        assert params.hyperparameters("quick", name).kind == "nystroem"


def test_a_kernel_approximation_has_the_defaults_of_scikit_learn() -> None:
    content = with_nystroem("models.quick.n_components", 7)
    found = schema.parse(content, "params.yaml").hyperparameters("quick", "digits")
    assert found.model_dump(exclude={"kind", "features"}) == {
        "n_components": 7,
        "gamma": None,
        "alpha": 1.0,
        "random_state": 0,
    }


@pytest.mark.parametrize("content", [None, [], "text"])
def test_a_file_that_is_not_a_mapping_raises_input_error(content: Any) -> None:
    message = fault(content)
    assert message.startswith("params.yaml: the whole file: ")
    assert message.endswith("must be a mapping of keys to values")


def test_a_name_with_a_hyphen_is_described_in_words() -> None:
    assert fault(changed("models.svc-linear", {"kind": "svc"})) == (
        "params.yaml: models.svc-linear: 'svc-linear'; must consist of lower-case letters, digits "
        "and underscores, a letter first"
    )


def test_a_faulty_checksum_is_described_in_words() -> None:
    source = {"kind": "csv", "location": "digits.csv", "sha256": "A" * 64}
    message = fault(changed("datasets.digits.source", source))
    assert message.endswith("; must be 64 hexadecimal digits, in lower case")


def test_two_faults_are_two_lines() -> None:
    content = changed("seed", -1)
    content["describe"]["samples_per_digit"] = 0
    assert len(fault(content).splitlines()) == 2


def test_a_model_that_no_dataset_has_is_one_line_per_missing_entry() -> None:
    lines = fault(changed("models.stump", {"kind": "tree"})).splitlines()
    assert lines == [
        f"params.yaml: datasets.{dataset}.{section}.stump: missing; every dataset needs an entry "
        "for each model"
        for dataset in ("digits", "mnist")
        for section in ("models", "grids")
    ]


def test_the_report_has_words_for_every_kind_of_source() -> None:
    template = (PROJECT / "stages/templates/report.html.jinja").read_text(encoding="utf-8")
    block = template.partition("{% set sources = {")[2].partition("} %}")[0]
    described = {line.split('"')[1] for line in block.strip().splitlines()}
    union, _ = get_args(Source)
    kinds = [get_args(kind.model_fields["kind"].annotation) for kind in get_args(union)]
    assert described == {name for (name,) in kinds}


TABLE = {**unlabelled_digits()["source"], "columns": ["label", "pixels"]}
DIGITS_SOURCE = "datasets.digits.source"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            DIGITS_SOURCE,
            {**TABLE, "columns": ["pixels"]},
            "columns: ['pixels']; must be pixels, once,",
        ),
        (
            DIGITS_SOURCE,
            {**TABLE, "columns": ["label", "one_hot", "pixels"]},
            "label or one_hot, once",
        ),
        (
            DIGITS_SOURCE,
            {**TABLE, "columns": ["digit", "pixels"]},
            "columns[0]: 'digit'; must be 'la",
        ),
        (DIGITS_SOURCE, {**TABLE, "columns": []}, "columns: []; must not be empty"),
        (DIGITS_SOURCE, {**TABLE, "ink": 0}, "source.ink: 0; must not be the same as paper"),
        (
            DIGITS_SOURCE,
            {**TABLE, "separator": ","},
            "separator: ','; must be 'comma', 'semicolon'",
        ),
        (DIGITS_SOURCE, {**TABLE, "order": "random"}, "order: 'random'; must be 'table' or 'inter"),
        (
            DIGITS_SOURCE,
            {"kind": "images", "location": "x", "paper": 256, "ink": 0},
            "source.paper: 256; must be less than or equal to 255",
        ),
        (
            DIGITS_SOURCE,
            {"kind": "csv", "location": "http://example.org/digits.csv"},
            "location: 'http://example.org/digits.csv'; must be a path or an https:// URL",
        ),
        (
            DIGITS_SOURCE,  # the host is example.org; localhost is the name of a user
            {"kind": "csv", "location": "http://localhost:1@example.org/digits.csv"},
            "must be a path or an https:// URL",
        ),
        (
            DIGITS_SOURCE,
            {"kind": "csv", "location": "https://[example.org/digits.csv"},
            "must be a path or an https:// URL",
        ),
        (
            DIGITS_SOURCE,
            {"kind": "mnist", "mirrors": ["ftp://localhost/"], "writers": [], "timeout": 1},
            "mirrors[0]: 'ftp://localhost/'; must be a path or an https:// URL",
        ),
        ("submissions", GONE, "submissions: missing"),
        ("submissions", {"digits": unlabelled_digits()}, "'digits' is also the name of a dataset"),
        (
            "submissions",
            {"kaggle": {**unlabelled_digits(), "dataset": "letters"}},
            "submissions.kaggle.dataset: 'letters'; allowed: digits, mnist",
        ),
        (
            "submissions",
            {"kaggle": {**unlabelled_digits(), "model": "knn"}},
            "submissions.kaggle.model: 'knn'; allowed: svc, svc_raw, tree, forest",
        ),
        (
            "submissions",
            {"kaggle": {**unlabelled_digits(), "source": TABLE}},
            "submissions.kaggle.source.columns: ['label', 'pixels']; must be pixels, once, and ign",
        ),
        (
            "submissions",
            {
                "kaggle": {
                    **unlabelled_digits(),
                    "source": {**unlabelled_digits()["source"], "order": "interleaved"},
                }
            },
            "submissions.kaggle.source.order: 'interleaved'; must be 'table', because the number",
        ),
    ],
)
def test_a_fault_in_a_table_or_a_submission_is_one_line(
    path: str, value: Any, message: str
) -> None:
    line = fault(changed(path, value))
    assert line.startswith("params.yaml: ")
    assert message in line
    assert "\n" not in line


def test_a_submission_is_found_by_its_name() -> None:
    params = schema.parse(changed("submissions", {"kaggle": unlabelled_digits()}), "params.yaml")
    assert params.submission("kaggle").model == "forest"
    with pytest.raises(InputError, match="submission 'x' is unknown; allowed: kaggle"):
        params.submission("x")


def test_long_values_are_shortened() -> None:
    assert len(fault(changed("seed", "x" * 5000))) < 300
    assert shorten("x" * 60) == f"'{'x' * 56}..."


def test_an_unknown_dataset_or_model_is_named_with_those_allowed() -> None:
    params = schema.parse(PARAMS, "params.yaml")
    with pytest.raises(InputError, match="dataset 'letters' is unknown; allowed: digits, mnist"):
        params.dataset("letters")
    with pytest.raises(InputError, match="'knn' is unknown; allowed: svc, svc_raw, tree, forest"):
        params.hyperparameters("knn", "digits")
    with pytest.raises(InputError, match="'knn' is unknown; allowed: svc, svc_raw, tree, forest"):
        params.grid("knn", "digits")


def test_hyperparameters_have_the_type_of_the_model_and_its_defaults() -> None:
    params = schema.parse(PARAMS, "params.yaml")
    used = params.hyperparameters("svc_raw", "digits")
    assert used == SupportVectorClassifier(kind="svc", features="raw", C=10, gamma=0.001)
    forest = params.hyperparameters("forest", "mnist")
    expected = GradientFeatures(deskew=DeskewParams(), gradients=GradientParams(n_levels=64))
    assert forest == RandomForest(
        kind="forest", features=expected, n_estimators=150, max_features=0.01
    )
    assert forest.random_state == 0


def test_two_models_may_have_the_same_kind() -> None:
    content = changed("models.stump", {"kind": "tree"})
    for dataset in content["datasets"].values():
        dataset["models"]["stump"] = {"features": "raw", "max_depth": 1}
        dataset["grids"]["stump"] = {"max_depth": [1, 2]}
    params = schema.parse(content, "params.yaml")
    assert params.hyperparameters("stump", "mnist").model_dump()["max_depth"] == 1
    assert params.hyperparameters("tree", "mnist").model_dump()["max_depth"] is None


def test_the_first_candidate_of_a_grid_has_the_features_in_use_and_the_first_values() -> None:
    first, grid = schema.parse(PARAMS, "params.yaml").grid("svc_raw", "mnist")
    assert list(grid) == ["C", "gamma"]
    expected = {"features": "unit", "C": grid["C"][0], "gamma": grid["gamma"][0]}
    assert first == SupportVectorClassifier(kind="svc", **expected)


def test_a_grid_may_have_one_hyperparameter() -> None:
    content = changed(f"{GRIDS}.svc_raw", {"C": [1, 10]})
    first, grid = schema.parse(content, "params.yaml").grid("svc_raw", "digits")
    assert grid == {"C": [1, 10]}
    assert first == SupportVectorClassifier(kind="svc", features="raw", C=1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", "7"),
        ("models.tree.kind", "forest"),
        ("describe.samples_per_digit", "11"),
        ("evaluate.confidence", "0.9"),
        ("draw.n_mistakes", "10"),
        ("verdict.power", "0.9"),
        ("datasets.digits.source.kind", "csv"),
        ("datasets.digits.image.pixel_max", "15"),
        ("datasets.digits.split.train", "0.6"),
        ("datasets.digits.tune.n_folds", "4"),
        ("datasets.digits.curve.n_rows", "800"),
        ("datasets.digits.models.forest.n_estimators", "50"),
        ("datasets.digits.models.svc.C", "20"),
        ("datasets.mnist.source.timeout", "10"),
        ("datasets.mnist.split.train", "50000"),
        ("datasets.mnist.models.svc.gamma", "0.03"),
    ],
)
def test_dvc_changes_one_line_of_the_file_when_it_sets_a_value(
    tmp_path: Path, key: str, value: str
) -> None:
    """What `dvc exp run -S key=value` does; only space before the line's comment may differ."""
    path = tmp_path / "params.yaml"
    shutil.copy(PROJECT / "params.yaml", path)
    before = path.read_text(encoding="utf-8").splitlines()
    apply_overrides(path, [f"{key}={value}"])
    after = path.read_text(encoding="utf-8").splitlines()
    assert len(after) == len(before)
    differing = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    ((old, new),) = differing
    name = key.rpartition(".")[2]
    old_setting, _, old_comment = old.partition(" #")
    new_setting, _, new_comment = new.partition(" #")
    assert old_setting.strip().startswith(f"{name}: ")
    assert new_setting.rstrip() == f"{old_setting.partition(':')[0]}: {value}"
    assert new_comment == old_comment


def test_dvc_changes_one_value_of_a_grid(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    shutil.copy(PROJECT / "params.yaml", path)
    before = path.read_text(encoding="utf-8").splitlines()
    apply_overrides(path, ["datasets.mnist.grids.svc_raw.C=[0.01,0.5,5,60]"])
    after = path.read_text(encoding="utf-8").splitlines()
    differing = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert differing == [("        - 50", "        - 60")]
