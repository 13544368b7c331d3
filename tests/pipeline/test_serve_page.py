"""The page of `handwriting serve` in a real browser, with small models."""

import base64
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from handwriting.common.images import LabelledImages
from handwriting.recognizer import Recognizer
from tests.helpers import fit_digits
from tests.serving import Visit, serving, visiting

ONE = [(0.5, 0.2), (0.5, 0.5), (0.5, 0.8)]
DASH = [(0.3, 0.2), (0.7, 0.2)]


@pytest.fixture(scope="module")
def models(digits: LabelledImages) -> dict[str, Recognizer]:
    return {
        "svc": Recognizer(fit_digits("svc with gradients", digits)),
        "tree": Recognizer(fit_digits("tree", digits)),
    }


@pytest.fixture(scope="module")
def port(models: dict[str, Recognizer]) -> Iterator[int]:
    with serving(models) as port:
        yield port


@pytest.fixture(params=[1280, 390])
def visit(request: pytest.FixtureRequest, browser: Browser, port: int) -> Iterator[Visit]:
    with visiting(browser, port, request.param) as visit:
        yield visit
        root = "document.documentElement"
        assert visit.page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
        assert visit.is_clean(), visit


@pytest.fixture
def wide(browser: Browser, port: int) -> Iterator[Visit]:
    with visiting(browser, port) as visit:
        yield visit


def seen(page: Page) -> str:
    """The image that the model sees, as a data URL."""
    return page.locator("#seen").evaluate("canvas => canvas.toDataURL()")


def bars(page: Page) -> list[float]:
    heights = "bars => bars.map((bar) => bar.getBoundingClientRect().height)"
    return page.locator("#chart .fill").evaluate_all(heights)


def one_digit() -> bytes:
    """A photo of a drawn one on grey paper, as PNG."""
    grey = np.full((120, 90), 200, dtype=np.uint8)
    grey[20:100, 40:50] = 40
    target = io.BytesIO()
    Image.fromarray(grey).save(target, "png")
    return target.getvalue()


def test_the_reading_appears_while_the_pen_is_down(visit: Visit) -> None:
    page = visit.page
    empty = seen(page)
    assert visit.text == "–"
    visit.stroke(ONE, lift=False)
    expect(page.locator("#text")).to_have_text(re.compile("^[0-9?]$"))
    assert seen(page) != empty
    page.mouse.up()
    visit.settle()


def test_the_chart_and_the_models_show_what_the_library_reads(
    visit: Visit, models: dict[str, Recognizer]
) -> None:
    page = visit.page
    page.locator("#file").set_input_files(
        {"name": "one.png", "mimeType": "image/png", "buffer": one_digit()}
    )
    expect(page.locator(".reads").first).not_to_have_text("–")
    visit.settle()
    page.wait_for_timeout(300)  # until the bars have grown
    readings = {name: models[name].read(one_digit())[0] for name in models}
    for name in ("svc", "tree"):
        page.get_by_role("radio", name=name).check()
        page.wait_for_timeout(300)
        reading = readings[name]
        expected = str(reading.digit) if reading.is_digit else "?"
        assert visit.text == expected
        heights = np.array(bars(page))
        assert heights.sum() > 0
        np.testing.assert_allclose(heights / heights.sum(), reading.probabilities, atol=0.02)
        assert page.locator(".chart .best .digit").inner_text().startswith(str(reading.digit))
    shown = page.locator(".reads").all_inner_texts()
    assert shown == [str(r.digit) if r.is_digit else "?" for r in readings.values()]


def test_undo_takes_strokes_back_one_by_one_and_clear_all(visit: Visit) -> None:
    page = visit.page
    visit.stroke(ONE)
    visit.settle()
    first = seen(page)
    visit.stroke(DASH)
    visit.settle()
    assert seen(page) != first
    page.get_by_role("button", name="Undo").click()
    visit.settle()
    assert seen(page) == first
    visit.stroke(DASH)
    page.keyboard.press("Control+z")
    visit.settle()
    assert seen(page) == first
    visit.stroke(DASH)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#text")).to_have_text("–")
    visit.settle()
    page.wait_for_timeout(200)
    assert visit.text == "–"  # the answer to what was cleared is dropped
    assert page.locator("#sure").inner_text() == "Nothing is drawn yet."


