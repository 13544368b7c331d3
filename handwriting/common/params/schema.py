"""The whole of ``params.yaml`` as a typed model."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import Field

from handwriting.common.errors import InputError
from handwriting.common.params import checks, messages
from handwriting.common.params.base import Fraction, Name, Seed, StrictModel
from handwriting.common.params.datasets import Dataset, Submission
from handwriting.common.params.models import HYPERPARAMETERS_BY_KIND, Hyperparameters, Model

Confidence = Annotated[float, Field(ge=0.5, lt=1)]


class Describe(StrictModel):
    """The sample sheet: number of images per digit."""

    samples_per_digit: Annotated[int, Field(ge=1, le=20)]


class Evaluate(StrictModel):
    """How test results are measured.

    Attributes
    ----------
    confidence : float
        Level of all intervals and tests.
    target_error : float
        Share of mistakes that is allowed after doubtful images are rejected.
    """

    confidence: Confidence
    target_error: Annotated[float, Field(ge=0, lt=1)]


class Suspects(StrictModel):
    """Which test images are suspected of wrong labels: good models agree against the label.

    Attributes
    ----------
    min_accuracy : float
        Accuracy on the test images from which a model is good.
    n_images : int
        Number of images in the picture, at most.
    """

    min_accuracy: Fraction
    n_images: Annotated[int, Field(ge=1, le=100)]


class Draw(StrictModel):
    """Sizes of the pictures.

    Attributes
    ----------
    n_predictions, n_mistakes : int
        Number of images in the grids of predictions and of mistakes, at most.
    n_support_vectors : int
        Number of support vectors drawn per digit.
    """

    n_predictions: Annotated[int, Field(ge=1, le=100)]
    n_mistakes: Annotated[int, Field(ge=1, le=100)]
    n_support_vectors: Annotated[int, Field(ge=1, le=20)]


class Verdict(StrictModel):
    """Settings for the test of the claimed accuracy.

    Attributes
    ----------
    claimed_accuracy : float
        The accuracy that is tested.
    power : float
        Probability with which a sufficiently large test set distinguishes a model's accuracy from
        `claimed_accuracy`.
    n_resamples : int
        Number of bootstrap resamples of the writers.
    """

    claimed_accuracy: Fraction
    power: Annotated[float, Field(ge=0.5, lt=1)]
    n_resamples: Annotated[int, Field(ge=100, le=100_000)]


class Models(StrictModel):
    """The section `models` alone, which defines the types of other sections."""

    models: Annotated[dict[Name, Model], Field(min_length=1)]


class Params(Models):
    """The whole of ``params.yaml``."""

    seed: Seed
    datasets: Annotated[dict[Name, Dataset], Field(min_length=1)]
    submissions: dict[Name, Submission]
    describe: Describe
    evaluate: Evaluate
    suspects: Suspects
    draw: Draw
    verdict: Verdict

    def dataset(self, name: str) -> Dataset:
        """Return the section of a dataset; `InputError` if there is none of that name."""
        if name not in self.datasets:
            raise InputError(f"dataset {name!r} is unknown; allowed: {', '.join(self.datasets)}")
        return self.datasets[name]

    def submission(self, name: str) -> Submission:
        """Return the section of a submission; `InputError` if there is none of that name."""
        if name not in self.submissions:
            allowed = ", ".join(self.submissions) or "none, because params.yaml has none"
            raise InputError(f"submission {name!r} is unknown; allowed: {allowed}")
        return self.submissions[name]

    def hyperparameters(self, model: str, dataset: str) -> Hyperparameters:
        """Return what a model uses on a dataset; `InputError` if there is none of that name."""
        section = self.dataset(dataset)
        if model not in self.models:
            raise InputError(f"model {model!r} is unknown; allowed: {', '.join(self.models)}")
        return section.models[model]

    def grid(self, model: str, dataset: str) -> tuple[Hyperparameters, dict[str, list[Any]]]:
        """Return the first candidate of a grid search and the values to try.

        Raises
        ------
        InputError
            If there is no dataset or model of that name.
        """
        used = self.hyperparameters(model, dataset)
        grid = dict(self.datasets[dataset].grids[model])
        first = {name: values[0] for name, values in grid.items()}
        candidate = HYPERPARAMETERS_BY_KIND[used.kind].model_validate(
            {"kind": used.kind, "features": used.features, **first}
        )
        return candidate, grid


def parse(content: Any, file: str) -> Params:
    """Check the content of a parameters file and convert it to its typed model.

    Parameters
    ----------
    content
        What a YAML reader returned for the file.
    file : str
        The file's name, for messages.

    Raises
    ------
    InputError
        One line per fault: the full path of the key, the value and what is allowed.
    """
    if isinstance(content, Mapping):
        section = {"models": content["models"]} if "models" in content else {}
        models = messages.validate(Models, section, file).models
        _raise(file, checks.misplaced_keys(content, models))
        content = _with_kinds(content, models)
    params = messages.validate(Params, content, file)
    _raise(file, checks.mismatches(params.models, params.datasets))
    _raise(file, checks.faulty_submissions(params.submissions, params.models, params.datasets))
    return params


def _raise(file: str, faults: Iterable[str]) -> None:
    """Raise an `InputError` if there are faults."""
    lines = [f"{file}: {fault}" for fault in faults]
    if lines:
        raise InputError("\n".join(lines))


def _with_kinds(content: Mapping[str, Any], models: Mapping[str, Model]) -> dict[str, Any]:
    """Copy each model's kind into its hyperparameters, whose type it defines."""

    def typed(dataset: Any) -> Any:
        if not isinstance(dataset, Mapping) or not isinstance(dataset.get("models"), Mapping):
            return dataset
        blocks = {
            name: {"kind": models[name].kind, **block} if isinstance(block, Mapping) else block
            for name, block in dataset["models"].items()
        }
        return {**dataset, "models": blocks}

    datasets = content.get("datasets")
    if not isinstance(datasets, Mapping):
        return dict(content)
    return {**content, "datasets": {name: typed(block) for name, block in datasets.items()}}
