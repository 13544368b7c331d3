"""Renders HTML pages from templates."""

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from jinja2 import Environment, StrictUndefined, TemplateError, TemplateSyntaxError
from markupsafe import Markup

from handwriting.common.errors import InputError
from handwriting.pages import number_formats

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Picture:
    """A PNG as a data URI, with its size in pixels."""

    uri: str
    width: int
    height: int


def embed_png(content: bytes, name: str) -> Picture:
    """Encode a PNG as a data URI.

    Raises
    ------
    InputError
        If the content is not a PNG; the message contains `name`.
    """
    if not content.startswith(_PNG) or len(content) < 24:
        raise InputError(f"{name}: not a PNG; run `dvc repro`")
    width, height = struct.unpack(">II", content[16:24])
    uri = "data:image/png;base64," + base64.b64encode(content).decode("ascii")
    return Picture(uri, width, height)


def inline_script(source: str) -> Markup:
    """Escape JavaScript so that it cannot close its `<script>` element."""
    return Markup(source.replace("</script", r"<\/script"))


def render_file(path: Path, content: Mapping[str, object]) -> str:
    """Render a file with a Jinja template, as `render` does.

    Raises
    ------
    InputError
        If the file cannot be read, and as in `render`; the message contains the path.
    """
    try:
        template = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `git checkout {path}`") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 ({error})") from None
    return render(template, content, str(path))


def render(template: str, content: Mapping[str, object], name: str = "template") -> str:
    """Render a Jinja template; values are escaped.

    Raises
    ------
    InputError
        If the template is faulty or names a value that is missing; the message contains `name`, the
        line and the reason.
    """
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "count": number_formats.count,
        "percent": number_formats.percent,
        "percent_interval": number_formats.percent_interval,
        "p_value": number_formats.p_value,
        "as_typed": number_formats.as_typed,
    }
    try:
        return environment.from_string(template).render(content)
    except TemplateSyntaxError as error:
        reason, line = error.message, error.lineno
    # What an expression of a template can raise.
    except (TemplateError, ArithmeticError, TypeError, ValueError) as error:
        reason, line = str(error), _line(error.__traceback__)
    raise InputError(f"{name}, line {line}: {' '.join(str(reason).split())}")


def _line(traceback: TracebackType | None) -> int:
    """Return the line of the template in which an exception was raised."""
    line = 0
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == "<template>":
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
