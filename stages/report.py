"""report: the whole analysis as one page that needs nothing else."""

import csv
import json
from itertools import combinations
from pathlib import Path
from typing import Any

from handwriting import pages
from handwriting.errors import InputError
from handwriting.pages import Picture
from handwriting.params import Params
from stages import parameters, paths
from stages.command import run
from stages.outputs import replacing

Row = dict[str, Any]

_CLAIM = ("name", "said", "where", "claimed", "measured", "low", "high", "images", "agrees")
_VERDICT = ("model", "verdict", "p_value", "writers_low", "writers_high")
_CONFUSION = ("actual", "predicted", "images")
_CURVE = ("images", "accuracy")


def main() -> None:
    """Fill the report's template with the parameters, the metrics and the pictures."""
    params = parameters.load()
    content = {
        "confidence": params.evaluate.confidence,
        "stated": params.verdict.accuracy,
        "datasets": [_dataset(params, name) for name in params.datasets],
        "models": [_model(params, name) for name in params.models],
        "claims": _table(paths.claims_table(), *_CLAIM),
    }
    template = paths.REPORT_TEMPLATE.read_text(encoding="utf-8")
    with replacing(paths.REPORT) as path:
        path.write_text(pages.render(template, content), encoding="utf-8", newline="\n")


def _dataset(params: Params, name: str) -> Row:
    """What the page tells of a dataset."""
    dataset = params.dataset(name)
    verdicts = {row["model"]: row for row in _table(paths.plots(name) / "verdict.csv", *_VERDICT)}
    # A model that is gone from params.yaml may still stand in the tables of its dataset.
    rows = [
        {
            "model": model,
            **_metrics(paths.metrics(name, model)),
            "verdict": verdicts[model],
            "tuning": _metrics(paths.metrics(name, f"{model}-tuning")),
            "report": _table(paths.plots(name) / model / "report.csv", "digit", "recall"),
            "mixups": _mixups(_table(paths.plots(name) / model / "confusion.csv", *_CONFUSION)),
            "curve": _table(paths.plots(name) / model / "learning_curve.csv", *_CURVE),
            "pictures": {
                picture: _picture(paths.plots(name) / model / f"{picture}.png")
                for picture in ("confusion", "predictions", "mistakes", "explained", "tuning")
            },
        }
        for model in params.models
    ]
    return {
        "name": name,
        "source": dataset.source.kind,
        "split": dataset.split.method,
        "pixel_max": dataset.image.pixel_max,
        "facts": _metrics(paths.metrics(name, "dataset")),
        "samples": _picture(paths.plots(name) / "samples.png"),
        "results": sorted(rows, key=lambda row: (-row["accuracy"], row["model"])),
        "pairs": _pairs(_metrics(paths.metrics(name, "comparison")), list(params.models)),
    }


def _model(params: Params, name: str) -> Row:
    """A model's hyperparameters as they stand in params.yaml, for each dataset."""
    values: dict[str, Row] = {}
    for dataset in params.datasets:
        hyperparameters = params.hyperparameters(name, dataset)
        given = hyperparameters.model_fields_set
        for key, value in hyperparameters.model_dump(exclude=set()).items():
            if key in given:
                values.setdefault(key, {})[dataset] = value
    return {"name": name, "kind": params.models[name].kind, "values": values}


def _pairs(comparison: Row, models: list[str]) -> list[Row]:
    """The paired tests, one row for each two models."""
    return [
        {
            "first": first,
            "second": second,
            "first_only": comparison[f"{first}_{second}_{first}_only"],
            "second_only": comparison[f"{first}_{second}_{second}_only"],
            "p_value": comparison[f"{first}_{second}_p_value"],
        }
        for first, second in combinations(sorted(models), 2)
    ]


def _mixups(cells: list[Row]) -> list[Row]:
    """The digits most often taken for another, the most frequent first."""
    wrong = [cell for cell in cells if cell["actual"] != cell["predicted"] and cell["images"]]
    return sorted(wrong, key=lambda cell: (-cell["images"], cell["actual"], cell["predicted"]))


def _metrics(path: Path) -> Row:
    try:
        metrics: Row = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`, which makes it") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}); run `dvc repro`") from None
    return metrics


def _table(path: Path, *columns: str) -> list[Row]:
    """Read a table that has these columns; numbers become numbers, and an empty field None."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            if not {*columns} <= {*(rows.fieldnames or ())}:
                raise InputError(f"{path}: no columns {', '.join(columns)}; run `dvc repro`")
            return [{k: _value(v) for k, v in row.items()} for row in rows]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`, which makes it") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a table ({error}); run `dvc repro`") from None


def _value(text: str | None) -> float | str | None:
    try:
        return float(text) if text else None
    except ValueError:
        return text


def _picture(path: Path) -> Picture:
    try:
        return pages.picture(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`, which makes it") from None


if __name__ == "__main__":
    run(main)
