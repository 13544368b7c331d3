import shutil
from pathlib import Path

import yaml

from benchmarks import results, scale_stages
from benchmarks.scale_stages import Run
from handwriting.common.params import schema
from tests.helpers import PROJECT


def test_the_params_are_valid_and_have_one_dataset_and_the_chosen_models() -> None:
    content = scale_stages.read_params()
    scale_stages.make_params(content, Path("table.csv"), 1_000, ["svc_raw", "nystroem"])
    params = schema.parse(content, "params.yaml")
    assert list(params.datasets) == ["mnist"]
    assert set(params.models) == {"svc_raw", "nystroem"}
    assert params.datasets["mnist"].split.train == 1_000
    assert params.hyperparameters("svc_raw", "mnist").cache_size == scale_stages.CACHE_SIZE


def test_every_stage_of_a_dataset_is_measured() -> None:
    stages = set(yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["stages"])
    measured = {command[0] for command in scale_stages.commands(["svc"])}
    assert measured == stages - {"submit", "report"}


def test_a_stage_is_run_and_measured(tmp_path: Path) -> None:
    for name in ("params.yaml", "claims.yaml"):
        shutil.copy(PROJECT / name, tmp_path)
    found = scale_stages.run(["fetch", "digits"], tmp_path, 898)
    assert (tmp_path / "data/raw/digits.csv").exists()
    assert (found.stage, found.n_images, found.mistakes) == ("fetch", 898, None)
    assert 0 < found.seconds < 60
    assert found.cpu_seconds > 0
    assert found.memory > 0.05  # also counts what this process had when it started the stage


def make_run(stage: str, n_images: int, seconds: float, mistakes: int | None = None) -> Run:
    return Run(stage, n_images, seconds, 60.0, 3.21, "2026-01-02", "a machine", mistakes)


def test_the_report_has_a_column_for_each_size_and_the_exponents() -> None:
    runs = [
        make_run("split", 1_000_000, 40.0),
        make_run("evaluate tree", 250_000, 5.0, mistakes=1219),
        make_run("split", 250_000, 5.0),
    ]
    text = scale_stages.render_report(runs)
    assert "| split | 5 s, 3.2 GB | 40 s, 3.2 GB | 1.50 |" in text
    assert "| evaluate tree | 5 s, 3.2 GB |  |  |" in text
    assert "| tree | 1219 |  |" in text
    assert "Machine: a machine." in text


def test_the_report_is_made_from_the_results() -> None:
    found = scale_stages.render_report(results.read(Run, scale_stages.RESULTS))
    assert scale_stages.REPORT.read_text(encoding="utf-8") == found
