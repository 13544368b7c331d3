"""Classification problems of many kinds, on which the solvers of the SVC are compared."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import make_circles, make_classification, make_moons
from sklearn.decomposition import PCA

from handwriting.common import images
from handwriting.common.stage import paths, read_params
from handwriting.models import pipeline

Samples = tuple[NDArray[np.float32], NDArray[Any]]

# Seed of the random problems, and the largest number of values that one has.
SEED = 7
MAX_VALUES = 4_000_000


@dataclass(frozen=True)
class Case:
    """A problem.

    Attributes
    ----------
    name : str
    samples : callable
        Returns the samples and their classes.
    parameters : dict
        Of `SVC`.
    """

    name: str
    samples: Callable[[], Samples]
    parameters: dict[str, Any]


def mnist(n_samples: int) -> Samples:
    """Return the first training images, with pixel values from 0 to 1."""
    data = images.load(paths.train("mnist")).take(np.arange(n_samples))
    return np.divide(data.pixels, np.float32(255), dtype=np.float32), data.labels


def mnist_with_random_labels(n_samples: int) -> Samples:
    """Return images whose class cannot be learned."""
    X, y = mnist(n_samples)
    return X, np.random.default_rng(0).permutation(y)


def mnist_components(n_samples: int, n_components: int) -> Samples:
    """Return the principal components of images."""
    X, y = mnist(n_samples)
    return PCA(n_components, random_state=0).fit_transform(X).astype(np.float32), y


def overlapping(n_samples: int, n_features: int, n_classes: int, distance: float) -> Samples:
    """Return normally distributed classes with centres at about this distance per feature."""
    random = np.random.default_rng(0)
    y = np.arange(n_samples) % n_classes
    centres = random.normal(scale=distance, size=(n_classes, n_features))
    X = random.normal(size=(n_samples, n_features)) + centres[y]
    return X.astype(np.float32), y


def mnist_in_two_classes(n_samples: int) -> Samples:
    """Return images and whether their digit is odd."""
    X, y = mnist(n_samples)
    return X, y % 2


def mnist_with_noise(n_samples: int, share: float, seed: int) -> Samples:
    """Return images of which this share has a random class."""
    X, y = mnist(n_samples)
    random = np.random.default_rng(seed)
    is_random = random.random(n_samples) < share
    y[is_random] = random.integers(0, 10, is_random.sum())
    return X, y


def mnist_in_7_rows(n_samples: int) -> Samples:
    """Return images of 7×7 pixels, the means of 4×4 pixels each."""
    X, y = mnist(n_samples)
    return X.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49), y


def mnist_gradients(n_samples: int) -> Samples:
    """Return the features of the model `svc`."""
    train, image = images.load(paths.train("mnist")), images.load_format(paths.train("mnist"))
    model = pipeline.build(read_params.load().hyperparameters("svc", "mnist"), image)
    train = train.take(np.arange(n_samples))
    return model[:-1].fit_transform(train.pixels), train.labels


def checkerboard(n_samples: int, n_squares: int, seed: int) -> Samples:
    """Return points of a board with this number of squares in a row, and their colours."""
    X = np.random.default_rng(seed).uniform(0, n_squares, (n_samples, 2))
    return X.astype(np.float32), np.floor(X).astype(int).sum(axis=1) % 2


def generated(made: tuple[NDArray[Any], NDArray[Any]]) -> Samples:
    """Return samples of scikit-learn in single precision."""
    X, y = made
    return X.astype(np.float32), y


CASES = [
    Case("MNIST", lambda: mnist(10_000), {"C": 5, "gamma": 0.02}),
    Case("MNIST, C too small", lambda: mnist(5_000), {"C": 0.001, "gamma": 0.02}),
    Case("MNIST, gamma too large", lambda: mnist(5_000), {"C": 5, "gamma": 1}),
    Case("MNIST, random labels", lambda: mnist_with_random_labels(5_000), {"C": 1, "gamma": 0.02}),
    Case(
        "MNIST, random labels, large C",
        lambda: mnist_with_random_labels(3_000),
        {"C": 100, "gamma": 0.02},
    ),
    Case("MNIST, linear", lambda: mnist(10_000), {"C": 1, "kernel": "linear"}),
    Case(
        "MNIST, poly",
        lambda: mnist(10_000),
        {"C": 5, "kernel": "poly", "gamma": 0.02, "coef0": 1.0},
    ),
    Case("MNIST, 50 components", lambda: mnist_components(20_000, 50), {"C": 5, "gamma": 0.02}),
    Case(
        "overlapping, 10 features",
        lambda: overlapping(20_000, 10, 4, 0.5),
        {"C": 1, "gamma": 0.1},
    ),
    Case(
        "hardly overlapping, 10 features",
        lambda: overlapping(20_000, 10, 4, 2.0),
        {"C": 1, "gamma": 0.1},
    ),
    Case(
        "overlapping, 10 features, large C",
        lambda: overlapping(5_000, 10, 2, 0.5),
        {"C": 100, "gamma": 0.1},
    ),
    Case(
        "overlapping, 120 features",
        lambda: overlapping(10_000, 120, 4, 0.1),
        {"C": 1, "gamma": 0.005},
    ),
    Case(
        "overlapping, 120 features, large C",
        lambda: overlapping(5_000, 120, 2, 0.1),
        {"C": 100, "gamma": 0.001},
    ),
    Case(
        "overlapping, 500 features, 2 classes",
        lambda: overlapping(10_000, 500, 2, 0.05),
        {"C": 1, "gamma": 0.002},
    ),
    Case("MNIST, odd or even", lambda: mnist_in_two_classes(20_000), {"C": 5, "gamma": 0.02}),
    Case(
        "MNIST, a fifth of the labels random",
        lambda: mnist_with_noise(10_000, 0.2, seed=0),
        {"gamma": 0.02},
    ),
    Case("MNIST, 7×7 pixels", lambda: mnist_in_7_rows(20_000), {"C": 1, "gamma": 0.1}),
    Case("MNIST, gradients", lambda: mnist_gradients(20_000), {"C": 10, "gamma": 0.1}),
    Case(
        "two moons",
        lambda: generated(make_moons(20_000, noise=0.25, random_state=0)),
        {"C": 1, "gamma": 1},
    ),
    Case(
        "two rings",
        lambda: generated(make_circles(10_000, noise=0.2, factor=0.6, random_state=0)),
        {"C": 10, "gamma": 1},
    ),
    Case("checkerboard", lambda: checkerboard(20_000, 8, seed=0), {"C": 100, "gamma": 10}),
    Case(
        "clusters, 20 features, 5 classes",
        lambda: generated(
            make_classification(
                20_000, 20, n_informative=10, n_classes=5, flip_y=0.1, random_state=0
            )
        ),
        {"C": 1, "gamma": 0.05},
    ),
    Case(
        "clusters, 200 features, 3 classes",
        lambda: generated(
            make_classification(
                10_000, 200, n_informative=40, n_classes=3, flip_y=0.2, random_state=0
            )
        ),
        {"C": 10, "gamma": 0.005},
    ),
    Case(
        "clusters, 1,000 features, linear",
        lambda: generated(
            make_classification(5_000, 1_000, n_informative=100, flip_y=0.05, random_state=0)
        ),
        {"C": 0.01, "kernel": "linear"},
    ),
]


def random_case(number: int) -> Case:
    """Return a problem whose kind, size and parameters are drawn; the number is the seed."""
    random = np.random.default_rng([SEED, number])
    draw = [draw_normal, draw_clusters, draw_shape, draw_mnist][number % 4]
    case = draw(random)
    return replace(case, name=f"{number}: {case.name}")


def draw_size(random: np.random.Generator, n_features: int) -> int:
    """Return a number of samples."""
    return min(round(2 ** random.uniform(11, 13.9)), MAX_VALUES // n_features)


def draw_normal(random: np.random.Generator) -> Case:
    """Return normally distributed classes."""
    n_features = round(2 ** random.uniform(1, 9))
    n_samples = draw_size(random, n_features)
    n_classes = int(random.choice([2, 2, 3, 5, 10]))
    distance = 2 ** random.uniform(-1, 2.5) / np.sqrt(n_features)
    return Case(
        f"normal, {n_classes} classes",
        lambda: overlapping(n_samples, n_features, n_classes, distance),
        {"C": 10 ** random.uniform(-1.5, 2), "gamma": 10 ** random.uniform(-1.2, 0.5) / n_features},
    )


def draw_clusters(random: np.random.Generator) -> Case:
    """Return classes of several clusters, with a random label for some samples."""
    n_features = round(2 ** random.uniform(2.5, 9))
    n_samples = draw_size(random, n_features)
    arguments = {
        "n_informative": max(4, int(n_features * random.uniform(0.2, 1))),
        "n_redundant": 0,
        "n_classes": int(random.choice([2, 3, 4, 6])),
        "flip_y": float(random.choice([0, 0.01, 0.05, 0.2])),
        "random_state": int(random.integers(1000)),
        "class_sep": random.uniform(0.5, 2),
    }
    C, gamma = 10 ** random.uniform(-1.5, 2), 10 ** random.uniform(-1.5, 0.3) / n_features
    kernel = str(random.choice(["rbf", "rbf", "rbf", "linear"]))

    def samples() -> Samples:
        X, y = generated(make_classification(n_samples, n_features, **arguments))
        return X / X.std(), y

    rbf, linear = {"C": C, "gamma": gamma}, {"C": C / 10, "kernel": "linear"}
    name = f"clusters, {arguments['n_classes']} classes, {kernel}"
    return Case(name, samples, rbf if kernel == "rbf" else linear)


def draw_shape(random: np.random.Generator) -> Case:
    """Return points of a plane: two moons, two rings or a checkerboard."""
    kind = str(random.choice(["moons", "rings", "checkerboard"]))
    n_samples = round(2 ** random.uniform(11, 15))
    seed = int(random.integers(1000))
    parameters = {"C": 10 ** random.uniform(-1, 2.3), "gamma": 10 ** random.uniform(-1, 1.3)}
    noise, n_squares = random.uniform(0.02, 0.4), int(random.integers(2, 9))

    def samples() -> Samples:
        if kind == "moons":
            return generated(make_moons(n_samples, noise=noise, random_state=seed))
        if kind == "rings":
            return generated(make_circles(n_samples, noise=noise, factor=0.6, random_state=seed))
        return checkerboard(n_samples, n_squares, seed)

    return Case(kind, samples, parameters)


def draw_mnist(random: np.random.Generator) -> Case:
    """Return images, or features of them, with all kernels."""
    n_samples = round(2 ** random.uniform(11, 13.8))
    kind = str(
        random.choice(["pixels", "components", "random labels", "odd or even", "7×7 pixels"])
    )
    C, gamma = 10 ** random.uniform(-1.5, 2), 10 ** random.uniform(-2.3, -0.7)
    n_components = round(2 ** random.uniform(2, 7))
    kernel = str(random.choice(["rbf", "rbf", "rbf", "linear", "poly"]))
    share, seed = random.uniform(0, 0.5), int(random.integers(1000))
    samples: dict[str, Callable[[], Samples]] = {
        "pixels": lambda: mnist(n_samples),
        "components": lambda: mnist_components(n_samples, n_components),
        "random labels": lambda: mnist_with_noise(n_samples, share, seed),
        "odd or even": lambda: mnist_in_two_classes(n_samples),
        "7×7 pixels": lambda: mnist_in_7_rows(n_samples),
    }
    if kind in ("components", "7×7 pixels"):
        gamma *= 5
    parameters: dict[str, dict[str, Any]] = {
        "rbf": {"C": C, "gamma": gamma},
        "linear": {"C": C / 30, "kernel": "linear"},
        "poly": {"C": C, "kernel": "poly", "gamma": 0.02, "coef0": 1.0},
    }
    return Case(f"MNIST, {kind}, {kernel}", samples[kind], parameters[kernel])
