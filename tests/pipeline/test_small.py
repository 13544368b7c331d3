"""DVC itself, on the whole graph and small real data."""

import filecmp
import time
from collections.abc import Callable

import numpy as np
import pytest

from handwriting.common.images import LabelledImages
from handwriting.data import table
from tests.helpers import (
    DATASETS,
    MODELS,
    PAIRS,
    STAGES,
    SUBMISSION,
    UNLABELLED,
    Repository,
    clone,
    definition,
    read_csv,
)

Edit = Callable[[dict], None]


def forest_is_larger(params: dict) -> None:
    params["datasets"]["mnist"]["models"]["forest"]["n_estimators"] = 12


def tree_is_lower(params: dict) -> None:
    params["datasets"]["digits"]["models"]["tree"]["max_depth"] = 4


def test_everything_is_up_to_date_after_a_run_and_a_second_run_runs_nothing(
    small: Repository,
) -> None:
    assert "up to date" in small.succeed("dvc", "status")
    assert small.stages_run_by("dvc", "repro") == set()
    assert small.succeed("git", "status", "--short") == ""


def test_a_second_run_takes_at_most_twice_as_long_as_status(small: Repository) -> None:
    normal = Repository(small.root, is_forked=False)
    seconds: dict[str, list[float]] = {"repro": [], "status": []}
    # In turn, so that both find the machine equally busy.
    for _ in range(3):
        for command, times in seconds.items():
            start = time.perf_counter()
            normal.succeed("dvc", command)
            times.append(time.perf_counter() - start)
    assert min(seconds["repro"]) <= 2 * min(seconds["status"])


def test_one_hyperparameter_reruns_its_model_and_the_comparison_and_nothing_else(
    small: Repository,
) -> None:
    small.edit_params(forest_is_larger)
    stages = ("train", "curve", "evaluate", "draw")
    expected = {*(f"{stage}@mnist-forest" for stage in stages), "compare@mnist"}
    expected.add("report")
    assert small.stages_run_by("dvc", "repro") == expected


def test_a_colour_reruns_only_what_draws(small: Repository) -> None:
    with (small.root / "handwriting" / "figures" / "style.py").open("a") as file:
        file.write("# another colour\n")
    drawing = {f"describe@{dataset}" for dataset in DATASETS}
    drawing |= {f"compare@{dataset}" for dataset in DATASETS}
    drawing |= {f"draw@{dataset}-{model}" for dataset, model in PAIRS}
    # The pictures are the same bytes, so the report need not be rendered again.
    assert small.stages_run_by("dvc", "repro") == drawing


def test_going_back_by_checkout_computes_nothing(short: Repository) -> None:
    short.edit_params(tree_is_lower)
    assert short.stages_run_by("dvc", "repro")
    short.succeed("git", "checkout", "--quiet", ".")
    short.succeed("dvc", "checkout")
    assert short.stages_run_by("dvc", "repro") == set()
    assert "up to date" in short.succeed("dvc", "status")


def change_a_parameter_of_each_stage(params: dict) -> None:
    digits = params["datasets"]["digits"]
    digits["image"]["pixel_max"] = 17  # fetch, flatten
    digits["split"]["train"] = 0.6
    digits["tune"]["n_rows"] = 500
    digits["curve"]["sizes"] = [50, 100]
    digits["models"]["forest"]["n_estimators"] = 11  # train
    params["describe"]["samples_per_digit"] = 9
    params["evaluate"]["confidence"] = 0.9  # evaluate, compare, claims, report
    params["draw"]["n_mistakes"] = 19


def test_a_setting_that_was_computed_before_comes_back_without_running_a_stage(
    short: Repository,
) -> None:
    before = (short.root / "params.yaml").read_text()
    short.edit_params(change_a_parameter_of_each_stage)
    ran = short.stages_run_by("dvc", "repro")
    assert {name.split("@")[0] for name in ran} == set(STAGES)
    changed = (short.root / "params.yaml").read_text()

    (short.root / "params.yaml").write_text(before)
    restored = short.stages_restored_by("dvc", "repro")
    assert {name.split("@")[0] for name in restored} == set(STAGES)
    assert "up to date" in short.succeed("dvc", "status")
    assert short.succeed("git", "status", "--short") == ""

    (short.root / "params.yaml").write_text(changed)
    assert short.stages_restored_by("dvc", "repro") == restored


def test_an_experiment_that_was_computed_before_runs_no_stage(short: Repository) -> None:
    key = "datasets.digits.models.forest.n_estimators"
    short.succeed("dvc", "exp", "run", "--set-param", f"{key}=3")
    shown = short.succeed("dvc", "exp", "show", "--csv")
    assert key in shown
    assert "metrics/digits/forest.json:accuracy" in shown
    assert short.stages_run_by("dvc", "exp", "run", "--set-param", f"{key}=10") == set()
    assert short.succeed("git", "status", "--short") == ""
    assert short.stages_run_by("dvc", "exp", "run", "--set-param", f"{key}=3") == set()