def test_a_finger_draws_and_does_not_scroll(browser: Browser, port: int) -> None:
    with visiting(browser, port, 390, touch=True) as visit:
        page = visit.page
        box = page.locator("#drawing").bounding_box()
        session = page.context.new_cdp_session(page)

        def touch(kind: str, y: float | None) -> None:
            x = box["x"] + box["width"] / 2
            points = [] if y is None else [{"x": x, "y": box["y"] + y * box["height"]}]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", 0.8)
        for y in (0.7, 0.5, 0.3, 0.2):
            touch("touchMove", y)
        touch("touchEnd", None)
        expect(page.locator("#text")).to_have_text(re.compile("^[0-9?]$"))
        visit.settle()
        assert page.evaluate("scrollY") == 0
        assert visit.is_clean(), visit


def by_file(page: Page, content: bytes, name: str) -> None:
    page.locator("#file").set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": content}
    )


_FILE = """
    ([content, name]) => {
      const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], name, { type: "image/png" }));
"""


def by_drop(page: Page, content: bytes, name: str) -> None:
    script = """for (const kind of ["dragenter", "dragover", "drop"])
        document.querySelector("#drop").dispatchEvent(
          new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
    }"""
    page.evaluate(_FILE + script, [base64.b64encode(content).decode(), name])


def by_paste(page: Page, content: bytes, name: str) -> None:
    script = """document.body.dispatchEvent(
          new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
    }"""
    page.evaluate(_FILE + script, [base64.b64encode(content).decode(), name])


@pytest.mark.parametrize("give", [by_file, by_drop, by_paste])
def test_a_photo_is_read_and_a_drawing_replaces_it(
    give: Callable[[Page, bytes, str], None], visit: Visit
) -> None:
    page = visit.page
    visit.stroke(DASH)
    visit.settle()
    give(page, one_digit(), "one.png")
    expect(page.locator("#photo")).to_be_visible()
    expect(page.locator("#boxes rect")).to_have_count(1)
    assert visit.settle() in "0123456789?"
    drawn = "canvas => canvas.getContext('2d').getImageData(0, 0, 800, 800).data.some((v) => v)"
    assert not page.locator("#drawing").evaluate(drawn)
    page.locator("#drawing").scroll_into_view_if_needed()
    visit.stroke(ONE)
    visit.settle()
    expect(page.locator("#photo")).to_be_hidden()


@pytest.mark.parametrize("give", [by_file, by_drop, by_paste])
def test_a_faulty_file_is_one_sentence_until_something_else_comes(
    give: Callable[[Page, bytes, str], None], wide: Visit
) -> None:
    give(wide.page, b"no image", "notes.png")
    alert = wide.page.get_by_role("alert")
    expect(alert).to_have_text("This file cannot be read: not a PNG, JPEG, TIFF or BMP image.")
    assert wide.settle() == "–"
    wide.stroke(ONE)
    wide.settle()
    expect(alert).to_be_hidden()
    # Chromium itself reports the status.
    assert len(wide.errors) == 1
    assert "422" in wide.errors[0]


