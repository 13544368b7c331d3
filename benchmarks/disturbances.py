"""Renders digits of MNIST as realistic pictures, and pictures of other objects.

A renderer takes a digit of MNIST, shape (28, 28), uint8, where 255 is ink, and a random generator.
It returns a grey picture, uint8, where 255 is white.
"""

import io
import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

UInt8Array = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Renderer = Callable[[UInt8Array, np.random.Generator], UInt8Array]

_PEN, _WHITE = 30.0, 255.0


def scaled(digit: UInt8Array, size: int) -> Floats:
    """Return the ink, 0–1, of a digit scaled to `size` × `size` pixels."""
    image = Image.fromarray(digit).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.float64) / 255


def on_paper(ink: Floats, paper: Floats | float = _WHITE, pen: float = _PEN) -> Floats:
    """Mix the grey values of paper and pen."""
    return paper * (1 - ink) + np.minimum(pen, paper) * ink


def to_pixels(grey: Floats) -> UInt8Array:
    """Round to grey pixels."""
    return np.asarray(np.clip(np.rint(grey), 0, 255), dtype=np.uint8)


def clean(digit: UInt8Array, random: np.random.Generator) -> UInt8Array:
    """Light ink on black, as in MNIST."""
    return digit


def inverted(digit: UInt8Array, random: np.random.Generator) -> UInt8Array:
    """Black ink on white paper, otherwise as in MNIST."""
    return 255 - digit


def of_size(size: int) -> Renderer:
    """Return a renderer of dark ink on white paper of `size` × `size` pixels."""
    return lambda digit, random: to_pixels(on_paper(scaled(digit, size)))


def off_centre(digit: UInt8Array, random: np.random.Generator) -> UInt8Array:
    """Anywhere on white paper, at 24 to 80 pixels."""
    return to_pixels(on_paper(_placed(digit, random)))


def grey_paper(digit: UInt8Array, random: np.random.Generator) -> UInt8Array:
    """A pencil on grey paper with grain."""
    paper, ink = random.uniform(140, 200), scaled(digit, 84)
    grey = on_paper(ink, paper, paper - random.uniform(70, 110))
    return to_pixels(grey + random.normal(0, 5, grey.shape))


def uneven_light(digit: UInt8Array, random: np.random.Generator) -> UInt8Array:
    """A lamp at one side and the soft edge of a shadow."""
    ink = scaled(digit, 112)
    return to_pixels(on_paper(ink, 1, 0.3) * _light(ink.shape, random))


def jpeg(digit: UInt8Array, random: np.random.Generator) -> UInt8Array:
    """A strongly compressed JPEG."""
    return compressed(to_pixels(on_paper(scaled(digit, 56))), 15)


def rotated(digit: UInt8Array, random: np.random.Generator) -> UInt8Array:
    """Rotated by up to 10°."""
    ink = _turned(scaled(digit, 112), random.uniform(-10, 10))
    return to_pixels(on_paper(ink))


def thick(digit: UInt8Array, random: np.random.Generator) -> UInt8Array:
    """A broad pen: strokes one pixel of MNIST wider."""
    return to_pixels(on_paper(ndimage.grey_dilation(scaled(digit, 112), footprint=_disc(2))))


def thin(digit: UInt8Array, random: np.random.Generator) -> UInt8Array:
    """A fine pen: strokes one pixel of MNIST narrower, but nowhere interrupted."""
    ink = scaled(digit, 112)
    eroded = ndimage.grey_erosion(ink, footprint=_disc(2))
    # The centre line of narrower strokes is kept.
    ridge = ink >= ndimage.grey_dilation(ink, footprint=_disc(2))
    return to_pixels(on_paper(np.maximum(eroded, ndimage.grey_dilation(ink * ridge, size=(2, 2)))))


def photo(digit: UInt8Array, random: np.random.Generator) -> UInt8Array:
    """All effects combined: rotated, off-centre, badly lit, blurred, noisy, compressed."""
    ink = _placed(digit, random, sizes=(60, 140), canvas=200)
    ink = _turned(ink, random.uniform(-5, 5))
    grey = on_paper(ink, 1, random.uniform(0.2, 0.5)) * _light(ink.shape, random)
    grey = ndimage.gaussian_filter(grey, 1) + random.normal(0, 4, grey.shape)
    return compressed(to_pixels(grey), 60)


