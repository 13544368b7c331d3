"""Paths of all inputs and outputs, relative to the project root; `dvc.yaml` has the same."""

from pathlib import Path

PARAMS = Path("params.yaml")
PUBLISHED_CLAIMS = Path("claims.yaml")
# Has a file for each dataset.
HYPERPARAMETERS = Path("data/hyperparameters")
REPORT = Path("report.html")
REPORT_TEMPLATE = Path("stages/templates/report.html.jinja")
# In DVC's configuration folder, whose setting names it. `make run` creates it; it is not in git.
PLOTS_PAGE = Path(".dvc/plots_page.html")
PLOTS_PAGE_TEMPLATE = Path("stages/templates/plots_page.html.jinja")


# Where DVC puts the folders of experiments with `--temp` and from the queue, below the project.
_EXPERIMENTS = (".dvc", "tmp", "exps")


def sources(name: str) -> Path:
    """Folder of a dataset or a submission with what the user gave, or with where it comes from."""
    return Path("data/sources", name)


def find(location: str) -> Path:
    """Return the path of a file or a folder that params.yaml names.

    A relative path that leads out of the project is not found from the folder of an experiment, so
    it is looked for from the project itself as well.
    """
    path, here = Path(location), Path.cwd().parts
    starts = [i for i in range(len(here)) if here[i : i + 3] == _EXPERIMENTS]
    if starts and not path.is_absolute() and not path.exists():
        return Path(*here[: starts[0]], path)
    return path


def raw(dataset: str) -> Path:
    """The dataset as one CSV table."""
    return Path("data/raw", f"{dataset}.csv")


def flat(dataset: str) -> Path:
    """Folder with all images of a dataset as arrays."""
    return Path("data/flat", dataset)


def facts(dataset: str) -> Path:
    """Source and split of a dataset; number, size and pixel range of its images."""
    return Path("data/facts", f"{dataset}.json")


def train(dataset: str) -> Path:
    """Folder with the training images."""
    return Path("data/split", dataset, "train")


def test(dataset: str) -> Path:
    """Folder with the test images."""
    return Path("data/split", dataset, "test")


def tuning(dataset: str, model: str) -> Path:
    """Results of the grid search of a model."""
    return Path("data/tuning", dataset, f"{model}.csv")


def learning_curve(dataset: str, model: str) -> Path:
    """Learning curve of a model."""
    return Path("data/learning_curve", dataset, f"{model}.csv")


def evaluation(dataset: str, model: str) -> Path:
    """Folder with the predictions and scores of a model on the test images."""
    return Path("data/evaluation", dataset, model)


def predictions(dataset: str, model: str) -> Path:
    """Predictions of a model for each test image."""
    return evaluation(dataset, model) / "predictions.csv"


def model(dataset: str, name: str) -> Path:
    """A fitted model."""
    return Path("models", dataset, f"{name}.skops")


def solved_pairs(dataset: str, name: str) -> Path:
    """Pairs of classes that the fit of a model has solved, until the model is saved."""
    return Path("models", dataset, f".{name}.pairs")


def submission(name: str) -> Path:
    """Digits that a model predicts for a table without labels, in Kaggle's format."""
    return Path("data/submissions", f"{name}.csv")


def metrics(dataset: str, model: str) -> Path:
    """Test metrics of a model."""
    return Path("metrics", dataset, f"{model}.json")


def hyperparameters(dataset: str) -> Path:
    """Hyperparameters of the models that were compared on a dataset."""
    return HYPERPARAMETERS / f"{dataset}.json"


def plots(dataset: str) -> Path:
    """Folder with the tables behind the charts of a dataset."""
    return Path("plots", dataset)


def samples(dataset: str) -> Path:
    """Sheet of sample images."""
    return Path("plots", dataset, "samples.png")


def suspects(dataset: str) -> Path:
    """Picture of test images whose label is probably wrong."""
    return Path("plots", dataset, "suspects.png")


def pictures(dataset: str, model: str) -> Path:
    """Folder with the pictures of a model."""
    return Path("plots", dataset, model)
