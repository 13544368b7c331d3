"""The plots page and the report in a real browser without a network."""

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browsing import Visit, watch
from tests.helpers import DATASETS, MODELS, Repository, copy, definition, fill, read_csv

WIDTHS = (1280, 390)
SECTIONS = (
    "The question",
    "The data",
    "The models",
    "What each parameter does",
    "Results",
    "Mistakes",
    "Confidence",
    "Suspicious labels",
    "Comparison with published results",
    "Published claims",
    "Verdict",
    "How to reproduce it",
)


CHARTS = {
    fill(path, dataset, ""): options
    for stage in ("compare", "claims")
    for plot in definition(stage)["plots"]
    if isinstance(plot, dict)
    for path, options in plot.items()
    for dataset in DATASETS
}
# Only one of the small models of MNIST is good enough to suspect a label.
EMPTY = "plots/mnist/suspects.csv"
del CHARTS[EMPTY]
# Each picture on the page; confusion.png and tuning.png are charts there.
PICTURES = [
    f"plots/{dataset}/{picture}.png" for dataset in DATASETS for picture in ("samples", "suspects")
] + [
    f"plots/{dataset}/{model}/{picture}.png"
    for dataset in DATASETS
    for model in MODELS
    for picture in ("confidence", "inspection", "mistakes", "predictions")
]


def visit(browser: Browser, file: Path, width: int = 1280, scripts: bool = True) -> Visit:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, offline=True, java_script_enabled=scripts
    )
    visit = Visit(context.new_page())
    # Vega-Lite warns of scales that are independent on purpose.
    watch(visit, context, ("file:", "data:"), ("error",))
    visit.page.goto(file.as_uri(), wait_until="load")
    return visit


def scrolls_sideways(page: Page) -> bool:
    root = "document.documentElement"
    return bool(page.evaluate(f"{root}.scrollWidth > {root}.clientWidth"))


def element_id(plot: str) -> str:
    """What DVC makes of a plot's name."""
    return plot.translate({ord(character): "_" for character in "!@#$%^&*()[]{};,<>?/:.|`~=_+ \\"})


def install_page(repository: Repository) -> None:
    """What `make page` does."""
    repository.succeed("python", "-m", "tools.plots_page")
    repository.succeed("dvc", "config", "--local", "plots.html_template", "plots_page.html")


