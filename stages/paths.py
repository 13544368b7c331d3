"""Where everything lies, seen from the project's root; `dvc.yaml` says the same."""

from pathlib import Path

PARAMS = Path("params.yaml")
REPORT = Path("report.html")
REPORT_TEMPLATE = Path("stages/report.html.jinja")
# Beside DVC's configuration, which names it; made by `make plots`, not in git.
PLOTS_PAGE = Path(".dvc/plots_page.html")
PLOTS_PAGE_TEMPLATE = Path("stages/plots_page.html.jinja")


def raw(dataset: str) -> Path:
    """The dataset's table, as fetched."""
    return Path("data/raw", f"{dataset}.csv")


def flat(dataset: str) -> Path:
    """The dataset's images as arrays."""
    return Path("data/flat", f"{dataset}.npz")


def train(dataset: str) -> Path:
    """The images to learn from."""
    return Path("data/split", dataset, "train.npz")


def test(dataset: str) -> Path:
    """The images to be judged by."""
    return Path("data/split", dataset, "test.npz")


def model(dataset: str, name: str) -> Path:
    """A fitted model."""
    return Path("models", dataset, f"{name}.skops")


def metrics(dataset: str, name: str) -> Path:
    """Metrics of a dataset: a model's name, or what else was measured."""
    return Path("metrics", dataset, f"{name}.json")


def plots(dataset: str) -> Path:
    """Pictures and charts' data of a dataset."""
    return Path("plots", dataset)


def predictions(dataset: str, name: str) -> Path:
    """What a model predicts for each test image."""
    return Path("plots", dataset, "predictions", f"{name}.csv")


def all_predictions(dataset: str) -> list[Path]:
    """The predictions of every model that was evaluated on a dataset, by name."""
    return sorted(Path("plots", dataset, "predictions").glob("*.csv"))


def claims_metrics() -> Path:
    """Metrics of the published claims."""
    return Path("metrics/claims.json")


def claims_table() -> Path:
    """The published claims, one a row."""
    return Path("plots/claims.csv")
