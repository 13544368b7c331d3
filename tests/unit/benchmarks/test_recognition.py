import numpy as np

from benchmarks import recognition
from benchmarks.recognition import DIGITS, MNIST, PARAMS, Result
from handwriting.common.images import LabelledImages
from handwriting.models import pipeline
from handwriting.models.folds import make_folds


def test_the_first_recipes_predict_as_the_pipeline_does(digits: LabelledImages) -> None:
    train = digits.take(np.arange(898))
    folds = make_folds(train, 5)
    shipped = pipeline.fit(recognition.calibrated("digits"), train, folds)
    model = recognition.digits().fit(train.pixels, train.labels)
    features = model[:-1].transform(digits.pixels)
    np.testing.assert_array_equal(
        recognition.most_probable(model[-1], features), shipped.predict(digits.pixels)
    )


def test_the_first_recipes_have_the_parameters_of_the_pipeline() -> None:
    for dataset, recipes in {"mnist": MNIST, "digits": DIGITS}.items():
        used = PARAMS.hyperparameters("svc", dataset)
        classifier = recipes[0].model[-1]
        assert (classifier.C, classifier.gamma) == (used.C, used.gamma)


def test_recipes_have_different_names() -> None:
    for recipes in (MNIST, DIGITS):
        names = [recipe.name for recipe in recipes]
        assert len(set(names)) == len(names)


def test_mistakes_of_all_folds_are_counted(digits: LabelledImages) -> None:
    train = digits.take(np.arange(300))
    folds = make_folds(train, 3)
    result = recognition.cross_validate(DIGITS[1], "digits", train, folds)
    expected = 0
    for fitted, validated in folds:
        part = train.take(fitted)
        model = pipeline.fit(recognition.calibrated("digits", "svc_raw"), part, make_folds(part, 3))
        expected += int(np.sum(model.predict(train.pixels[validated]) != train.labels[validated]))
    assert result.mistakes == expected


def test_the_report_has_a_row_for_each_result() -> None:
    result = Result(mistakes=3, n_vectors=0, feature_seconds=1.25, fit_seconds=2)
    page = recognition.render_report({"one": result}, 300, {"two": result}, 30)
    assert "| one | 3 | 1.00% | – | 1.2 | 2.0 |" in page
    assert "| two | 3 | 10.00% | – | 1.2 | 2.0 |" in page
