"""report: render the self-contained HTML report."""

from handwriting.common.stage.command import run

from pathlib import Path
from typing import Any

from handwriting.common import tables
from handwriting.common.errors import InputError
from handwriting.common.stage import paths, read_params
from handwriting.common.stage.outputs import atomic_write
from handwriting.common.tables import Row
from handwriting.pages import html
from handwriting.pages.html import Picture

_PICTURES = ("confusion", "predictions", "mistakes", "confidence", "inspection", "tuning")


def main() -> None:
    """Fill the report's template with parameters, metrics, tables and pictures."""
    params = read_params.load()
    hyperparameters = _hyperparameters()
    content = {
        "confidence": params.evaluate.confidence,
        "target_error": params.evaluate.target_error,
        "min_accuracy": params.suspects.min_accuracy,
        "claimed": params.verdict.claimed_accuracy,
        "datasets": [_dataset(name, used) for name, used in hyperparameters.items()],
        "models": _models(hyperparameters),
    }
    page = html.render_file(paths.REPORT_TEMPLATE, content)
    with atomic_write(paths.REPORT) as path:
        path.write_text(page, encoding="utf-8", newline="\n")


def _hyperparameters() -> dict[str, dict[str, Row]]:
    """Return kind and hyperparameters of each model, by dataset in alphabetical order."""
    files = sorted(paths.HYPERPARAMETERS.glob("*.json"))
    if not files:
        raise InputError(f"{paths.HYPERPARAMETERS}: no dataset; run `dvc repro`")
    return {file.stem: tables.read_json(file) for file in files}


def _dataset(name: str, hyperparameters: dict[str, Row]) -> Row:
    """Return what the report says about a dataset, its models sorted by accuracy."""
    plots = paths.plots(name)
    accuracy = {row["model"]: row for row in _rows(plots / "accuracy.csv", "model", "verdict")}
    per_digit = _by_model(plots / "per_digit.csv", "digit", "recall", "n_images")
    curves = _by_model(plots / "learning_curve.csv", "n_images", "accuracy")
    confusion = _by_model(plots / "confusion.csv", "actual", "predicted", "n_images")
    tuning = _by_model(plots / "tuning.csv", "accuracy", "is_best", "in_use")
    results = [
        {
            "model": model,
            "kind": used["kind"],
            **tables.read_json(paths.metrics(name, model)),
            **accuracy[model],
            "per_digit": per_digit[model],
            "curve": curves[model],
            "confusions": _confusions(confusion[model]),
            "tuning": _tuning(tuning[model]),
            "pictures": {
                picture: _picture(paths.pictures(name, model) / f"{picture}.png")
                for picture in _PICTURES
            },
        }
        for model, used in hyperparameters.items()
    ]
    results.sort(key=lambda row: -row["accuracy"])
    pairs = _rows(plots / "pairs.csv", "first", "second", "p_value")
    return {
        "name": name,
        "facts": tables.read_json(paths.facts(name)),
        "samples": _picture(paths.samples(name)),
        "baseline": _baseline(results[0]["per_digit"]),
        "results": results,
        "pairs": pairs,
        "lead": _lead(results, pairs),
        "errors": _rows(plots / "errors.csv", "method", "error", "source"),
        "suspects": _rows(plots / "suspects.csv", "index", "label", "predicted", "probability"),
        "suspects_picture": _picture(paths.suspects(name)),
        "claims": _rows(plots / "claims.csv", "name", "agrees"),
        "comparisons": _rows(plots / "comparisons.csv", "name", "agrees"),
    }


def _baseline(per_digit: list[Row]) -> float:
    """Return the accuracy of always predicting the digit with the most test images."""
    counts: list[int] = [row["n_images"] for row in per_digit]
    return max(counts) / sum(counts)


def _lead(results: list[Row], pairs: list[Row]) -> Row | None:
    """Return the paired test of the best model and the runner-up; None if there is one model."""
    if len(results) < 2:
        return None
    names = {result["model"] for result in results[:2]}
    pair = next(row for row in pairs if {row["first"], row["second"]} == names)
    return {
        "runner_up": results[1],
        "gap": results[0]["accuracy"] - results[1]["accuracy"],
        "p_value": pair["p_value"],
    }


def _models(hyperparameters: dict[str, dict[str, Row]]) -> list[Row]:
    """Return the hyperparameters of each model by their dotted names and by dataset."""
    models: dict[str, Row] = {}
    for dataset, used in hyperparameters.items():
        for name, values in used.items():
            row = {"name": name, "kind": values["kind"], "hyperparameters": {}}
            found = models.setdefault(name, row)["hyperparameters"]
            for key, value in _flat(values).items():
                if key != "kind":
                    found.setdefault(key, {})[dataset] = value
    return list(models.values())


def _flat(values: Row, prefix: str = "") -> Row:
    """Return nested values by their dotted names, as `dvc exp run -S` takes them."""
    flat: Row = {}
    for key, value in values.items():
        flat.update(
            _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return flat


def _confusions(cells: list[Row]) -> list[Row]:
    """Return the pairs of digits that are confused, the most frequent first."""
    wrong = [cell for cell in cells if cell["actual"] != cell["predicted"] and cell["n_images"]]
    return sorted(wrong, key=lambda cell: -cell["n_images"])


def _tuning(candidates: list[Row]) -> Row:
    """Return the best candidate and the one in use, which is None if it is not in the grid."""
    return {
        "best": next(row for row in candidates if row["is_best"]),
        "in_use": next((row for row in candidates if row["in_use"]), None),
    }


def _rows(path: Path, *columns: str) -> list[Row]:
    return tables.read_table(path, columns)


def _by_model(path: Path, *columns: str) -> dict[str, list[Row]]:
    """Read a table of all models and group its rows by model."""
    groups: dict[str, list[Any]] = {}
    for row in tables.read_table(path, ("model", *columns)):
        groups.setdefault(row["model"], []).append(row)
    return groups


def _picture(path: Path) -> Picture:
    try:
        return html.embed_png(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`, which creates it") from None


if __name__ == "__main__":
    run(main)
