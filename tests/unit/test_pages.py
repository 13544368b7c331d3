import base64
import io

import pytest
from jinja2 import UndefinedError
from matplotlib.figure import Figure

from handwriting import charts, pages
from handwriting.errors import InputError


def test_a_picture_carries_its_bytes_and_knows_its_size(tmp_path) -> None:
    charts.save(Figure(figsize=(2, 1)), tmp_path / "picture.png")
    content = (tmp_path / "picture.png").read_bytes()
    picture = pages.picture(content, "picture.png")
    assert (picture.width, picture.height) == (200, 100)
    assert base64.b64decode(picture.uri.removeprefix("data:image/png;base64,")) == content


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_png_is_named(content: bytes) -> None:
    with pytest.raises(InputError, match=r"some\.png: not a PNG"):
        pages.picture(io.BytesIO(content).getvalue(), "some.png")


def test_what_is_put_into_a_page_is_escaped_and_what_is_missing_is_an_error() -> None:
    assert pages.render("{{ text }}", {"text": "<b>&"}) == "&lt;b&gt;&amp;"
    with pytest.raises(UndefinedError):
        pages.render("{{ text }}", {})


def test_a_program_cannot_end_its_element() -> None:
    filled = pages.render("{{ code }}", {"code": pages.script('a = "</script>"')})
    assert filled == r'a = "<\/script>"'


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ 12345.0 | count }}", "12,345"),
        ("{{ 0.96885 | percent }}", "96.89\u202f%"),
        ("{{ 0.95 | percent(0) }}", "95\u202f%"),
        ("{{ 0.5 | span(0.75, 1) }}", "50.0–75.0\u202f%"),
        ("{{ 0.011088 | chance }}", "0.011"),
        ("{{ 1e-30 | chance }}", "less than 0.0001"),
        ("{{ 5.0 | plain }} {{ 0.02 | plain }} {{ 'raw' | plain }}", "5 0.02 raw"),
    ],
)
def test_numbers_are_written_as_people_read_them(template: str, text: str) -> None:
    assert pages.render(template, {}) == text
