"""Checks across the sections of ``params.yaml``."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from handwriting.common.params import messages
from handwriting.common.params.datasets import Dataset, ImageFolder, Submission, Table
from handwriting.common.params.models import HYPERPARAMETERS_BY_KIND, NOT_FOR_ESTIMATOR, Model


def misplaced_keys(content: Mapping[str, Any], models: Mapping[str, Model]) -> Iterator[str]:
    """Describe models of datasets that `models` does not define, one line per fault.

    `content` is the file's content before validation, because validation needs each model's kind.
    """
    datasets = content.get("datasets")
    for dataset, section in datasets.items() if isinstance(datasets, Mapping) else ():
        blocks = section.get("models") if isinstance(section, Mapping) else None
        for name, block in blocks.items() if isinstance(blocks, Mapping) else ():
            path = f"datasets.{dataset}.models.{name}"
            if name not in models:
                yield f"{path}: unknown key; allowed: {', '.join(models)}"
            elif isinstance(block, Mapping) and "kind" in block:
                yield f"{path}.kind: not allowed here; the kind is set in models.{name}"


def mismatches(models: Mapping[str, Model], datasets: Mapping[str, Dataset]) -> Iterator[str]:
    """Describe where the sections contradict each other, one line per fault."""
    for name, dataset in datasets.items():
        path = f"datasets.{name}"
        yield from _check_names(f"{path}.models", dataset.models, models)
        yield from _check_names(f"{path}.grids", dataset.grids, models)
        for model in dataset.grids.keys() & models.keys():
            yield from _check_grid(f"{path}.grids.{model}", dataset.grids[model], models[model])
        sizes = dataset.curve.sizes
        if sizes != sorted(set(sizes)):
            yield f"{path}.curve.sizes: {sizes}; must be strictly increasing"
        yield from _check_source(f"{path}.source", dataset.source)


def faulty_submissions(
    submissions: Mapping[str, Submission],
    models: Mapping[str, Model],
    datasets: Mapping[str, Dataset],
) -> Iterator[str]:
    """Describe submissions that name no dataset or model, or whose table cannot be used."""
    for name, submission in submissions.items():
        path = f"submissions.{name}"
        if name in datasets:
            yield f"{path}: {name!r} is also the name of a dataset; must be another name"
        for key, value, allowed in (
            ("dataset", submission.dataset, datasets),
            ("model", submission.model, models),
        ):
            if value not in allowed:
                yield f"{path}.{key}: {value!r}; allowed: {', '.join(allowed)}"
        yield from _check_range(f"{path}.source", submission.source)
        columns = submission.source.columns
        if sorted(set(columns) - {"ignored"}) != ["pixels"] or columns.count("pixels") > 1:
            yield f"{path}.source.columns: {columns}; must be pixels, once, and ignored"
        if submission.source.order != "table":
            yield (
                f"{path}.source.order: {submission.source.order!r}; must be 'table', because the "
                "number of a row is its ImageId"
            )


def _check_source(path: str, source: BaseModel) -> Iterator[str]:
    """Describe what contradicts itself in the source of a dataset."""
    if isinstance(source, Table | ImageFolder):
        yield from _check_range(path, source)
    if isinstance(source, Table):
        columns = source.columns
        n_labels = columns.count("label") + columns.count("one_hot")
        if n_labels != 1 or columns.count("pixels") != 1 or columns.count("writer") > 1:
            yield (
                f"{path}.columns: {columns}; must be pixels, once, label or one_hot, once, writer "
                "at most once, and ignored"
            )


def _check_range(path: str, source: Table | ImageFolder) -> Iterator[str]:
    if source.paper == source.ink:
        yield f"{path}.ink: {source.ink:g}; must not be the same as paper"


def _check_names(path: str, found: Iterable[str], models: Iterable[str]) -> Iterator[str]:
    """Describe which models a section lacks and which it does not know."""
    models = list(models)
    for name in found:
        if name not in models:
            yield f"{path}.{name}: unknown key; allowed: {', '.join(models)}"
    for name in models:
        if name not in found:
            yield f"{path}.{name}: missing; every dataset needs an entry for each model"


def _check_grid(path: str, grid: Mapping[str, list[Any]], model: Model) -> Iterator[str]:
    """Check a grid against the hyperparameters of a kind of model."""
    kind = HYPERPARAMETERS_BY_KIND[model.kind]
    fields = {
        name: field for name, field in kind.model_fields.items() if name not in NOT_FOR_ESTIMATOR
    }
    for name, values in grid.items():
        if name not in fields:
            yield f"{path}.{name}: unknown key; allowed: {', '.join(fields)}"
            continue
        for position, value in enumerate(values):
            fault = _value_fault(kind, name, value)
            if fault:
                yield f"{path}.{name}[{position}]: {fault}"
    for name, field in fields.items():
        if field.is_required() and name not in grid:
            yield f"{path}.{name}: missing; a {kind.__name__} has no default for it"


def _value_fault(kind: type[BaseModel], name: str, value: Any) -> str:
    """Describe what is wrong with one value, whatever else the model lacks; '' if nothing is."""
    try:
        kind.model_validate({name: value})
    except ValidationError as error:
        details = [d for d in error.errors(include_url=False) if d["loc"][0] == name]
        return messages.describe_all(details) if details else ""
    return ""
