"""Writes the page that `dvc plots show` fills: ``python -m tools.plots_page``.

The page contains Vega, so that the charts need no network.
"""

from stages.common.command import run

import vl_convert

from handwriting.pages import html
from stages.common import paths
from stages.common.outputs import atomic_write


def main() -> None:
    """Write the page with the Vega of the installed vl-convert."""
    template = paths.PLOTS_PAGE_TEMPLATE.read_text(encoding="utf-8")
    vega = html.inline_script(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    with atomic_write(paths.PLOTS_PAGE) as path:
        path.write_text(html.render(template, {"vega": vega}), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run(main)
