"""Saves and loads fitted models: without pickle, and with the same bytes for the same fit.

A model file ends with a checksum of its content. `load` verifies it before it decompresses or
creates anything, which detects damage. The checksum is not a signature: anyone who forges a file
can also compute it, so `load` checks the content as well.
"""

import hashlib
import io
import json
import re
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import skops.io
from sklearn.pipeline import Pipeline
from skops.io.exceptions import UntrustedTypesFoundException

from handwriting.common.errors import InputError
from handwriting.models.calibration import CalibratedClassifier

# What a model file may contain besides scikit-learn's estimators and NumPy's arrays. A file with
# any other type is refused before an object is created.
TRUSTED_TYPES = [
    "handwriting.models.features.blocks.Blockwise",
    "handwriting.models.features.deskew.Deskew",
    "handwriting.models.features.gradients.OrientedGradients",
    "handwriting.models.features.pixels.ImagePixels",
    "handwriting.models.features.pixels.UnitPixels",
    "handwriting.models.calibration.CalibratedClassifier",
    "handwriting.models.novelty.ClassSubspaces",
    "handwriting.models.nystroem.NystroemClassifier",
    "handwriting.models.svm.svc.SVC",
    "sklearn.tree._tree.Tree",
]

# Where the packages of these types are, by the names that model files have for them. These names
# stay as they are when modules are moved, so that older files can be read.
_MOVED = {
    "handwriting.features": "handwriting.models.features",
    "handwriting.svm": "handwriting.models.svm",
}
_NAMES_IN_FILES = {package: name for name, package in _MOVED.items()}

# Increase this number when the content of a model file changes. Other numbers are refused.
_FORMAT = 3
# The end of a model file. The checksum is that of all bytes before it, with the format number.
_SEAL = re.compile(rb"handwriting model, format (\d+), SHA-256 ([0-9a-f]{64})\Z")
_N_DIGITS = 64
# MNIST's forest has 106 MiB when expanded, a forest of a million images twenty times as much. What
# expands to more than this, and to so many times the size of its file, is no model: forests, which
# are mostly zeros, expand to six times the size.
_MAX_BYTES = 2**30
_MAX_RATIO = 20
# MNIST's largest model file has 20 MB.
_MAX_BYTES_IN_MEMORY = 2**26

# Upper limits of what determines the memory for one image; params.yaml allows less.
_LARGEST = {"height": 1024, "width": 1024, "pixel_max": 255, "size": 1024}
_LARGEST |= {"n_cells": 64, "n_orientations": 64}

_SCHEMA = "schema.json"
# The earliest timestamp a ZIP archive can store.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def save(model: Pipeline, path: Path) -> None:
    """Write a fitted model; the same fit gives the same bytes."""
    # In a file, because skops' archive is as large as the model.
    with tempfile.TemporaryFile(dir=path.parent) as archive:
        skops.io.dump(model, archive)
        path.write_bytes(_seal(_normalise(archive)))


def load(path: Path) -> Pipeline:
    """Read what `save` wrote; no code in the file is executed.

    Raises
    ------
    InputError
        If the file is missing, is not a model file, is damaged, has another format, or contains a
        type that is not trusted.
    """
    content = _read(path)
    _check_seal(content, path)
    try:
        _check_size(content)
        with _with_moved_types(content) as archive:
            del content  # a large model leaves no memory for a second copy of its file
            model = skops.io.load(archive, trusted=TRUSTED_TYPES)
        problem = _find_problem(model)
    except UntrustedTypesFoundException as error:
        raise InputError(f"{path}: not loaded: {error}") from None
    # For unexpected content, zipfile, json, NumPy, skops and the estimators raise almost any
    # exception.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a model file ({reason}); run `dvc repro`") from None
    if problem:
        raise InputError(f"{path}: {problem}; run `dvc repro`")
    return model


def _read(path: Path) -> bytes:
    """Return the whole file, unless it is larger than any model."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path}: not a model file (it is larger than 1 GiB)")
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`, which creates it") from None
    except OSError as error:
        raise InputError(f"{path}: not a model file ({error.strerror})") from None


def _seal(archive: bytes) -> bytes:
    """Add the format number and a checksum to an archive, as its comment."""
    content = io.BytesIO(archive)
    with zipfile.ZipFile(content, "a") as file:
        comment = f"handwriting model, format {_FORMAT}, SHA-256 {'0' * _N_DIGITS}"
        file.comment = comment.encode("ascii")
    checked = content.getvalue()[:-_N_DIGITS]
    return checked + _checksum(checked)


def _checksum(content: bytes | memoryview) -> bytes:
    return hashlib.sha256(content).hexdigest().encode("ascii")


def _check_seal(content: bytes, path: Path) -> None:
    """Stop before anything is expanded if the file is not as `save` wrote it."""
    seal = _SEAL.search(content[-200:])
    if seal is None:
        if _has_format_1(content):
            raise InputError(
                f"{path}: a model file of an earlier version of the project, without a checksum; "
                "run `dvc repro`"
            )
        raise InputError(f"{path}: not a model file, or only a part of one; run `dvc repro`")
    if _checksum(memoryview(content)[:-_N_DIGITS]) != seal[2]:
        raise InputError(f"{path}: damaged: its checksum does not match; run `dvc repro`")
    if int(seal[1]) != _FORMAT:
        raise InputError(
            f"{path}: a model file of format {int(seal[1])}; this version of the project reads "
            f"format {_FORMAT}; run `dvc repro`"
        )


def _has_format_1(content: bytes) -> bool:
    """Return whether this is an archive of skops that ends with the length of an empty comment."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        return _SCHEMA in archive.namelist() and content.endswith(b"\0\0")
    # zipfile raises many kinds of exceptions for a damaged archive.
    except Exception:
        return False


