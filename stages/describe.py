"""describe@dataset: count the images of each digit and draw samples."""

from handwriting.common.stage.command import run

import numpy as np

from handwriting.common import images
from handwriting.common.images import LabelledImages
from handwriting.common.params.datasets import ImageFormat
from handwriting.common.stage import paths, read_params
from handwriting.common.stage.outputs import atomic_write, write_json
from handwriting.figures import image_grids, style


def main(dataset: str) -> None:
    """Write the dataset's facts and a sheet with its first images of each digit."""
    params = read_params.load()
    section = params.dataset(dataset)
    flat, image = images.load(paths.flat(dataset)), images.load_format(paths.flat(dataset))
    origin = {"source": section.source.kind, "split": section.split.method}
    write_json({**origin, **_facts(flat, image)}, paths.facts(dataset))
    figure = image_grids.sample_sheet(flat, image, params.describe.samples_per_digit)
    with atomic_write(paths.samples(dataset)) as path:
        style.save(figure, path)


def _facts(flat: LabelledImages, image: ImageFormat) -> dict[str, float]:
    counts = np.bincount(flat.labels, minlength=10)
    return {
        "n_images": len(flat),
        "height": image.height,
        "width": image.width,
        "ink": image.pixel_max,
        "pixel_min": int(flat.pixels.min()),
        "pixel_max": int(flat.pixels.max()),
        "n_writers": 0 if flat.writers is None else len(np.unique(flat.writers)),
        **{f"digit_{digit}": int(count) for digit, count in enumerate(counts)},
    }


if __name__ == "__main__":
    run(main)
