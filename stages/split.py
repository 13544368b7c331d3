"""split@dataset: split the images into training and test images."""

from handwriting.common.stage.command import run

from handwriting import splits
from handwriting.common import images
from handwriting.common.errors import InputError
from handwriting.common.stage import paths, read_params
from handwriting.common.stage.outputs import atomic_write


def main(dataset: str) -> None:
    """Write the training images and the test images, both in table order."""
    method = read_params.load().dataset(dataset).split
    flat, image = images.load(paths.flat(dataset)), images.load_format(paths.flat(dataset))
    try:
        train, test = splits.split(flat, method)
    except InputError as error:
        raise InputError(f"{paths.PARAMS}: datasets.{dataset}.{error}") from None
    for index, target in ((train, paths.train(dataset)), (test, paths.test(dataset))):
        with atomic_write(target) as folder:
            images.save(flat.take(index), folder)
            images.save_format(image, folder)


if __name__ == "__main__":
    run(main)
