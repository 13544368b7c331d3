"""Saves and loads fitted models: without pickle, and with the same bytes for the same fit."""

import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from sklearn.pipeline import Pipeline
from skops.io.exceptions import UntrustedTypesFoundException

from handwriting.common.errors import InputError
from handwriting.models.calibration import CalibratedClassifier

# What a model file may contain besides scikit-learn's estimators and NumPy's arrays. A file with
# any other type is refused before an object is created.
TRUSTED_TYPES = [
    "handwriting.features.blocks.Blockwise",
    "handwriting.features.deskew.Deskew",
    "handwriting.features.gradients.OrientedGradients",
    "handwriting.features.pixels.ImagePixels",
    "handwriting.features.pixels.UnitPixels",
    "handwriting.models.calibration.CalibratedClassifier",
    "handwriting.models.novelty.ClassSubspaces",
    "handwriting.svm.svc.SVC",
    "sklearn.tree._tree.Tree",
]

# What zipfile, zlib, json, NumPy and skops raise for damaged files.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    AttributeError,
    ImportError,
    LookupError,
    ValueError,
    OSError,
    TypeError,
    EOFError,
)

_SCHEMA = "schema.json"
# The earliest timestamp a ZIP archive can store.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def save(model: Pipeline, path: Path) -> None:
    """Write a fitted model; the same fit gives the same bytes."""
    path.write_bytes(_normalise(skops.io.dumps(model)))


def load(path: Path) -> Pipeline:
    """Read what `save` wrote; no code in the file is executed.

    Raises
    ------
    InputError
        If the file is missing, is not a model file, or contains a type that is not trusted.
    """
    try:
        model = skops.io.load(path, trusted=TRUSTED_TYPES)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`, which creates it") from None
    except UntrustedTypesFoundException as error:
        raise InputError(f"{path}: not loaded: {error}") from None
    except _DAMAGED as error:
        raise InputError(f"{path}: not a model file ({error}); run `dvc repro`") from None
    if not isinstance(model, Pipeline) or not isinstance(model[-1], CalibratedClassifier):
        raise InputError(f"{path}: not a model of this version of the project; run `dvc repro`")
    if not all(_is_sound(tree) for tree in _trees(model[-1].classifier_)):
        raise InputError(
            f"{path}: a tree in it has nodes that point outside the tree; run `dvc repro`"
        )
    return model


def _trees(classifier: Any) -> Iterator[Any]:
    """Yield the nodes of every tree of a classifier; other classifiers have none."""
    for estimator in getattr(classifier, "estimators_", [classifier]):
        if hasattr(estimator, "tree_"):
            yield estimator.tree_


def _is_sound(tree: Any) -> bool:
    """Return whether all nodes of a tree point to later nodes and to existing features.

    scikit-learn follows these indices without checks. A forged file could make it read memory
    outside the tree or loop forever.
    """
    inner = np.flatnonzero(tree.children_left != -1)
    children = np.stack([tree.children_left[inner], tree.children_right[inner]])
    features = tree.feature[inner]
    return bool(
        tree.node_count > 0
        and np.all((children > inner) & (children < tree.node_count))
        and np.all((features >= 0) & (features < tree.n_features))
    )


def _normalise(archive: bytes) -> bytes:
    """Remove from a skops archive what differs between two saves of the same model.

    These are the memory addresses by which skops names arrays and shared objects, the timestamps
    in the ZIP directory, and the unused bytes between the fields of a structured array.
    """
    source = zipfile.ZipFile(io.BytesIO(archive))
    numbers: dict[int, int] = {}
    schema = json.loads(source.read(_SCHEMA), object_hook=lambda node: _renumber(node, numbers))
    files = {f"{address}.npy": f"{number}.npy" for address, number in numbers.items()}
    target = io.BytesIO()
    # Trees are mostly zeros: the fastest level already removes five sixths of a forest.
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as normalised:
        for name in sorted(set(source.namelist()) - {_SCHEMA}, key=lambda name: files[name]):
            entry = zipfile.ZipInfo(files[name], _NO_TIME)
            normalised.writestr(entry, _zero_padding(source.read(name)), zipfile.ZIP_DEFLATED, 1)
        entry = zipfile.ZipInfo(_SCHEMA, _NO_TIME)
        normalised.writestr(entry, json.dumps(schema), zipfile.ZIP_DEFLATED, 1)
    return target.getvalue()


def _renumber(node: dict[str, Any], numbers: dict[int, int]) -> dict[str, Any]:
    """Replace an object's memory address with its position in the schema."""
    if "__id__" in node:
        node["__id__"] = numbers.setdefault(node["__id__"], len(numbers))
    if str(node.get("file", "")).endswith(".npy"):
        address = int(node["file"].removesuffix(".npy"))
        node["file"] = f"{numbers.setdefault(address, len(numbers))}.npy"
    return node


def _zero_padding(content: bytes) -> bytes:
    """Rewrite a structured array with zeros in the bytes that no field uses."""
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    clean = np.zeros(array.shape, array.dtype)  # zeros_like clears only the fields
    for field in array.dtype.names:
        clean[field] = array[field]
    target = io.BytesIO()
    np.save(target, clean, allow_pickle=False)
    return target.getvalue()
