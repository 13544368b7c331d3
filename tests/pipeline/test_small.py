"""DVC itself, on the whole graph and small real data."""

import time

from tests.conftest import Repository, clone
from tests.pipeline.test_graph import PARAMS, STAGES

DATASETS, MODELS = list(PARAMS["datasets"]), list(PARAMS["models"])


def forest_is_larger(params: dict) -> None:
    params["models"]["forest"]["mnist"]["n_estimators"] = 12


def test_everything_is_up_to_date_after_a_run_and_a_second_run_runs_nothing(
    small: Repository,
) -> None:
    assert "up to date" in small.succeed("dvc", "status")
    assert small.stages_run_by("dvc", "repro") == set()
    assert small.succeed("git", "status", "--short") == ""


def test_a_second_run_takes_at_most_twice_as_long_as_status(small: Repository) -> None:
    def seconds(*command: str) -> float:
        times = []
        for _ in range(3):
            start = time.perf_counter()
            small.succeed(*command)
            times.append(time.perf_counter() - start)
        return min(times)

    assert seconds("dvc", "repro") <= 2 * seconds("dvc", "status")


def test_one_hyperparameter_reruns_its_model_and_the_comparison_and_nothing_else(
    small: Repository,
) -> None:
    small.edit_params(forest_is_larger)
    stages = ("train", "curve", "evaluate", "explain")
    own = {*(f"{stage}@mnist-forest" for stage in stages), "report"}
    # With other trees the predictions may still be the same, and then there is nothing to compare.
    comparing = {"compare@mnist", "verdict@mnist"}
    assert small.stages_run_by("dvc", "repro") in (own, own | comparing)


def test_going_back_by_checkout_computes_nothing(small: Repository) -> None:
    small.edit_params(forest_is_larger)
    assert small.stages_run_by("dvc", "repro")
    small.succeed("git", "checkout", "--quiet", ".")
    small.succeed("dvc", "checkout")
    assert small.stages_run_by("dvc", "repro") == set()
    assert "up to date" in small.succeed("dvc", "status")


def test_a_comment_in_params_reruns_nothing(small: Repository) -> None:
    with (small.root / "params.yaml").open("a") as file:
        file.write("# a remark\n")
    assert small.stages_run_by("dvc", "repro") == set()


def test_editing_a_module_makes_every_stage_that_imports_it_stale(small: Repository) -> None:
    with (small.root / "handwriting" / "scoring.py").open("a") as file:
        file.write("# a remark\n")
    stale = small.run("dvc", "status").stdout
    for dataset in DATASETS:
        assert f"compare@{dataset}" in stale
        assert f"flatten@{dataset}" not in stale
        for model in MODELS:
            assert f"evaluate@{dataset}-{model}" in stale
            assert f"train@{dataset}-{model}" not in stale


def test_two_clones_build_the_same_bytes(small: Repository, tmp_path) -> None:
    """Everything, models and pictures among it: `dvc.lock` has the hash of each output."""
    other = clone(tmp_path / "other")
    for name in ("params.yaml", "some_mnist.csv"):
        (other.root / name).write_bytes((small.root / name).read_bytes())
    other.succeed("dvc", "repro", "--quiet")
    assert (other.root / "dvc.lock").read_bytes() == (small.root / "dvc.lock").read_bytes()


def test_metrics_diff_names_what_a_change_did_and_nothing_else(small: Repository) -> None:
    small.edit_params(forest_is_larger)
    small.succeed("dvc", "repro")
    rows = small.succeed("dvc", "metrics", "diff").splitlines()[1:]
    assert rows
    assert all(row.startswith("metrics/mnist/forest.json") for row in rows)


def test_experiments_change_a_number_and_show_what_came_of_it(small: Repository) -> None:
    small.succeed("dvc", "exp", "run", "--set-param", "models.forest.digits.n_estimators=3")
    shown = small.succeed("dvc", "exp", "show", "--csv")
    assert "models.forest.digits.n_estimators" in shown
    assert "metrics/digits/forest.json:accuracy" in shown


def test_the_graph_has_a_stage_for_every_dataset_and_model(small: Repository) -> None:
    names = {line.split()[0] for line in small.succeed("dvc", "stage", "list").splitlines()}
    per_model = {"tune", "train", "curve", "evaluate", "explain"}
    whole = {"claims", "report"}
    expected = whole | {
        f"{stage}@{dataset}{suffix}"
        for stage in STAGES
        if stage not in whole
        for dataset in DATASETS
        for suffix in ([f"-{model}" for model in MODELS] if stage in per_model else [""])
    }
    assert names == expected


def test_a_variant_of_a_kind_stands_beside_it(small: Repository) -> None:
    def add_stump(params: dict) -> None:
        tree = {"features": "raw", "max_depth": 2}
        params["models"]["stump"] = {"kind": "tree", "digits": tree, "mnist": tree}
        grid = {"max_depth": [1, 2], "min_samples_leaf": [1]}
        params["tune"]["grids"]["stump"] = {"digits": grid, "mnist": grid}

    small.edit_params(add_stump)
    small.succeed("dvc", "repro")
    table = (small.root / "plots/digits/comparison.csv").read_text()
    assert {line.split(",")[0] for line in table.splitlines()[1:]} == {*MODELS, "stump"}
