"""Add a table or a folder of images to params.yaml, as a dataset or as a submission.

The models of a dataset also get names under artifacts: of dvc.yaml, with which `dvc artifacts get`
finds them. All other lines of both files stay as they are.
"""

import argparse
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handwriting.common.errors import InputError

if TYPE_CHECKING:
    from handwriting.app.inspection.content import Findings
    from handwriting.app.inspection.options import Options
    from handwriting.common.params.schema import Params

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "table",
        metavar="TABLE",
        type=Path,
        help="a table (text, .gz or .zip), or a folder with a subfolder of images for each digit",
    )
    parser.add_argument("--name", required=True, help="its name in params.yaml")
    parser.add_argument(
        "--update", action="store_true", help="replace the data of the existing entry NAME"
    )
    seen = parser.add_argument_group("values to use instead of detected ones")
    seen.add_argument("--height", type=int, help="height of the images, in pixels")
    seen.add_argument("--width", type=int, help="width of the images, in pixels")
    seen.add_argument("--label", choices=("first", "last"), help="the column with the label")
    seen.add_argument("--paper", type=float, help="pixel value of the paper")
    seen.add_argument("--ink", type=float, help="pixel value of the ink")
    kaggle = parser.add_argument_group("a table without labels, for Kaggle")
    kaggle.add_argument(
        "--unlabelled", action="store_true", help="predict its digits with a model of a dataset"
    )
    kaggle.add_argument("--dataset", help="the dataset whose model predicts")
    kaggle.add_argument("--model", help="the model that predicts")


def main(arguments: argparse.Namespace) -> None:
    """Inspect the data, print a summary, store a copy, and add an entry to params.yaml.

    Raises
    ------
    InputError
        If the table or the name is not valid. Nothing is changed in that case.
    """
    from handwriting.app import params_file
    from handwriting.common.params import schema
    from handwriting.common.params.yaml_reader import read_yaml

    _check_arguments(arguments)
    params = schema.parse(read_yaml(params_file.PATH), str(params_file.PATH))
    if arguments.update:
        _update(arguments, params)
    elif arguments.unlabelled:
        _add_submission(arguments, params)
    else:
        _add_dataset(arguments, params)