def test_an_experiment_in_a_temporary_folder_leaves_the_work_tree_alone(short: Repository) -> None:
    parameter = "datasets.digits.models.tree.max_depth=3"
    short.succeed("dvc", "exp", "run", "--temp", "--set-param", f"+{parameter}")
    assert short.succeed("git", "status", "--short") == ""
    assert "datasets.digits.models.tree.max_depth" in short.succeed("dvc", "exp", "show", "--csv")


def test_a_stage_that_fails_leaves_no_output_and_the_last_commit_can_be_restored(
    small: Repository,
) -> None:
    small.edit_params(lambda p: p["datasets"]["digits"]["split"].update(train=1797))
    done = small.run("dvc", "repro")
    assert done.returncode != 0
    assert not (small.root / "data/split/digits/train").exists()
    assert not (small.root / "data/split/digits/test").exists()
    small.succeed("git", "checkout", "--quiet", ".")
    small.succeed("dvc", "checkout")
    assert "up to date" in small.succeed("dvc", "status")
    assert small.succeed("git", "status", "--short") == ""


def test_a_comment_in_params_reruns_nothing(small: Repository) -> None:
    with (small.root / "params.yaml").open("a") as file:
        file.write("# a comment\n")
    assert small.stages_run_by("dvc", "repro") == set()


def test_editing_a_module_makes_every_stage_that_imports_it_stale(small: Repository) -> None:
    with (small.root / "handwriting" / "evaluation" / "statistics.py").open("a") as file:
        file.write("# a comment\n")
    stale = small.run("dvc", "status").stdout
    for dataset in DATASETS:
        assert f"compare@{dataset}" in stale
        assert f"claims@{dataset}" in stale
        assert f"flatten@{dataset}" not in stale
        for model in MODELS:
            assert f"evaluate@{dataset}-{model}" in stale
            assert f"train@{dataset}-{model}" not in stale


def test_two_clones_build_the_same_bytes(small: Repository, tmp_path) -> None:
    """Everything, including models and pictures: `dvc.lock` has the hash of each output.

    One is built by processes that are forked, the other by processes that start normally.
    """
    other = clone(tmp_path / "other", is_forked=False)
    (other.root / "dvc.lock").unlink()
    for name in ("params.yaml", "claims.yaml", "some_mnist.csv", UNLABELLED):
        (other.root / name).write_bytes((small.root / name).read_bytes())
    other.succeed("dvc", "repro", "--quiet")
    assert (other.root / "dvc.lock").read_text() == (small.root / "dvc.lock").read_text()


def test_metrics_are_one_narrow_table(small: Repository) -> None:
    header, *rows = small.succeed("dvc", "metrics", "show").splitlines()
    assert len(rows) == len(PAIRS)
    assert len(header) < 120
    assert "-" not in [cell for row in rows for cell in row.split()]


def test_metrics_diff_names_what_a_change_did_and_nothing_else(small: Repository) -> None:
    small.edit_params(forest_is_larger)
    small.succeed("dvc", "repro")
    rows = small.succeed("dvc", "metrics", "diff").splitlines()[1:]
    assert rows
    assert all(row.startswith("metrics/mnist/forest.json") for row in rows)


def test_metrics_and_charts_are_compared_in_a_clone_that_has_no_cache(
    small: Repository, tmp_path
) -> None:
    small.edit_params(forest_is_larger)
    small.succeed("dvc", "repro")
    small.commit()
    small.succeed("git", "clone", "--quiet", ".", str(tmp_path / "clone"))
    other = Repository(tmp_path / "clone")
    assert "metrics/mnist/forest.json" in other.succeed("dvc", "metrics", "diff", "HEAD~1", "HEAD")
    other.succeed("dvc", "plots", "diff", "HEAD~1", "HEAD")
    page = (other.root / "dvc_plots" / "index.html").read_text()
    for dataset in DATASETS:
        assert f"{dataset}: accuracy of each model" in page


def test_the_graph_has_a_stage_for_every_dataset_and_model(small: Repository) -> None:
    names = {line.split()[0] for line in small.succeed("dvc", "stage", "list").splitlines()}
    expected = {"report", f"submit@{SUBMISSION}"}
    for stage in set(STAGES) - {"report", "submit"}:
        per_model = "${item.model}" in definition(stage)["cmd"]
        for dataset in DATASETS:
            expected |= {
                f"{stage}@{dataset}{suffix}"
                for suffix in ([f"-{model}" for model in MODELS] if per_model else [""])
            }
    assert names == expected


def add_stump(params: dict) -> None:
    params["models"]["stump"] = {"kind": "tree"}
    for dataset in params["datasets"].values():
        dataset["models"]["stump"] = {"features": "raw", "max_depth": 2}
        dataset["grids"]["stump"] = {"max_depth": [1, 2]}


def models_in(path) -> set[str]:
    return {row["model"] for row in read_csv(path)}


TABLES = (
    "accuracy",
    "confusion",
    "per_digit",
    "reliability",
    "reject_curve",
    "learning_curve",
    "tuning",
)


