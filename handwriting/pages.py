"""HTML pages: a template and what belongs into it, and numbers in the form that people read."""

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from handwriting.errors import InputError

_PNG = b"\x89PNG\r\n\x1a\n"
# A narrow space that does not break keeps a number and its unit on one line.
_SPACE = "\u202f"


@dataclass(frozen=True)
class Picture:
    """A PNG as a page carries it, with its size in pixels."""

    uri: str
    width: int
    height: int


def picture(content: bytes, name: str) -> Picture:
    """Turn a PNG into an address that holds the whole of it.

    Raises
    ------
    InputError
        When it is no PNG; `name` says which.
    """
    if not content.startswith(_PNG) or len(content) < 24:
        raise InputError(f"{name}: not a PNG; run `dvc repro`")
    width, height = struct.unpack(">II", content[16:24])
    uri = "data:image/png;base64," + base64.b64encode(content).decode("ascii")
    return Picture(uri, width, height)


def script(source: str) -> Markup:
    """Let a program stand in a `<script>` element, which its text cannot end."""
    return Markup(source.replace("</script", r"<\/script"))


def render(template: str, content: Mapping[str, object]) -> str:
    """Fill a Jinja template; what is put into it is escaped, and what is missing is an error."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "count": _count,
        "percent": _percent,
        "span": _span,
        "chance": _chance,
        "plain": _plain,
    }
    return environment.from_string(template).render(content)


def _count(number: float) -> str:
    """12345 as 12,345."""
    return f"{number:,.0f}"


def _percent(share: float, digits: int = 2) -> str:
    """0.5 as 50.00 %."""
    return f"{100 * share:.{digits}f}{_SPACE}%"


def _span(low: float, high: float, digits: int = 2) -> str:
    """The two ends of an interval, as a percentage."""
    return f"{100 * low:.{digits}f}–{_percent(high, digits)}"


def _chance(p_value: float) -> str:
    """A probability, to two digits; below one in ten thousand its size says nothing."""
    return "less than 0.0001" if p_value < 0.0001 else f"{p_value:.2g}"


def _plain(value: object) -> str:
    """A parameter's value as one would type it: 5.0 as 5."""
    return f"{value:g}" if isinstance(value, float) else str(value)