def cropped(margin: int) -> Renderer:
    """Return a renderer of pictures that end at the ink, or `margin` pixels after it."""

    def render(digit: UInt8Array, random: np.random.Generator) -> UInt8Array:
        ink = scaled(digit, 28 * int(random.choice([1, 4])))
        rows, columns = (np.flatnonzero((ink > 0.1).any(axis=axis)) for axis in (1, 0))
        box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return to_pixels(on_paper(np.pad(box, margin)))

    return render


def _placed(
    digit: UInt8Array,
    random: np.random.Generator,
    sizes: tuple[int, int] = (24, 80),
    canvas: int = 112,
) -> Floats:
    size = int(random.integers(sizes[0], sizes[1] + 1))
    top, left = random.integers(0, canvas - size + 1, 2)
    ink = np.zeros((canvas, canvas))
    ink[top : top + size, left : left + size] = scaled(digit, size)
    return ink


def _light(shape: tuple[int, ...], random: np.random.Generator) -> Floats:
    """Return brightness between about 80 and 250, falling to one side, with a soft shadow."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] / max(shape)
    angle = random.uniform(0, 2 * math.pi)
    across = rows * math.sin(angle) + columns * math.cos(angle)
    across = (across - across.min()) / np.ptp(across)
    angle = random.uniform(0, 2 * math.pi)
    edge = (rows - 0.5) * math.sin(angle) + (columns - 0.5) * math.cos(angle)
    shadow = 1 / (1 + np.exp(-(edge - random.uniform(-0.3, 0.3)) / 0.1))
    light: Floats = (250 - 110 * across) * (1 - 0.3 * shadow)
    return light


def _turned(ink: Floats, degrees: float) -> Floats:
    return np.clip(ndimage.rotate(ink, degrees, reshape=False, order=3), 0, 1)


def _disc(radius: int) -> npt.NDArray[np.bool_]:
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(rows**2 + columns**2 <= radius**2)


def compressed(grey: UInt8Array, quality: int) -> UInt8Array:
    """Return a picture after JPEG compression."""
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


KINDS: dict[str, Renderer] = {
    "clean, 28×28": clean,
    "inverted": inverted,
    "20×20 pixels": of_size(20),
    "56×56 pixels": of_size(56),
    "112×112 pixels": of_size(112),
    "560×560 pixels": of_size(560),
    "off-centre": off_centre,
    "grey paper": grey_paper,
    "uneven light": uneven_light,
    "JPEG, quality 15": jpeg,
    "rotated by up to 10°": rotated,
    "thick strokes": thick,
    "thin strokes": thin,
    "cropped, margin 0": cropped(0),
    "cropped, margin 1": cropped(1),
    "photo: all effects combined": photo,
}


def strip(
    digits: Sequence[UInt8Array], random: np.random.Generator, *, gap: int, slope: float = 0.0
) -> UInt8Array:
    """Render digits in a row as dark ink on white paper.

    Parameters
    ----------
    digits : sequence of ndarray of shape (28, 28), uint8
    random : Generator
        Shifts each digit up or down by up to 3 pixels of 56.
    gap : int
        Pixels between the ink of two digits; 0 or less lets them touch or overlap.
    slope : float, default=0
        Slope of the line, in degrees.
    """
    inks = [_trimmed(scaled(digit, 56)) for digit in digits]
    width = sum(ink.shape[1] for ink in inks) + gap * (len(inks) - 1) + 40
    canvas = np.zeros((110, width))
    left = 20
    for ink in inks:
        # All images have the same height as in MNIST, so that baselines agree.
        top = 27 + int(random.integers(-3, 4))
        place = canvas[top : top + len(ink), left : left + ink.shape[1]]
        np.maximum(place, ink, out=place)
        left += ink.shape[1] + gap
    if slope:
        canvas = np.clip(ndimage.rotate(canvas, slope, order=3), 0, 1)
    return to_pixels(on_paper(canvas))


def _trimmed(ink: Floats) -> Floats:
    columns = np.flatnonzero((ink > 0.3).any(axis=0))
    return ink[:, columns[0] : columns[-1] + 1]


def touching_strip(digits: Sequence[UInt8Array], random: np.random.Generator) -> UInt8Array:
    """Render digits that each touch the next one: pushed together until their ink meets."""
    inks = [_trimmed(scaled(digit, 56)) for digit in digits]
    canvas = np.zeros((110, sum(ink.shape[1] for ink in inks) + 40))
    left = 20
    for number, ink in enumerate(inks):
        top = 27 + int(random.integers(-3, 4))
        place = np.zeros_like(canvas)
        place[top : top + len(ink), left : left + ink.shape[1]] = ink
        while number and not _touch(canvas, place):
            place = np.roll(place, -1, axis=1)
            left -= 1
        np.maximum(canvas, place, out=canvas)
        left += ink.shape[1]
    return to_pixels(on_paper(canvas[:, : left + 20]))


def _touch(first: Floats, second: Floats) -> bool:
    grown = ndimage.binary_dilation(first > 0.5, np.ones((3, 3)))
    return bool((grown & (second > 0.5)).any())


def noise(random: np.random.Generator) -> UInt8Array:
    """Grey noise."""
    return np.asarray(random.integers(0, 256, (56, 56)), dtype=np.uint8)


def blank(random: np.random.Generator) -> UInt8Array:
    """Paper with grain."""
    return to_pixels(random.normal(random.uniform(150, 240), 3, (56, 56)))


def scribble(random: np.random.Generator) -> UInt8Array:
    """A random curve in one stroke through 7 to 12 points."""
    points = random.uniform(30, 194, (int(random.integers(7, 13)), 2))
    t = np.linspace(0, len(points) - 1, 200)
    curve = np.stack(
        [ndimage.map_coordinates(points[:, axis], [t], order=3, mode="nearest") for axis in (0, 1)],
        axis=1,
    )
    return _drawn(lambda draw: draw.line([*map(tuple, curve)], fill=_INK, width=14, joint="curve"))


_INK = int(_PEN)


def _drawn(draw: Callable[[ImageDraw.ImageDraw], None]) -> UInt8Array:
    image = Image.new("L", (224, 224), 255)
    draw(ImageDraw.Draw(image))
    return np.asarray(image.resize((56, 56), Image.Resampling.BOX))


# Without characters that look like a digit, such as B, g, I, l, O, q, S and Z.
LETTERS = "ACEFHKMNPRTUVWXYadefhkmnrtuvwxy&@#%?=+"


def letter(random: np.random.Generator) -> UInt8Array:
    """A printed letter or sign that looks like no digit."""
    character = LETTERS[int(random.integers(len(LETTERS)))]
    font = ImageFont.load_default(int(random.integers(120, 180)))
    width = int(random.integers(0, 5))
    return _drawn(
        lambda draw: draw.text(
            (112, 112), character, _INK, font, anchor="mm", stroke_width=width, stroke_fill=_INK
        )
    )


def shape(random: np.random.Generator) -> UInt8Array:
    """A triangle, a square, a star, two crossed lines, a house or waves, in outline."""
    corners = {
        "triangle": [(0.5, 0), (1, 1), (0, 1)],
        "square": [(0, 0), (1, 0), (1, 1), (0, 1)],
        "star": [
            (0.5 + math.sin(i * 0.8 * math.pi) / 2, 0.5 - math.cos(i * 0.8 * math.pi) / 2)
            for i in range(5)
        ],
        "hash": [(0, 0), (1, 1), (1, 0), (0, 1)],
        "house": [(0, 1), (0, 0.4), (0.5, 0), (1, 0.4), (1, 1), (0, 0.4), (1, 0.4), (0, 1), (1, 1)],
        "waves": [(0, 0.3), (0.25, 0.7), (0.5, 0.3), (0.75, 0.7), (1, 0.3), (0.5, 1)],
    }
    chosen = corners[list(corners)[int(random.integers(len(corners)))]]
    size, width = random.uniform(110, 160), int(random.integers(8, 18))
    points = [
        (
            32 + size * x + random.uniform(-8, 8),
            32 + size * y + random.uniform(-8, 8),
        )
        for x, y in chosen
    ]
    points.append(points[0])
    return _drawn(lambda draw: draw.line(points, fill=_INK, width=width, joint="curve"))


def on_its_side(digit: UInt8Array, random: np.random.Generator) -> UInt8Array:
    """A digit rotated by a right angle."""
    return to_pixels(on_paper(scaled(np.rot90(digit, random.choice([1, 3])), 56)))


NO_DIGITS: dict[str, Callable[[np.random.Generator], UInt8Array]] = {
    "noise": noise,
    "blank": blank,
    "scribble": scribble,
    "letter": letter,
    "shape": shape,
}
