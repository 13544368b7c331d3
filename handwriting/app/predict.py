"""Read the digits in images: PNG, JPEG, TIFF or BMP files, folders of them, or tables of pixels.

A photo may show several digits; they are read line by line. The output has one line per digit: its
location, the digit, its probability, and the runner-up with its probability. The location is
FILE:LINE:POSITION for a picture with several digits and FILE:ROW for a table. If an input cannot be
read, the others are still processed and the exit code is 1.
"""

import argparse
import io
import sys
from pathlib import Path

DEFAULT_MODEL = Path("models/mnist/svc.skops")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `handwriting predict`."""
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="an image, a folder of images, a table with one image per row (as `handwriting "
        "add` reads it, with or without labels), or - for an image or a table on standard input",
    )
    parser.add_argument(
        "--model",
        type=Path,
        default=DEFAULT_MODEL,
        metavar="FILE",
        help="a trained model (default: %(default)s)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON document")
    form.add_argument("--csv", action="store_true", help="print a CSV table")
    parser.add_argument(
        "--show",
        type=Path,
        metavar="OUT.png",
        help="write a picture with the first 50 originals and the images that the model received; "
        "it must not be one of the files to read",
    )


def main(arguments: argparse.Namespace) -> None:
    """Read all inputs; exit with code 1 if one of them could not be read."""
    import warnings

    from handwriting.app import contact_sheet, prediction, writers
    from handwriting.recognizer import Recognizer

    # Ignore Pillow's warnings about faulty metadata; only the pixels are used.
    warnings.filterwarnings("ignore", module="PIL")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may be no text
    files = prediction.expand(arguments.inputs)
    if arguments.show is not None:
        contact_sheet.check_target(
            arguments.show, (file for file in files if isinstance(file, str))
        )
    recognizer = Recognizer.load(arguments.model)
    if arguments.json:
        writer: writers.Writer = writers.JsonWriter(sys.stdout)
    elif arguments.csv:
        writer = writers.CsvWriter(sys.stdout)
    else:
        writer = writers.TextWriter(sys.stdout)
    sheet = contact_sheet.ContactSheet() if arguments.show is not None else None
    n_failed = prediction.predict(recognizer, files, writer, sheet)
    if sheet is not None and not sheet.is_empty:
        sheet.save(arguments.show)
    if n_failed:
        sys.exit(1)