def _check_size(content: bytes) -> None:
    """Stop before an archive is expanded that would fill the memory.

    zipfile expands each file to the size that the directory names and not further.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        n_bytes = sum(entry.file_size for entry in archive.infolist())
    if n_bytes > max(_MAX_BYTES, _MAX_RATIO * len(content)):
        raise ValueError(f"it expands to more than 1 GiB, {n_bytes // len(content)} times its size")


@contextmanager
def _with_moved_types(content: bytes) -> Iterator[IO[bytes]]:
    """Yield an archive with an additional schema, which has the present modules of the types.

    The last file of a name in an archive replaces those before it. A large archive is in a
    temporary file: its content, expanded, needs the memory.
    """
    with tempfile.SpooledTemporaryFile(_MAX_BYTES_IN_MEMORY) as extended:
        extended.write(content)
        del content  # the caller has given it away
        with zipfile.ZipFile(extended, "a") as archive, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Duplicate name")
            schema = json.loads(
                archive.read(_SCHEMA), object_hook=lambda node: _rename(node, _MOVED)
            )
            archive.writestr(_SCHEMA, json.dumps(schema))
        yield extended


def _rename(node: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Replace the name of the package in which a type is."""
    module = node.get("__module__")
    if isinstance(module, str):
        package, dot, rest = module.rpartition(".")
        node["__module__"] = f"{names.get(package, package)}{dot}{rest}"
    return node


def _find_problem(model: Any) -> str | None:
    """Return what is wrong with a loaded object; None if it is a model."""
    if not isinstance(model, Pipeline) or not isinstance(model[-1], CalibratedClassifier):
        return "not a model of this version of the project"
    if not _is_framing(model[0]):
        return "the frame of its images is missing or impossible"
    if not all(_is_sound(tree) for tree in _trees(model[-1].classifier_)):
        return "a tree in it has nodes that point outside the tree"
    if not _has_usual_sizes(model):
        return "not a model of this version of the project"
    if not _predicts(model):
        return "not a model file (it does not predict probabilities of digits)"
    return None


def _is_framing(images: Any) -> bool:
    """Return whether the first step of a model has a valid box, which fits in an image."""
    box = [getattr(images, name, None) for name in ("box_height_", "box_width_")]
    shape = [getattr(images, name, None) for name in ("height", "width")]
    flags = [getattr(images, name, None) for name in ("by_mass_", "one_size_")]
    return all(
        type(length) is int and type(whole) is int and 1 <= length <= whole
        for length, whole in zip(box, shape, strict=True)
    ) and all(type(flag) is bool for flag in flags)


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


def _has_usual_sizes(model: Pipeline) -> bool:
    """Return whether the image and feature sizes of a model are within the limits."""
    found = model.get_params()
    features = getattr(model["features"], "transformer_", None)
    if features is not None:
        found |= features.get_params()
    sizes = [(name.rpartition("__")[2], value) for name, value in found.items()]
    return all(
        isinstance(value, int | float) and 0 < value <= _LARGEST[name]
        for name, value in sizes
        if name in _LARGEST
    ) and all(type(found[f"images__{name}"]) is int for name in ("height", "width", "pixel_max"))


def _predicts(model: Pipeline) -> bool:
    """Return whether a model can be used: try it on an image without ink and one with ink.

    Arrays whose shapes or types do not fit together raise one of many exceptions here.
    """
    image, classifier = model["images"], model[-1]
    classifier.classifier_._validate_params()
    n_pixels = image.height * image.width
    pixels = np.zeros((2, n_pixels), dtype=np.uint8)
    pixels[1] = np.arange(n_pixels) % (image.pixel_max + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about numbers that are not finite
        features = model[:-1].transform(pixels)
        probabilities = classifier.predict_proba(features)
        novelty = classifier.novelty_.decision_function(features)
    classes = classifier.classes_
    return bool(
        classes.dtype.kind in "iu"
        and len(classes) > 0
        and classes[0] >= 0
        and classes[-1] <= 9
        and np.all(classes[1:] > classes[:-1])
        and probabilities.shape == (2, len(classes))
        and novelty.shape == (2,)
        and np.isfinite(probabilities).all()
        and np.isfinite(novelty).all()
        and _has_usual_vectors(classifier.classifier_)
    )


def _has_usual_vectors(classifier: Any) -> bool:
    """Return whether each class of an SVC has its support vectors; others have none."""
    if not hasattr(classifier, "support_vectors_"):
        return True
    counts = classifier.n_support_
    return bool(
        counts.shape == classifier.classes_.shape
        and np.all(counts >= 0)
        and counts.sum() == len(classifier.support_vectors_) == classifier.dual_coef_.shape[1]
    )


def _normalise(archive: BinaryIO) -> bytes:
    """Remove from a skops archive what differs between two saves of the same model.

    These are the memory addresses by which skops names arrays and shared objects, the timestamps
    in the ZIP directory, and the unused bytes between the fields of a structured array. Types get
    the names that model files have for them.
    """
    source = zipfile.ZipFile(archive)
    numbers: dict[int, int] = {}
    schema = json.loads(
        source.read(_SCHEMA),
        object_hook=lambda node: _rename(_renumber(node, numbers), _NAMES_IN_FILES),
    )
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
