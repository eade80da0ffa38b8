"""Draws the charts of a report with Matplotlib, as SVG for a page of HTML.

Text and axes have the color of the surrounding text, so that a chart can be
read on white and on black; the colors of lines stand out on both.
"""

import html
import io
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

# Middle tones that are mostly distinct for people with red-green blindness.
_PALETTE = (
    "#4477aa",
    "#ee6677",
    "#228833",
    "#b8a030",
    "#2fa9cc",
    "#aa3377",
    "#ee7733",
    "#009988",
    "#8866cc",
    "#888888",
)
# Placeholders for the color of the page's text, and for a faint one.
_TEXT = "#010203"
_FAINT = "#040506"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # Text stays text.
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": _TEXT,
    "axes.labelcolor": _TEXT,
    "axes.edgecolor": _FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _TEXT,
    "ytick.color": _TEXT,
    "grid.color": _FAINT,
    "axes.axisbelow": True,
}
_LEAST = 1e-4  # Fraction of the largest value below which none is shown.

Points = Sequence[tuple[float, float]]
"""Pairs of a step and a value."""


def colors(names: Sequence[str]) -> dict[str, str]:
    """Chooses a CSS color for each name; the text's color for `"total"`."""
    others = [name for name in names if name != "total"]
    found = dict(zip(others, itertools.cycle(_PALETTE), strict=False))
    return {
        name: "currentColor" if name == "total" else found[name]
        for name in names
    }


def curves(
    lines: Mapping[str, Points],
    colors: Mapping[str, str],
    marks: Sequence[tuple[float, str]],
    alt: str,
    across: str = "step",
) -> str:
    """Draws values over steps, on a logarithmic scale.

    Values that are not positive, which the scale cannot show, and those below
    a ten-thousandth of the largest are left out.

    Args:
        lines: Name -> steps and values; `"total"` is drawn thicker.
        colors: Name -> color, see the function `colors`.
        marks: Steps at which a section begins, with their labels.
        alt: Description of the chart, for screen readers.
        across: Label of the horizontal axis.

    Returns:
        The `<svg>` element.
    """
    figure, axes = _figure(4.2)
    for name, points in lines.items():
        steps, values = zip(*points, strict=True)
        axes.plot(
            steps,
            [value if value > 0 else float("nan") for value in values],
            color=_drawn(colors[name]),
            linewidth=2.2 if name == "total" else 1.4,
        )
    axes.set_yscale("log")
    largest = max(value for points in lines.values() for _, value in points)
    lowest, _ = axes.get_ylim()
    axes.set_ylim(bottom=max(lowest, _LEAST * largest))
    axes.grid(axis="y", linewidth=0.6)
    axes.set_xlabel(across)
    axes.margins(x=0.01)
    for step, label in marks:
        axes.axvline(step, color=_FAINT, linewidth=1, linestyle=(0, (4, 3)))
        place = axes.get_xaxis_transform()
        axes.text(step, 1.02, f" {label}", color=_TEXT, transform=place)
    return _svg(figure, alt)


def bars(
    rows: Sequence[tuple[str, Mapping[str, float]]],
    colors: Mapping[str, str],
    alt: str,
) -> str:
    """Draws a stacked bar of percentages for each row, from top to bottom.

    Args:
        rows: Label of each bar, and name of a part -> its amount, at least 0.
        colors: Name -> color, see the function `colors`.
        alt: Description of the chart, for screen readers.

    Returns:
        The `<svg>` element.
    """
    figure, axes = _figure(0.7 + 0.45 * len(rows))
    for label, parts in rows:
        whole = sum(parts.values()) or 1.0
        left = 0.0
        for name, amount in parts.items():
            width = 100 * amount / whole
            color = _drawn(colors[name])
            axes.barh(label, width, 0.7, left, color=color)
            left += width
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of the sum of norms")
    return _svg(figure, alt)


def _drawn(color: str) -> str:
    return _TEXT if color == "currentColor" else color


def _figure(height: float) -> tuple[Any, Any]:
    # Not pyplot, which would keep the figure and look for a screen.
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(9, height), layout="constrained")
        axes = figure.subplots()
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    return figure, axes


def _svg(figure: Any, alt: str) -> str:
    import matplotlib

    file = io.StringIO()
    # Salt of the element ids: equal charts get equal ids, others differ.
    style = {**_STYLE, "svg.hashsalt": alt}
    nothing = dict.fromkeys(["Creator", "Date", "Format", "Type"])
    with matplotlib.rc_context(style):
        figure.savefig(file, format="svg", metadata=nothing)
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = text.replace(_TEXT, "currentColor").replace(_FAINT, "var(--faint)")
    name = html.escape(alt)
    return text.replace("<svg", f'<svg role="img" aria-label="{name}"', 1)
