"""Renders HTML pages from templates."""

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import Environment, StrictUndefined
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


def render(template: str, content: Mapping[str, object]) -> str:
    """Render a Jinja template; values are escaped, and a missing value raises an error."""
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
    return environment.from_string(template).render(content)
