import base64

import pytest
from matplotlib.figure import Figure

from handwriting.common.errors import InputError
from handwriting.figures import style
from handwriting.pages import html


def test_an_embedded_png_has_its_bytes_and_its_size(tmp_path) -> None:
    style.save(Figure(figsize=(2, 1)), tmp_path / "picture.png")
    content = (tmp_path / "picture.png").read_bytes()
    picture = html.embed_png(content, "picture.png")
    assert (picture.width, picture.height) == (200, 100)
    assert base64.b64decode(picture.uri.removeprefix("data:image/png;base64,")) == content


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_not_a_png_is_named(content: bytes) -> None:
    with pytest.raises(InputError, match=r"some\.png: not a PNG"):
        html.embed_png(content, "some.png")


def test_values_are_escaped() -> None:
    assert html.render("{{ text }}", {"text": "<b>&"}) == "&lt;b&gt;&amp;"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ text }}", "page, line 1: 'text' is undefined"),
        ("\n{{ a.colour }}\n", "page, line 2: 'dict object' has no attribute 'colour'"),
        ("\n\n{% if a %}", "page, line 3: Unexpected end of template"),
        ("{{ a | shout }}", "page, line 1: No filter named 'shout'."),
        ("\n{{ 'x' | count }}", "page, line 2: "),
        ("\n{{ 1 / 0 }}", "page, line 2: division by zero"),
    ],
)
def test_a_faulty_template_is_one_line(template: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        html.render(template, {"a": {}}, "page")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_script_cannot_close_its_element() -> None:
    filled = html.render("{{ code }}", {"code": html.inline_script('a = "</script>"')})
    assert filled == r'a = "<\/script>"'


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ 12345.0 | count }}", "12,345"),
        ("{{ 0.96885 | percent }}", "96.89\u202f%"),
        ("{{ 0.95 | percent(0) }}", "95\u202f%"),
        ("{{ 0.5 | percent_interval(0.75, 1) }}", "50.0–75.0\u202f%"),
        ("{{ 0.011088 | p_value }}", "0.011"),
        ("{{ 1e-30 | p_value }}", "less than 0.0001"),
        ("{{ 5.0 | as_typed }} {{ 0.02 | as_typed }} {{ 'raw' | as_typed }}", "5 0.02 raw"),
    ],
)
def test_number_formats(template: str, text: str) -> None:
    assert html.render(template, {}) == text
