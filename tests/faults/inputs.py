"""Faulty inputs of each kind, and the command that reads them."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import skops.io
from PIL import Image
from ruamel.yaml import YAML

from handwriting import persistence
from tests.helpers import png_declaring

Damage = Callable[[bytes], bytes | None]


@dataclass(frozen=True)
class FaultyInput:
    """A file, what is wrong with it, and the command that has to refuse it."""

    kind: str
    name: str
    command: tuple[str, ...]
    file: str
    damage: Damage  # from the sound content to the faulty one; None is no file

    def __str__(self) -> str:
        """The identifier of the test."""
        return f"{self.kind}-{self.name}"


def all_inputs() -> Iterator[FaultyInput]:
    """Yield all faulty inputs."""
    for inputs in (_csv, _arrays, _params, _claims, _images, _mirrors, _models, _templates):
        yield from inputs()


def _to(content: bytes | None) -> Damage:
    return lambda sound: content


def _replace(old: bytes, new: bytes) -> Damage:
    def replace(sound: bytes) -> bytes:
        assert old in sound
        return sound.replace(old, new, 1)

    return replace


def _line(number: int, change: Callable[[bytes], bytes]) -> Damage:
    """Change one line; the header is line 0."""

    def damage(sound: bytes) -> bytes:
        lines = sound.split(b"\n")
        lines[number] = change(lines[number])
        return b"\n".join(lines)

    return damage


def _last_value(value: bytes) -> Callable[[bytes], bytes]:
    return lambda line: line[: line.rindex(b",") + 1] + value


def _csv() -> Iterator[FaultyInput]:
    faults: dict[str, Damage] = {
        "no file": _to(None),
        "empty": _to(b""),
        "only a header": lambda sound: sound.split(b"\n")[0] + b"\n",
        "no header": lambda sound: sound.partition(b"\n")[2],
        "another header": _replace(b"label", b"digit"),
        "columns in another order": _replace(b"pixel0,pixel1,", b"pixel1,pixel0,"),
        "semicolons": lambda sound: sound.replace(b",", b";"),
        "tabs": lambda sound: sound.replace(b",", b"\t"),
        "a picture": _to(b"\x89PNG\r\n\x1a\n" + bytes(500)),
        "zeros": _to(bytes(5000)),
        "UTF-16": lambda sound: sound.decode().encode("utf-16"),
        "a value missing": _line(700, _last_value(b"")),
        "a cell missing": _line(700, lambda line: line[: line.rindex(b",")]),
        "a cell too many": _line(700, lambda line: line + b",0"),
        "text": _line(1797, _last_value(b"ink")),
        "a fraction": _line(1, _last_value(b"0.5")),
        "a negative value": _line(2, _last_value(b"-1")),
        "a value above the range": _line(900, _last_value(b"17")),
        "a huge number": _line(900, _last_value(b"9" * 400)),
        "not a number": _line(900, _last_value(b"nan")),
        "not finite": _line(900, _last_value(b"inf")),
        "a label above 9": _line(5, lambda line: b"1" + line),
        "no label": _line(5, lambda line: line[1:]),
        "an open quotation mark": _line(900, lambda line: b'"' + line),
    }
    for name, damage in faults.items():
        command = ("python", "-m", "stages.flatten", "digits")
        yield FaultyInput("CSV", name, command, "data/raw/digits.csv", damage)


def _npy(array: np.ndarray, allow_pickle: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=allow_pickle)
    return file.getvalue()


def _array(change: Callable[[np.ndarray], np.ndarray]) -> Damage:
    return lambda sound: _npy(change(np.load(io.BytesIO(sound))))


def _archive(sound: bytes) -> bytes:
    file = io.BytesIO()
    np.savez(file, pixels=np.load(io.BytesIO(sound)))
    return file.getvalue()


def _arrays() -> Iterator[FaultyInput]:
    faults: dict[str, Damage] = {
        "no file": _to(None),
        "empty": _to(b""),
        "text": _to(b"0 0 5 13\n"),
        "truncated": lambda sound: sound[:-1],
        "only a header": lambda sound: sound[:128],
        "half a header": lambda sound: sound[:60],
        "a header that is not Python": _replace(b"'descr'", b"'descr("),
        "a shape that is too large": _replace(b"(1797,", b"(9999,"),
        "an archive of arrays": _archive,
        "objects": _to(_npy(np.array([print], dtype=object), allow_pickle=True)),
        "floats": _array(lambda array: array.astype(np.float64)),
        "wide integers": _array(lambda array: array.astype(np.int64)),
        "a row missing": _array(lambda array: array[:-1]),
        "no rows": _array(lambda array: array[:0]),
        "one dimension more": _array(lambda array: array[..., np.newaxis]),
        "a single number": _array(lambda array: array.reshape(-1)[0]),
    }
    for name, damage in faults.items():
        for array in ("pixels", "labels"):
            if (name, array) == ("a header that is not Python", "labels"):
                continue
            command = ("python", "-m", "stages.split", "digits")
            file = f"data/flat/digits/{array}.npy"
            yield FaultyInput("arrays", f"{array}: {name}", command, file, damage)


def _params() -> Iterator[FaultyInput]:
    faults: dict[str, Damage] = {
        "no file": _to(None),
        "empty": _to(b""),
        "a list": _to(b"- seed: 0\n"),
        "not UTF-8": lambda sound: sound + b"# \xff\n",
        "a control character": lambda sound: sound + b"# \x01\n",
        "a tab": _replace(b"  samples_per_digit", b"\tsamples_per_digit"),
        "a key twice": _replace(b"seed: 0\n", b"seed: 0\nseed: 1\n"),
        "an open bracket": _replace(b"seed: 0\n", b"seed: [0\n"),
        "Python code": _replace(b"seed: 0\n", b"seed: !!python/object:os.getcwd {}\n"),
        "a merge conflict": _replace(b"seed: 0\n", b"<<<<<<< HEAD\nseed: 0\n"),
        "a key misspelt": _replace(b"seed: 0\n", b"sed: 0\n"),
        "text for a number": _replace(b"seed: 0\n", b"seed: zero\n"),
        "a fraction for a count": _replace(b"samples_per_digit: 10", b"samples_per_digit: 1.5"),
        "a negative seed": _replace(b"seed: 0\n", b"seed: -1\n"),
        "a decimal comma": _replace(b"confidence: 0.95", b"confidence: 0,95"),
        "a percentage": _replace(b"confidence: 0.95", b"confidence: 95"),
        "no value": _replace(b"confidence: 0.95", b"confidence:"),
        "not finite": _replace(b"confidence: 0.95", b"confidence: .nan"),
        "an unknown kind of model": _replace(b"kind: forest", b"kind: woods"),
        "a path as a name": _replace(b"  digits:\n    source:", b"  ../digits:\n    source:"),
        "an unknown source": _replace(b"kind: sklearn", b"kind: torch"),
        "an image without height": _replace(b"height: 8", b"height: 0"),
        "more than 8 bits": _replace(b"pixel_max: 16", b"pixel_max: 256"),
        "an unknown split": _replace(b"method: ordered", b"method: sorted"),
        "all images for training": _replace(b"train: 0.5", b"train: 1.5"),
        "endless patience": _replace(b"kind: sklearn", b"{kind: csv, location: x, timeout: 1e300}"),
        "too many trees": _replace(b"n_estimators: ", b"n_estimators: " + b"9" * 23),
    }
    for name, damage in faults.items():
        command = ("python", "-m", "stages.describe", "digits")
        yield FaultyInput("params", name, command, "params.yaml", damage)


def _claims() -> Iterator[FaultyInput]:
    def changed(change: Callable[[dict], object]) -> Damage:
        def damage(sound: bytes) -> bytes:
            yaml, file = YAML(typ="safe"), io.BytesIO()
            content = yaml.load(sound)
            change(content)
            yaml.dump(content, file)
            return file.getvalue()

        return damage

    faults: dict[str, Damage] = {
        "no file": _to(None),
        "empty": _to(b""),
        "text": _to(b"all six correct\n"),
        "not UTF-8": lambda sound: sound + b"# \xff\n",
        "a name twice": changed(lambda c: c["claims"][1].update(name="digits_last_six")),
        "an unknown write-up": changed(lambda c: c["claims"][0].update(write_up="nowhere")),
        "no quote": changed(lambda c: c["claims"][0].pop("quote")),
        "no comparisons": changed(lambda c: c.pop("comparisons")),
        "an accuracy in percent": changed(lambda c: c["claims"][0].update(claimed_accuracy=98)),
        "rows backwards": changed(lambda c: c["claims"][0]["split"].update(train=[9, 3])),
        "rows that the table lacks": changed(
            lambda c: c["claims"][0]["split"].update(test=[0, 1797])
        ),
        "more rows than the table has": changed(lambda c: c["claims"][0].update(n_rows=1798)),
        "an unknown split": changed(lambda c: c["claims"][0]["split"].update(method="by hand")),
        "an unknown model": changed(lambda c: c["claims"][0]["model"].update(kind="svm")),
        "unknown features": changed(lambda c: c["claims"][0]["model"].update(features="hog")),
        "a hyperparameter of another model": changed(
            lambda c: c["claims"][0]["model"].update(n_estimators=3)
        ),
        "an unknown verdict": changed(lambda c: c["comparisons"][0].update(claimed="maybe")),
    }
    for name, damage in faults.items():
        command = ("python", "-m", "stages.claims", "digits")
        yield FaultyInput("claims", name, command, "claims.yaml", damage)


def _picture(form: str = "PNG", mode: str = "L", **options: object) -> bytes:
    pixels = np.full((40, 30), 255, dtype=np.uint8)
    pixels[5:35, 12:18] = 0
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, form, **options)
    return file.getvalue()


def _images() -> Iterator[FaultyInput]:
    faults: dict[str, Damage] = {
        "no file": _to(None),
        "empty": _to(b""),
        "text": _to(b"a seven"),
        "GIF": _to(_picture("GIF")),
        "WebP": _to(b"RIFF\x24\0\0\0WEBPVP8 " + bytes(24)),
        "SVG": _to(b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
        "PDF": _to(b"%PDF-1.7\n" + bytes(100)),
        "only a signature": _to(b"\x89PNG\r\n\x1a\n"),
        "PNG truncated": _to(_picture()[:-30]),
        "BMP truncated": _to(_picture("BMP")[:-30]),
        "JPEG truncated": _to(_picture("JPEG")[:100]),
        "TIFF truncated": _to(_picture("TIFF")[:-60]),
        "PNG with a changed byte": _to(_picture()[:45] + b"\xff" + _picture()[46:]),
        "TIFF without data": _to(b"II*\0\x08\0\0\0\x01\0\x11\x01\x04\0" + b"\xff" * 12),
        "too many pixels": _to(png_declaring(10_000, 5_001)),
        "far too many pixels": _to(png_declaring(100_000, 100_000)),
        "the largest size": _to(png_declaring(2**31 - 1, 2**31 - 1)),
        "no pixels": _to(png_declaring(0, 10)),
        "no ink": _to(png_declaring(20, 10)),
        "white": _to(_white()),
    }
    for name, damage in faults.items():
        command = ("handwriting", "predict", "--model", "models/digits/forest.skops", "seven.png")
        yield FaultyInput("images", name, command, "seven.png", damage)


def _white() -> bytes:
    file = io.BytesIO()
    Image.new("L", (20, 20), 255).save(file, "PNG")
    return file.getvalue()


def _source(source: dict[str, object]) -> Damage:
    """Give the dataset another source, where {server} is the address of the faulty server."""

    def damage(sound: bytes) -> bytes:
        text = f"    source: {json.dumps(source)}\n    image:".encode()
        before, digits, block = sound.partition(b"\n  digits:\n")
        assert block.startswith(b"    source:\n")
        return before + digits + text + block.partition(b"    image:")[2]

    return damage


def _mirrors() -> Iterator[FaultyInput]:
    def csv(path: str, **more: object) -> Damage:
        return _source({"kind": "csv", "location": path, "timeout": 0.5, **more})

    def mnist(*mirrors: str, writers: tuple[str, ...] = ()) -> Damage:
        source = {"kind": "mnist", "mirrors": list(mirrors), "writers": list(writers)}
        return _source({**source, "timeout": 0.5})

    faults: dict[str, Damage] = {
        "no such table": csv("nowhere.csv"),
        "a folder as a table": csv("data"),
        "a folder as a table in another form": _source(
            {
                **{"kind": "table", "location": "data", "separator": "comma", "header": True},
                **{"paper": 0, "ink": 16, "columns": ["label", "pixels"]},
            }
        ),
        "a table as a folder of images": _source(
            {"kind": "images", "location": "params.yaml", "paper": 255, "ink": 0}
        ),
        "no such folder": mnist("nowhere"),
        "a folder without the files": mnist("data"),
        "a file as a folder": mnist("params.yaml"),
        "nobody listens": mnist("http://127.0.0.1:9/"),
        "an address without encryption": mnist("http://example.org/"),
        "another protocol": mnist("ftp://127.0.0.1/"),
        "no mirrors": mnist(),
        "another checksum": csv("http://SERVER/table/digits.csv", sha256="0" * 64),
        "not a checksum": csv("http://SERVER/table/digits.csv", sha256="abc"),
    }
    for kind in ("missing", "forbidden", "error", "cut", "silent", "page", "empty", "loop"):
        faults[f"mirror: {kind}"] = mnist(f"http://SERVER/{kind}/")
        faults[f"table: {kind}"] = csv(f"http://SERVER/{kind}/digits.csv")
    faults["mirror: other bytes"] = mnist("http://SERVER/other/")
    for name, damage in faults.items():
        command = ("python", "-m", "stages.fetch", "digits")
        yield FaultyInput("mirrors", name, command, "params.yaml", damage)


def _sealed(change: Callable[[dict[str, bytes]], object]) -> Damage:
    """Change the files in a model, with a checksum that matches."""

    def damage(sound: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(sound)) as archive:
            contents = {name: archive.read(name) for name in archive.namelist()}
        change(contents)
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
        return persistence._seal(target.getvalue())

    return damage


def _schema(change: Callable[[dict], object]) -> Damage:
    def edit(contents: dict[str, bytes]) -> None:
        schema = json.loads(contents["schema.json"])
        change(schema)
        contents["schema.json"] = json.dumps(schema).encode()

    return _sealed(edit)


def _object(content: object) -> Damage:
    return lambda sound: persistence._seal(skops.io.dumps(content))


def _flipped(position: float) -> Damage:
    def flip(sound: bytes) -> bytes:
        content = bytearray(sound)
        content[int(len(content) * position)] ^= 1
        return bytes(content)

    return flip


def _models() -> Iterator[FaultyInput]:
    faults: dict[str, Damage] = {
        "no file": _to(None),
        "empty": _to(b""),
        "text": _to(b"a model"),
        "a pickle": _to(b"\x80\x04\x95\x1e\0\0\0\0\0\0\0\x8c\x02os\x94\x8c\x06system\x94\x93\x94."),
        "truncated to half": lambda sound: sound[: len(sound) // 2],
        "truncated by a byte": lambda sound: sound[:-1],
        "a byte more": lambda sound: sound + b"\0",
        "a byte changed at the start": _flipped(0.01),
        "a byte changed in the middle": _flipped(0.5),
        "a byte changed at the end": _flipped(0.99),
        "no checksum": lambda sound: persistence._normalise(io.BytesIO(skops.io.dumps({}))),
        "a later format": lambda sound: _later(sound),
        "a function": _object({"callback": print}),
        "a dictionary": _object({"model": "svc"}),
        "an array": _object(np.zeros(3)),
        "no schema": _sealed(lambda contents: contents.pop("schema.json")),
        "a schema that is not JSON": _sealed(lambda c: c.update({"schema.json": b"{"})),
        "an unknown class": _schema(lambda schema: schema.update(__class__="Oracle")),
        "code": _schema(lambda schema: schema.update(__module__="os", __class__="system")),
        "no content": _schema(lambda schema: schema.pop("content")),
        "arrays missing": _sealed(
            lambda c: [c.pop(name) for name in list(c) if name.endswith(".npy")]
        ),
        "arrays empty": _sealed(
            lambda c: c.update({name: b"" for name in c if name.endswith(".npy")})
        ),
    }
    for name, damage in faults.items():
        command = ("python", "-m", "stages.evaluate", "digits", "tree")
        yield FaultyInput("models", name, command, "models/digits/tree.skops", damage)


def _later(sound: bytes) -> bytes:
    checked = sound[: -persistence._N_DIGITS].replace(b", format 3,", b", format 4,")
    return checked + persistence._checksum(checked)


def _templates() -> Iterator[FaultyInput]:
    faults: dict[str, Damage] = {
        "no file": _to(None),
        "not UTF-8": lambda sound: sound + b"\xff",
        "an open block": lambda sound: sound + b"{% if true %}",
        "an open variable": lambda sound: sound + b"{{ confidence",
        "an unknown block": lambda sound: sound + b"{% repeat %}",
        "an unknown variable": lambda sound: sound + b"{{ colour }}",
        "an unknown attribute": lambda sound: sound + b"{{ datasets[0].colour }}",
        "an unknown filter": lambda sound: sound + b"{{ confidence | shout }}",
        "a division by zero": lambda sound: sound + b"{{ 1 / 0 }}",
        "text as a number": lambda sound: sound + b"{{ 'x' | percent }}",
        "another template": lambda sound: sound + b"{% include 'other.html' %}",
    }
    for page, command in {
        "report": ("python", "-m", "stages.report"),
        "plots_page": ("python", "-m", "tools.plots_page"),
    }.items():
        # The page for charts takes long, because it has to get Vega first.
        names = faults if page == "report" else ("no file", "an open block", "an unknown variable")
        for name in names:
            file, damage = f"stages/templates/{page}.html.jinja", faults[name]
            yield FaultyInput("templates", f"{page}: {name}", command, file, damage)