def test_a_file_that_is_too_large_is_not_sent(wide: Visit, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(bytes(10_000_001))
    wide.page.locator("#file").set_input_files(path)
    expect(wide.page.get_by_role("alert")).to_have_text(
        "large.png is too large. It must have at most 10 MB."
    )
    assert wide.is_clean(), wide


def test_a_server_that_has_ended_is_said(wide: Visit) -> None:
    wide.page.context.route("**/predict?*", lambda route: route.abort())
    wide.stroke(ONE)
    expect(wide.page.get_by_role("alert")).to_have_text(
        "The server does not respond. Is it still running?"
    )


def test_several_digits_are_shown_in_order_and_can_be_chosen(visit: Visit) -> None:
    grey = np.full((120, 300), 220, dtype=np.uint8)
    for left in (40, 140, 240):
        grey[20:100, left : left + 12] = 30
    target = io.BytesIO()
    Image.fromarray(grey).save(target, "png")
    page = visit.page
    by_file(page, target.getvalue(), "three.png")
    parts = page.locator("#parts button")
    expect(parts).to_have_count(3)
    visit.settle()
    assert len(visit.text) == 3
    lefts = [float(box.get_attribute("x")) for box in page.locator("#boxes rect").all()]
    assert lefts == sorted(lefts)
    parts.nth(2).click()
    assert parts.nth(2).get_attribute("aria-pressed") == "true"
    assert page.locator("#boxes rect.chosen").get_attribute("x") == str(int(lefts[2]))


def test_the_keyboard_reaches_and_operates_everything(visit: Visit) -> None:
    page = visit.page
    # Chromium must know early that no dialog is wanted; the key would open a real one otherwise.
    page.on("filechooser", lambda chooser: None)
    reached = []
    focused = """() => {
      const element = document.activeElement;
      const framed = element.closest("label") ?? element;
      return [element.id || element.name || element.className,
              getComputedStyle(framed).outlineStyle, getComputedStyle(element).outlineStyle];
    }"""
    for _ in range(5):
        page.keyboard.press("Tab")
        name, frame, own = page.evaluate(focused)
        assert "solid" in (frame, own), name
        reached.append(name)
    assert reached == ["skip", "undo", "clear", "file", "model"]
    assert page.get_by_role("radio", name="svc").is_checked()
    page.keyboard.press("ArrowDown")
    assert page.get_by_role("radio", name="tree").is_checked()
    page.keyboard.press("Shift+Tab")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files({"name": "one.png", "mimeType": "image/png", "buffer": one_digit()})
    expect(page.locator("#photo")).to_be_visible()
    visit.settle()


def test_a_screen_reader_hears_the_reading_once_it_rests(visit: Visit) -> None:
    page = visit.page
    live = page.locator("[aria-live=polite]")
    visit.stroke(ONE)
    expect(live).to_have_text(re.compile(r"^svc reads [0-9?]\. .+\.$"))
    for role, name in (
        ("img", "Drawing surface for mouse, pen or finger"),
        ("radiogroup", "Models"),
        ("list", "Probability of each digit"),
        ("button", "Undo"),
        ("button", "Clear"),
        ("region", "Reading"),
    ):
        assert page.get_by_role(role, name=name, exact=True).count() == 1, name
    assert page.get_by_label("Choose a picture").count() == 1
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))
    headings = page.get_by_role("heading").all_inner_texts()
    assert headings[:4] == ["Handwritten digits", "Draw", "Photo", "Reading"]


def test_nothing_moves_where_motion_is_not_wanted(wide: Visit) -> None:
    wide.page.emulate_media(reduced_motion="reduce")
    duration = "bar => getComputedStyle(bar).transitionDuration"
    assert wide.page.locator("#chart .fill").first.evaluate(duration) == "0s"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_enough_contrast(scheme: str, wide: Visit) -> None:
    wide.page.emulate_media(color_scheme=scheme)
    wide.stroke(ONE)
    wide.settle()
    wide.page.wait_for_timeout(200)
    for selector in ("header p", "#sure", "#text", ".help", ".kind", ".model .percent", "#undo"):
        element = wide.page.locator(selector).first
        text, paper = element.evaluate(
            """(element) => {
              const color = getComputedStyle(element).color;
              while (getComputedStyle(element).backgroundColor === "rgba(0, 0, 0, 0)")
                element = element.parentElement;
              return [color, getComputedStyle(element).backgroundColor];
            }"""
        )
        assert contrast(text, paper) >= 4.5, (selector, text, paper)


def contrast(first: str, second: str) -> float:
    """The contrast of two CSS colours by WCAG 2.2."""
    levels = []
    for colour in (first, second):
        channels = np.array([float(part) for part in re.findall(r"[\d.]+", colour)[:3]]) / 255
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        levels.append(float(linear @ [0.2126, 0.7152, 0.0722]) + 0.05)
    return max(levels) / min(levels)