@pytest.fixture(scope="module")
def built(built_small: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The small pipeline with the plots page."""
    repository = copy(built_small, tmp_path_factory.mktemp("pages") / "project")
    install_page(repository)
    repository.succeed("dvc", "plots", "show")
    return repository


def charts(repository: Repository) -> Path:
    return repository.root / "dvc_plots" / "index.html"


def wait_for_charts(page: Page, number: int) -> None:
    page.wait_for_function(f"document.querySelectorAll('.vega-embed svg').length >= {number}")


@pytest.mark.parametrize("path", CHARTS)
def test_every_chart_has_rows_with_the_columns_it_declares(path: str, built: Repository) -> None:
    options = CHARTS[path]
    rows = read_csv(built.root / path)
    assert rows
    assert {options["x"], options["y"]} <= rows[0].keys()
    assert options["title"].startswith("${key}: ")


def test_a_chart_without_rows_is_not_on_the_page(built: Repository, browser: Browser) -> None:
    assert read_csv(built.root / EMPTY) == []
    page = visit(browser, charts(built)).page
    wait_for_charts(page, len(CHARTS))
    assert page.locator(f"[id='{element_id(EMPTY)}'] svg").count() == 0


@pytest.mark.parametrize("path", PICTURES)
def test_every_picture_exists(path: str, built: Repository) -> None:
    assert (built.root / path).stat().st_size > 0


def test_every_template_that_is_named_exists_and_no_other(built: Repository) -> None:
    named = {options["template"] for options in CHARTS.values()}
    # `dvc plots diff` uses the templates of the work tree for charts of earlier commits, too.
    earlier = {"heat_map", "mistakes"}
    assert {path.stem for path in (built.root / ".dvc" / "plots").iterdir()} == named | earlier


def test_git_sees_neither_the_page_nor_its_setting(built: Repository) -> None:
    assert built.succeed("git", "status", "--short") == ""


def test_without_the_page_dvc_shows_its_own(small: Repository) -> None:
    small.succeed("dvc", "plots", "show")
    assert "cdn.jsdelivr.net" in charts(small).read_text()


def test_the_plots_page_draws_every_chart_and_picture_once_without_a_network(
    built: Repository, browser: Browser
) -> None:
    visited = visit(browser, charts(built))
    page = visited.page
    wait_for_charts(page, len(CHARTS))
    for path in CHARTS:
        box = page.locator(f"[id='{element_id(path)}']")
        assert box.count() == 1, path
        drawing = box.locator("svg")
        assert drawing.count() == 1, path
        assert drawing.bounding_box()["width"] > 200
        assert drawing.locator(".mark-rect path, .mark-symbol path").count() > 1
        assert len(box.get_attribute("aria-label")) > 20
    for path in PICTURES:
        box = page.locator(f"[id='{element_id(path)}']")
        assert box.count() == 1, path
        image = box.locator("img")
        assert image.count() == 1, path
        assert image.evaluate("image => image.naturalWidth") > 100
        assert image.get_attribute("alt")
    assert page.locator(".slot > div").count() == len(CHARTS) + len(PICTURES)
    assert visited.is_clean(), visited


def test_every_chart_and_picture_is_in_the_section_of_a_question(
    built: Repository, browser: Browser
) -> None:
    page = visit(browser, charts(built)).page
    assert page.locator("#rest .slot > div").count() == 0
    assert not page.locator("#rest").is_visible()
    for section in page.locator("main section:visible").all():
        assert section.locator("h2").inner_text().endswith("?")
        assert section.locator("p").first.inner_text().endswith(".")
        assert section.locator(".slot > div").count()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_plots_page_has_no_horizontal_scroll_bar(
    width: int, built: Repository, browser: Browser
) -> None:
    page = visit(browser, charts(built), width).page
    wait_for_charts(page, len(CHARTS))
    assert not scrolls_sideways(page)


def cells(page: Page) -> list[str]:
    """The texts in the cells of the confusion matrices of the digits."""
    return page.locator("#plots_digits_confusion_csv .role-mark.mark-text text").all_text_contents()


def test_the_confusion_matrices_can_show_percentages(built: Repository, browser: Browser) -> None:
    page = visit(browser, charts(built)).page
    wait_for_charts(page, len(CHARTS))
    box = page.locator("#plots_digits_confusion_csv")
    assert not any("." in text for text in cells(page))
    box.get_by_label("percent").check()
    page.wait_for_function(
        "document.querySelector('#plots_digits_confusion_csv .role-mark.mark-text text')"
        ".textContent.endsWith('%')"
    )
    assert all(text.endswith("%") for text in cells(page))


@pytest.fixture(scope="module")
def compared(built: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The page of `dvc plots diff` after a change of the tree of the digits."""
    repository = copy(built, tmp_path_factory.mktemp("diff") / "project")

    def make_shallow(params: dict) -> None:
        # A value of the grid, so that the heat map changes too.
        params["datasets"]["digits"]["models"]["tree"]["max_depth"] = 4

    repository.edit_params(make_shallow)
    repository.succeed("dvc", "repro", "--quiet")
    repository.commit()
    repository.succeed("dvc", "plots", "diff", "HEAD~1")
    return repository


def test_plots_diff_shows_before_and_after(compared: Repository, browser: Browser) -> None:
    visited = visit(browser, charts(compared))
    page = visited.page
    wait_for_charts(page, len(CHARTS))
    for path in CHARTS:
        texts = page.locator(f"#{element_id(path)} svg text").all_text_contents()
        for version in ("HEAD~1", "workspace"):
            assert any(version in text for text in texts), (path, version)
    tree = page.locator(f"#{element_id('plots/digits/tree/mistakes.png')}")
    assert tree.locator("figcaption").all_text_contents() == [
        "digits, tree: HEAD~1",
        "digits, tree: workspace",
    ]
    assert visited.is_clean(), visited
    assert not scrolls_sideways(page)


def test_plots_diff_begins_with_a_changed_chart_and_folds_the_rest(
    compared: Repository, browser: Browser
) -> None:
    page = visit(browser, charts(compared)).page
    wait_for_charts(page, len(CHARTS))
    changed = {
        path
        for path in CHARTS
        if "digits" in path
        and path.rsplit("/")[-1] not in ("claims.csv", "comparisons.csv", "suspects.csv")
    }
    shown = {path for path in CHARTS if page.locator(f"#{element_id(path)}").is_visible()}
    assert shown == changed
    assert (
        f"{len(changed)} of {len(CHARTS)} charts differ" in page.locator("#versions").inner_text()
    )
    first = page.locator(f"#{element_id('plots/digits/accuracy.csv')}")
    assert first.bounding_box()["y"] < 600
    assert page.locator("details[open]").count() == 0


def test_the_report_can_be_read_without_scripts_and_without_a_network(
    built: Repository, browser: Browser
) -> None:
    visited = visit(browser, built.root / "report.html", scripts=False)
    assert visited.is_clean(), visited
    assert tuple(visited.page.locator("h2").all_inner_texts()) == SECTIONS
    text = (built.root / "report.html").read_text()
    assert "<script" not in text
    assert text.count("<img") == text.count('src="data:image/png;base64,')


def test_the_report_shows_every_picture_with_a_text_alternative(
    built: Repository, browser: Browser
) -> None:
    page = visit(browser, built.root / "report.html").page
    images = page.locator("img").all()
    # No picture of suspects for MNIST.
    assert len(images) == len(DATASETS) * (2 + 6 * len(MODELS)) - 1
    for image in images:
        natural, shown = image.evaluate("image => [image.naturalWidth, image.clientWidth]")
        alt = image.get_attribute("alt")
        assert 0.5 * natural < shown <= natural, alt
        assert len(alt) > 20


@pytest.mark.parametrize("paper", [False, True], ids=["screen", "print"])
def test_no_picture_is_alone_in_its_row(paper: bool, built: Repository, browser: Browser) -> None:
    page = visit(browser, built.root / "report.html").page
    if paper:
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 680, "height": 1000})
    for block in page.locator(".pictures").all():
        tops = [round(figure.bounding_box()["y"]) for figure in block.locator("figure").all()]
        assert all(tops.count(top) > 1 for top in tops), tops


@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_has_no_horizontal_scroll_bar(
    width: int, built: Repository, browser: Browser
) -> None:
    page = visit(browser, built.root / "report.html", width).page
    assert not scrolls_sideways(page)
    upscaled = "[...document.images].filter((image) => image.clientWidth > image.naturalWidth)"
    assert page.evaluate(f"{upscaled}.length") == 0


def test_the_reports_links_have_targets_and_the_keyboard_can_skip_to_the_text(
    built: Repository, browser: Browser
) -> None:
    page = visit(browser, built.root / "report.html").page
    targets = [link.get_attribute("href") for link in page.locator("a").all()]
    assert all(page.locator(target).count() == 1 for target in targets)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the text"


def test_the_report_prints(built: Repository, browser: Browser) -> None:
    printed = visit(browser, built.root / "report.html").page.pdf(prefer_css_page_size=True)
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") > 5


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_report_says_what_was_measured(dataset: str, built: Repository) -> None:
    text = (built.root / "report.html").read_text()
    with (built.root / f"plots/{dataset}/accuracy.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            assert f"{100 * float(row['accuracy']):.2f}\u202f%" in text
            ends = f"{100 * float(row['low']):.2f}–{100 * float(row['high']):.2f}\u202f%"
            assert ends in text
