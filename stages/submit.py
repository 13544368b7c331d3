"""submit@name: predict the digits of a table without labels, for Kaggle."""

from handwriting.common.stage.command import run

from handwriting import persistence
from handwriting.common.errors import InputError
from handwriting.common.stage import paths, read_params
from handwriting.common.stage.outputs import write_csv
from handwriting.data import table_forms, text_files
from handwriting.models import pipeline


def main(name: str) -> None:
    """Write one row per image of the submission's table: its number, from 1, and its digit."""
    params = read_params.load()
    submission = params.submission(name)
    image = params.dataset(submission.dataset).image
    model = paths.model(submission.dataset, submission.model)
    classifier = persistence.load(model)
    trained_on = pipeline.image_format(classifier)
    if trained_on.n_pixels != image.n_pixels:
        raise InputError(
            f"{model}: trained on images of {trained_on.n_pixels} pixels; "
            f"datasets.{submission.dataset}.image of {paths.PARAMS} has {image.n_pixels}; run "
            "`dvc repro` to train it again"
        )
    location = submission.source.location
    labels: list[int] = []
    with text_files.open_text(paths.find(location), location) as lines:
        for block in table_forms.read(lines, submission.source, image, location):
            labels += classifier.predict(block.pixels).tolist()
    write_csv(("ImageId", "Label"), enumerate(labels, start=1), paths.submission(name))


if __name__ == "__main__":
    run(main)
