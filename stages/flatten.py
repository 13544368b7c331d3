"""flatten@dataset: the table, checked, as arrays of one row an image."""

from handwriting import images, table
from stages import parameters, paths
from stages.command import run
from stages.outputs import replacing


def main(dataset: str) -> None:
    """Check every value of the dataset's table and write the images as arrays."""
    image = parameters.load().dataset(dataset).image
    digits = table.read(paths.raw(dataset), image)
    with replacing(paths.flat(dataset)) as path:
        images.save(digits, path)


if __name__ == "__main__":
    run(main)
