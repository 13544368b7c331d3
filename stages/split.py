"""split@dataset: the images to learn from and the images to be judged by."""

from handwriting import images, splits
from handwriting.errors import InputError
from stages import parameters, paths
from stages.command import run
from stages.outputs import replacing


def main(dataset: str) -> None:
    """Write the training and the test images, each in the table's order."""
    method = parameters.load().dataset(dataset).split
    digits = images.load(paths.flat(dataset))
    try:
        train, test = splits.split(digits, method)
    except InputError as error:
        raise InputError(f"{paths.PARAMS}: datasets.{dataset}.{error}") from None
    for index, target in ((train, paths.train(dataset)), (test, paths.test(dataset))):
        with replacing(target) as path:
            images.save(digits.take(index), path)


if __name__ == "__main__":
    run(main)