def _check_arguments(arguments: argparse.Namespace) -> None:
    for first, second in (("height", "width"), ("paper", "ink")):
        if (getattr(arguments, first) is None) != (getattr(arguments, second) is None):
            raise InputError(f"--{first} and --{second} must be given together")
    for name in ("height", "width"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise InputError(f"--{name}: {value}; must be at least 1")
    for name in ("paper", "ink"):
        value = getattr(arguments, name)
        if value is not None and not math.isfinite(value):
            raise InputError(f"--{name}: {value}; must be a finite number")
    if not _NAME.fullmatch(arguments.name):
        raise InputError(
            f"--name: {arguments.name!r}; must begin with a lower-case letter, then lower-case "
            "letters, digits and underscores"
        )
    if not arguments.table.exists():
        raise InputError(f"{arguments.table}: no such file or folder")
    for name in ("dataset", "model"):
        if arguments.unlabelled and not arguments.update and getattr(arguments, name) is None:
            raise InputError(f"--{name}: missing; --unlabelled requires it to select the model")
        if not arguments.unlabelled and getattr(arguments, name) is not None:
            raise InputError(f"--{name}: only for a table without labels; add --unlabelled")


def _options(arguments: argparse.Namespace) -> "Options":
    from handwriting.app.inspection.options import Options

    names = ("height", "width", "label", "paper", "ink")
    return Options(**{name: getattr(arguments, name) for name in names})


def _check_new(name: str, params: "Params") -> None:
    from handwriting.app import sources

    for section in ("datasets", "submissions"):
        if name in getattr(params, section):
            raise InputError(
                f"--name: {name!r} already exists in {section} of params.yaml; choose another "
                "name, replace its data with --update, or remove it first: handwriting remove "
                f"{name}"
            )
    if sources.folder(name).exists():
        raise InputError(
            f"--name: {name!r}; the folder {sources.folder(name)} exists already; choose another "
            "name or delete the folder"
        )


def _add_dataset(arguments: argparse.Namespace, params: "Params") -> None:
    from handwriting.app import defaults, sources

    _check_new(arguments.name, params)
    findings = _inspect(arguments.table, _options(arguments))
    location = sources.location(arguments.name, arguments.table)
    models = {name: model.kind for name, model in params.models.items()}
    try:
        block = defaults.dataset_block(_source(findings, location), findings, models)
    except InputError as error:
        raise InputError(f"{arguments.table}: {error}") from None
    _add(arguments, "datasets", block, findings, location)


def _add_submission(arguments: argparse.Namespace, params: "Params") -> None:
    from handwriting.app import sources

    _check_new(arguments.name, params)
    params.hyperparameters(arguments.model, arguments.dataset)  # must exist
    findings = _inspect_submission(arguments, params, arguments.dataset)
    location = sources.location(arguments.name, arguments.table)
    block = {
        "source": _source(findings, location),
        "dataset": arguments.dataset,
        "model": arguments.model,
    }
    _add(arguments, "submissions", block, findings, location)


def _inspect(table: Path, options: "Options") -> "Findings":
    from handwriting.app.inspection import content

    if table.is_dir():
        return content.inspect_folder(table, options)
    return content.inspect_table(table, options)


def _inspect_submission(
    arguments: argparse.Namespace, params: "Params", dataset: str
) -> "Findings":
    """Inspect a table without labels, whose images must have the dataset's image format."""
    from dataclasses import replace

    from handwriting.app.inspection import content
    from handwriting.common.params.datasets import Table

    if arguments.table.is_dir():
        raise InputError(f"{arguments.table}: a folder; must be a table, with one image per row")
    section = params.dataset(dataset)
    options = _options(arguments)
    if options.height is None:
        options = replace(options, height=section.image.height, width=section.image.width)
    if options.paper is None and isinstance(section.source, Table):
        options = replace(options, paper=section.source.paper, ink=section.source.ink)
    findings = content.inspect_unlabelled(arguments.table, options)
    findings = replace(findings, image=section.image)
    return content.fit_range(findings) if options.paper is None else findings


def _add(
    arguments: argparse.Namespace,
    section: str,
    block: Mapping[str, Any],
    findings: "Findings",
    location: Path,
) -> None:
    """Store the data and add the block; files are written last, when nothing can fail."""
    from handwriting.app import artifacts, params_file, sources
    from handwriting.common.params import schema
    from handwriting.common.params.yaml_reader import parse_yaml

    text = params_file.add(params_file.read(), section, arguments.name, block)
    params = schema.parse(parse_yaml(text), str(params_file.PATH))
    named = None
    if section == "datasets":
        named = artifacts.add(params_file.read(artifacts.PATH), arguments.name, params.models)
    print(_describe(arguments.table, findings))
    sources.store(arguments.table, location)
    if named is not None:
        params_file.write(named, artifacts.PATH)
    params_file.write(text)
    print(
        f"Added {section}.{arguments.name} to {params_file.PATH} and a copy of the data, which DVC "
        f"tracks: {location}\n"
        "Next: make run"
    )


def _update(arguments: argparse.Namespace, params: "Params") -> None:
    """Replace the data of a dataset or a submission; the new data must have the same format."""
    from handwriting.app import sources
    from handwriting.common.params.datasets import ImageFolder, Table

    name = arguments.name
    is_submission = name in params.submissions
    section = params.submissions[name] if is_submission else params.dataset(name)
    source = section.source
    if not isinstance(source, Table | ImageFolder) or Path(
        source.location
    ).parent != sources.folder(name):
        raise InputError(f"--name: the data of {name!r} were not added by this command")
    location = Path(source.location)
    if is_submission:
        findings = _inspect_submission(arguments, params, params.submissions[name].dataset)
    else:
        findings = _inspect(arguments.table, _known_options(arguments, params, name))
    old, new = source.model_dump(), _source(findings, location)
    if not is_submission:
        old |= params.datasets[name].image.model_dump()
        new |= findings.image.model_dump()
    # `order` describes how rows are used, not the format of the table.
    changed = [key for key in old if key != "order" and new.get(key) != old[key]]
    if changed:
        raise InputError(
            f"{arguments.table}: {changed[0]} is {new.get(changed[0])!r}; must be "
            f"{old[changed[0]]!r}, as in params.yaml; to use data in another format, run "
            f"handwriting remove {name} and add it again"
        )
    print(_describe(arguments.table, findings))
    sources.store(arguments.table, location)
    print(f"Replaced {location}; the settings in params.yaml are unchanged\nNext: make run")


def _known_options(arguments: argparse.Namespace, params: "Params", name: str) -> "Options":
    """Return the options of a dataset in params.yaml, overridden by the arguments."""
    from handwriting.app.inspection.options import Options
    from handwriting.common.params.datasets import ImageFolder, Table

    section = params.dataset(name)
    known: dict[str, Any] = {"height": section.image.height, "width": section.image.width}
    if isinstance(section.source, Table | ImageFolder):
        known |= {"paper": section.source.paper, "ink": section.source.ink}
    if isinstance(section.source, Table):
        columns = [role for role in section.source.columns if role not in ("ignored", "writer")]
        known["label"] = "last" if columns[0] == "pixels" else "first"
    given = {key: value for key, value in vars(_options(arguments)).items() if value is not None}
    return Options(**{**known, **given})


def _source(findings: "Findings", location: Path) -> dict[str, Any]:
    from handwriting.app.inspection import content

    if findings.separator is None:
        source: Any = content.folder_source(findings, location.as_posix())
    else:
        source = content.table_source(findings, location.as_posix())
    values: dict[str, Any] = source.model_dump()
    return {
        name: int(value) if isinstance(value, float) and value == int(value) else value
        for name, value in values.items()
    }


def _describe(table: Path, findings: "Findings") -> str:
    """Return a summary of the data for the user."""
    image, (low, high) = findings.image, findings.pixel_range
    lines = [f"{table}"]

    def line(name: str, text: str) -> None:
        lines.append(f"  {name:8} {text}")

    line("images", f"{findings.n_rows:,} of {image.height}×{image.width} pixels")
    line(
        "pixels",
        f"from {low:g} to {high:g}; paper is {findings.paper:g}, ink is {findings.ink:g}; stored "
        f"as 0 to {image.pixel_max}",
    )
    if findings.separator is None:
        line("files", f"{findings.sizes} pixels")
    else:
        header = "with a header" if findings.header else "no header"
        line("table", f"separated by {findings.separator}, {header}")
        line("columns", ", ".join(findings.columns))
    if findings.digits.any():
        line("writers", f"{findings.n_writers:,}" if findings.n_writers else "unknown")
        line("digits", ", ".join(f"{digit}: {n:,}" for digit, n in enumerate(findings.digits)))
    if findings.is_sorted:
        line("order", "sorted by digit; the images of each digit will be spread evenly")
    return "\n".join(lines)
