import copy
from typing import Any

import pytest
from ruamel.yaml import YAML

from handwriting import params
from handwriting.errors import InputError
from tests.conftest import PROJECT

SOUND = YAML(typ="safe").load(PROJECT / "params.yaml")
GONE = object()


def changed(path: str, value: Any) -> Any:
    content = copy.deepcopy(SOUND)
    *keys, last = path.split(".")
    part = content
    for key in keys:
        part = part[key]
    if value is GONE:
        del part[last]
    else:
        part[last] = value
    return content


def test_the_file_of_the_project_is_sound() -> None:
    assert set(params.parse(SOUND, "params.yaml").datasets) == {"digits", "mnist"}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("sed", 1, "sed: unknown key; allowed: seed, datasets"),
        ("seed", GONE, "seed: missing"),
        ("seed", True, "seed: True; must be a valid integer"),
        ("seed", -1, "seed: -1; must be greater than or equal to 0"),
        ("datasets", {}, "datasets: {}; must not be empty"),
        ("datasets.Mnist", SOUND["datasets"]["mnist"], "datasets.Mnist: 'Mnist'; must match"),
        ("datasets.mnist.spilt", {}, "datasets.mnist.spilt: unknown key; allowed: source, image"),
        ("datasets.mnist.image", None, "image: None; must be a mapping of keys to values"),
        ("datasets.mnist.image.height", 28.5, "image.height: 28.5; must be a valid integer"),
        ("datasets.mnist.image.pixel_max", 256, "pixel_max: 256; must be less than or equal to"),
        ("datasets.mnist.source.kind", "zip", "kind: 'zip'; allowed: 'sklearn', 'mnist', 'csv'"),
        ("datasets.mnist.source.mirrors", [], "mirrors: []; must not be empty"),
        ("datasets.mnist.source.mirrors", [3], "mirrors[0]: 3; must be a valid string"),
        ("datasets.mnist.source.timeout", 0, "timeout: 0; must be greater than 0"),
        ("datasets.mnist.split.method", "half", "split.method: 'half'; allowed: 'ordered'"),
        ("datasets.mnist.split.train", 1.5, "split.train: 1.5; must be a valid integer, or"),
        ("datasets.mnist.split.train", 0, "split.train: 0; must be greater than"),
        ("models.svc.kind", "knn", "models.svc.kind: 'knn'; allowed: 'svc', 'tree', 'forest'"),
        ("models.svc.kind", GONE, "models.svc.kind: missing"),
        ("models.svc.mnist", GONE, "models.svc.mnist: missing; every model needs an entry"),
        ("models.svc.letters", {"features": "raw", "C": 1}, "models.svc.letters: unknown key"),
        ("models.svc.mnist.C", 0, "models.svc.mnist.C: 0; must be greater than 0"),
        ("models.svc.mnist.C", "5", "models.svc.mnist.C: '5'; must be a valid number"),
        ("models.svc.mnist.C", float("inf"), "models.svc.mnist.C: inf; must be a finite number"),
        ("models.svc.mnist.gamma", "big", "gamma: 'big'; must be a valid number, or must be 'sc"),
        ("models.svc.mnist.features", "hog", "features: 'hog'; must be 'raw', 'unit' or 'binary'"),
        ("models.tree.mnist.criterion", "giny", "criterion: 'giny'; must be 'gini', 'entropy'"),
        ("models.tree.mnist.n_estimators", 5, "n_estimators: unknown key; allowed: features, cr"),
        ("models.forest.mnist.n_estimators", 0, "n_estimators: 0; must be greater than or equal"),
        ("evaluate.confidence", 95, "evaluate.confidence: 95; must be less than 1"),
        ("describe", GONE, "describe: missing"),
    ],
)
def test_a_fault_is_one_line_with_path_value_and_what_is_allowed(
    path: str, value: Any, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        params.parse(changed(path, value), "params.yaml")
    line = str(caught.value)
    assert line.startswith("params.yaml: ")
    assert message in line
    assert "\n" not in line


@pytest.mark.parametrize("content", [None, [], "text"])
def test_a_file_without_keys_is_one_line(content: Any) -> None:
    with pytest.raises(InputError, match=r"^params\.yaml: the whole file: .*must be a mapping"):
        params.parse(content, "params.yaml")


def test_two_faults_are_two_lines() -> None:
    content = changed("seed", -1)
    content["describe"]["samples_per_digit"] = 0
    with pytest.raises(InputError) as caught:
        params.parse(content, "params.yaml")
    assert len(str(caught.value).splitlines()) == 2


def test_an_unknown_dataset_or_model_is_named_with_those_allowed() -> None:
    sound = params.parse(SOUND, "params.yaml")
    with pytest.raises(InputError, match="dataset 'letters' is unknown; allowed: digits, mnist"):
        sound.dataset("letters")
    with pytest.raises(InputError, match="model 'knn' is unknown; allowed: svc, tree, forest"):
        sound.hyperparameters("knn", "digits")
