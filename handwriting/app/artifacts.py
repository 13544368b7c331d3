"""Names the models of a dataset under ``artifacts:`` of ``dvc.yaml``, and removes the names.

DVC has no loop there. The text is edited as that of ``params.yaml`` is.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from handwriting.app import params_file
from handwriting.common.errors import InputError
from handwriting.common.params.yaml_reader import parse_yaml

PATH = Path("dvc.yaml")

_SECTION = "artifacts"


def add(text: str, dataset: str, models: Iterable[str]) -> str:
    """Return the text with an entry for each model of a dataset that has none.

    A file without ``artifacts:`` names no models and stays as it is.

    Raises
    ------
    InputError
        If the layout of the file does not allow the edit, or a name is that of another model.
    """
    found = _artifacts(text)
    if found is None:
        return text
    for model in models:
        # DVC allows no underscore in these names.
        name = f"{dataset}-{model}".replace("_", "-")
        path = f"models/{dataset}/{model}.skops"
        if name not in found:
            block = {"path": path, "type": "model"}
            text = params_file.add(text, _SECTION, name, block, PATH)
        elif found[name].get("path") != path:
            raise InputError(
                f"{PATH}: artifacts.{name} is {found[name].get('path')}; {path} would have the "
                "same name; choose another name for the dataset"
            )
    return text


def remove(text: str, dataset: str) -> str:
    """Return the text without the entries of a dataset's models.

    Raises
    ------
    InputError
        If the layout of the file does not allow the edit.
    """
    for name, artifact in (_artifacts(text) or {}).items():
        if str(artifact.get("path")).startswith(f"models/{dataset}/"):
            text = params_file.remove(text, _SECTION, name, PATH)
    return text


def _artifacts(text: str) -> dict[str, dict[str, Any]] | None:
    content = parse_yaml(text)
    if not isinstance(content, dict) or _SECTION not in content:
        return None
    found = content[_SECTION] or {}
    if not isinstance(found, dict) or not all(isinstance(item, dict) for item in found.values()):
        raise InputError(f"{PATH}: {_SECTION}: must be a mapping of names to artifacts")
    return found