def test_a_model_is_a_change_of_params_alone_and_leaves_nothing_when_it_goes(
    small: Repository,
) -> None:
    before = (small.root / "params.yaml").read_text()
    small.edit_params(add_stump)
    small.succeed("python", "-m", "tools.run")
    for dataset in DATASETS:
        for name in TABLES:
            assert models_in(small.root / f"plots/{dataset}/{name}.csv") == {*MODELS, "stump"}
    assert "metrics/digits/stump.json" in small.succeed("dvc", "metrics", "show")
    assert ">stump<" in (small.root / "report.html").read_text()

    (small.root / "params.yaml").write_text(before)
    small.succeed("python", "-m", "tools.run")
    assert small.succeed("git", "status", "--short") == ""
    assert "up to date" in small.succeed("dvc", "status")
    assert [path for path in small.root.rglob("*stump*") if ".dvc" not in path.parts] == []
    assert "stump" not in (small.root / "report.html").read_text()


def test_a_kernel_approximation_is_a_change_of_params_alone(small: Repository) -> None:
    def add(params: dict) -> None:
        params["models"]["quick"] = {"kind": "nystroem"}
        for dataset in params["datasets"].values():
            dataset["models"]["quick"] = {"features": "unit", "n_components": 200, "alpha": 0.01}
            dataset["grids"]["quick"] = {"alpha": [0.01, 1], "n_components": [50]}

    small.edit_params(add)
    small.succeed("python", "-m", "tools.run")
    shown = small.succeed("dvc", "metrics", "show")
    for dataset in DATASETS:
        assert f"metrics/{dataset}/quick.json" in shown
        assert models_in(small.root / f"plots/{dataset}/tuning.csv") == {*MODELS, "quick"}
    assert ">quick<" in (small.root / "report.html").read_text()


@pytest.fixture
def letters(small: Repository, digits: LabelledImages) -> Repository:
    """A pipeline with a table of 16×16 images, as a new user would add it."""
    enlarged = np.kron(digits.pixels.reshape(-1, 8, 8), np.ones((2, 2), dtype=np.uint8))
    images = LabelledImages(enlarged.reshape(-1, 256), digits.labels, digits.rows, None)
    table.write(images, small.root / "letters.csv")
    small.commit()

    def add(params: dict) -> None:
        block = {key: dict(value) for key, value in params["datasets"]["digits"].items()}
        block["source"] = {"kind": "csv", "location": "letters.csv"}
        block["image"] = {"height": 16, "width": 16, "pixel_max": 16}
        params["datasets"]["letters"] = block

    small.edit_params(add)
    return small


def test_a_dataset_is_a_change_of_params_alone_and_leaves_nothing_when_it_goes(
    letters: Repository,
) -> None:
    printed = letters.succeed("python", "-m", "tools.run")
    for model in MODELS:
        assert f"metrics/letters/{model}.json" in printed
    letters.succeed("dvc", "plots", "show")
    page = (letters.root / "dvc_plots" / "index.html").read_text()
    assert "letters: accuracy of each model" in page
    assert "letters" in (letters.root / "report.html").read_text()

    letters.succeed("git", "checkout", "--quiet", "params.yaml")
    letters.succeed("python", "-m", "tools.run")
    assert letters.succeed("git", "status", "--short") == ""
    assert "up to date" in letters.succeed("dvc", "status")
    assert "letters" not in letters.succeed("dvc", "metrics", "show")
    assert "letters" not in (letters.root / "report.html").read_text()


def test_what_is_left_after_a_checkout_is_deleted_too(short: Repository) -> None:
    """`git checkout` takes the lock back, so the lock no longer lists what has to go."""
    short.edit_params(add_stump)
    short.succeed("dvc", "repro", "--quiet")
    short.succeed("git", "checkout", "--quiet", ".")
    short.succeed("dvc", "checkout")
    short.succeed("python", "-m", "tools.run")
    assert short.succeed("git", "status", "--short") == ""
    assert "up to date" in short.succeed("dvc", "status")


def test_a_dataset_that_is_not_wanted_can_be_removed(small: Repository) -> None:
    small.edit_params(lambda params: params["datasets"].pop("mnist"))
    printed = small.succeed("python", "-m", "tools.run")
    assert "mnist" not in printed.partition("Path")[2]
    assert "mnist" not in (small.root / "report.html").read_text().lower()


def test_a_model_is_downloaded_by_its_name(small: Repository, tmp_path) -> None:
    small.succeed("dvc", "remote", "add", "--default", "shared", str(tmp_path / "remote"))
    small.succeed("dvc", "push", "--quiet", "models/digits/svc.skops")
    small.commit()
    small.succeed("git", "tag", "--annotate", "digits-svc@v1.0.0", "--message", "First version")
    copied = tmp_path / "svc.skops"
    small.succeed("dvc", "artifacts", "get", ".", "digits-svc", "--out", str(copied))
    assert filecmp.cmp(copied, small.root / "models/digits/svc.skops", shallow=False)
