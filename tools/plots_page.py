"""Writes the HTML template of `dvc plots show`: ``python -m tools.plots_page``.

The template contains Vega, so that the charts need no network.
"""

from handwriting.common.stage.command import run

import vl_convert

from handwriting.common.stage import paths
from handwriting.common.stage.outputs import atomic_write
from handwriting.pages import html


def main() -> None:
    """Write the template with the version of Vega that vl-convert contains."""
    vega = html.inline_script(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    page = html.render_file(paths.PLOTS_PAGE_TEMPLATE, {"vega": vega})
    with atomic_write(paths.PLOTS_PAGE) as path:
        path.write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run(main)
