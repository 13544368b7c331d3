"""Finds the label among the columns of a table."""

from dataclasses import replace
from pathlib import Path

from handwriting.app.inspection.layout import Layout
from handwriting.app.inspection.options import Options, Side
from handwriting.app.inspection.pixels import fits, image_size
from handwriting.app.inspection.statistics import Label, Statistics
from handwriting.common.errors import InputError

# What the names of columns mean in tables met in practice, in lower-case letters.
LABEL_NAMES = ("label", "labels", "digit", "class", "target", "y")

# The corner of an image is nearly always paper. A column with a larger share of one digit may be a
# pixel; the label has to be named then.
_PIXEL_SHARE = 0.7


def find_label(layout: Layout, statistics: Statistics, options: Options, path: Path) -> Label:
    """Return where the label is.

    Raises
    ------
    InputError
        If no column can be the label, or if two can.
    """
    core = layout.core
    side = options.label or _named_side(layout)
    places = [
        label
        for label in statistics.labels
        if side is None
        or (side == "first" and label.columns[0] == core[0])
        or (side == "last" and label.columns[-1] == core[-1])
    ]
    plausible = [
        label
        for label in places
        if label.is_valid
        and label.n_digits > 1
        and (side is not None or label.largest_share <= _PIXEL_SHARE)
        and len(core) > len(label.columns)
    ]
    sized = [label for label in plausible if fits(len(core) - len(label.columns), options)]
    if not sized and side is None and fits(len(core), options):
        raise InputError(
            f"{path}: {len(core)} columns are whole images, and none is left for the label; for a "
            "table without labels: --unlabelled"
        )
    if not plausible:
        raise InputError(f"{path}: {_no_label(layout, statistics, side)}")
    if not sized:
        # Raises the error about the size.
        image_size(len(core) - len(plausible[0].columns), options, path)
    return _most_plausible(sized, statistics, layout, path)


def without_named(layout: Layout) -> Layout:
    """Return the layout in which columns that the header names as label or writer are ignored."""
    ignored = list(layout.ignored)
    side = _named_side(layout)
    if layout.writer is not None:
        ignored[layout.writer] = True
    if side is not None:
        ignored[layout.core[0 if side == "first" else -1]] = True
    return replace(layout, ignored=ignored, writer=None)


def _named_side(layout: Layout) -> Side | None:
    """Return where the header has the label, if it names it."""
    names = [name.strip().strip('"').lower() for name in layout.names]
    core = layout.core
    if layout.header and names[core[0]] in LABEL_NAMES:
        return "first"
    if layout.header and names[core[-1]] in LABEL_NAMES:
        return "last"
    return None


def _no_label(layout: Layout, statistics: Statistics, side: Side | None) -> str:
    """Describe the columns in which a label was looked for."""

    def describe(position: int) -> str:
        label = next(label for label in statistics.labels if label.columns == [position])
        if label.is_valid:
            share = f"{label.counts.argmax()} in {label.largest_share:.0%} of the rows"
            return f"{layout.column(position)} is {share}"
        low, high = statistics.low[position], statistics.high[position]
        return (
            f"{layout.column(position)} has values from {low:g} to {high:g}, in row "
            f"{label.first_fault} the first that is no digit"
        )

    first, last = layout.core[0], layout.core[-1]
    if side is None:
        found = f"{describe(first)}, {describe(last)}"
    else:
        found = describe(first if side == "first" else last)
    return (
        f"no label found: {found}; must be several digits from 0 to 9 in the first or the last "
        "column (--label first or --label last names it), or ten columns with a single 1"
    )


def _most_plausible(
    labels: list[Label], statistics: Statistics, layout: Layout, path: Path
) -> Label:
    """Choose among the places where the label may be."""
    # No ten pixels have a single 1 in every image.
    labels = [label for label in labels if label.role == "one_hot"] or labels
    if len(labels) > 1:
        # No pixel is above the range of all the others.
        inner = statistics.high[layout.core[1:-1]].max()
        above = [label for label in labels if statistics.high[label.columns[0]] > inner]
        labels = above if len(above) == 1 else labels
    if len(labels) > 1:
        raise InputError(
            f"{path}: {layout.column(labels[0].columns[0])} and "
            f"{layout.column(labels[1].columns[0])} can both be the label; name it with --label "
            "first or --label last"
        )
    return labels[0]
