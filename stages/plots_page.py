"""Writes the page that `dvc plots show` fills: run as ``python -m stages.plots_page``, no stage.

It carries Vega inside it, so that the charts are drawn without a network.
"""

import vl_convert

from handwriting import pages
from stages import paths
from stages.command import run
from stages.outputs import replacing


def main() -> None:
    """Write the page with the Vega of the installed vl-convert."""
    template = paths.PLOTS_PAGE_TEMPLATE.read_text(encoding="utf-8")
    vega = pages.script(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    with replacing(paths.PLOTS_PAGE) as path:
        path.write_text(pages.render(template, {"vega": vega}), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run(main)
