"""describe@dataset: what is in the dataset, as metrics and as a sheet of samples."""

import numpy as np

from handwriting import charts, images
from handwriting.images import Digits
from handwriting.params import Image
from stages import parameters, paths
from stages.command import run
from stages.outputs import replacing, write_json


def main(dataset: str) -> None:
    """Write the dataset's facts and its first images of each digit."""
    params = parameters.load()
    image = params.dataset(dataset).image
    digits = images.load(paths.flat(dataset))
    write_json(_facts(digits, image), paths.metrics(dataset, "dataset"))
    with replacing(paths.plots(dataset) / "samples.png") as path:
        charts.save(charts.sample_sheet(digits, image, params.describe.samples_per_digit), path)


def _facts(digits: Digits, image: Image) -> dict[str, int]:
    counts = np.bincount(digits.labels, minlength=10)
    return {
        "images": len(digits),
        "height": image.height,
        "width": image.width,
        "pixel_min": int(digits.pixels.min()),
        "pixel_max": int(digits.pixels.max()),
        "writers": 0 if digits.writers is None else len(np.unique(digits.writers)),
        **{f"digit_{digit}": int(count) for digit, count in enumerate(counts)},
    }


if __name__ == "__main__":
    run(main)
