"""flatten@dataset: validate the table and convert it to arrays of one row per image."""

from handwriting.common.stage.command import run

from handwriting.common import images
from handwriting.common.stage import paths, read_params
from handwriting.common.stage.outputs import atomic_write
from handwriting.data import table


def main(dataset: str) -> None:
    """Check every value of the dataset's table and write the images as arrays."""
    image = read_params.load().dataset(dataset).image
    flat = table.read(paths.raw(dataset), image)
    with atomic_write(paths.flat(dataset)) as folder:
        images.save(flat, folder)
        images.save_format(image, folder)


if __name__ == "__main__":
    run(main)
