"""flatten@dataset: validate the table and convert it to arrays of one row per image."""

from stages.common.command import run

from handwriting.common import images
from handwriting.data import table
from stages.common import paths, read_params
from stages.common.outputs import atomic_write


def main(dataset: str) -> None:
    """Check every value of the dataset's table and write the images as arrays."""
    image = read_params.load().dataset(dataset).image
    flat = table.read(paths.raw(dataset), image)
    with atomic_write(paths.flat(dataset)) as folder:
        images.save(flat, folder)


if __name__ == "__main__":
    run(main)
