"""Writes the page about a painted clip."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfstyle.report import charts, page, sections
from tfstyle.report.figures import Figure, figure
from tfstyle.report.sections import Chart, Table
from tfstyle.runtime import files
from tfstyle.runtime.types import Path

_SMALL = 256  # Longer side of frames on the page, in pixels.


Shot = tuple[float, np.ndarray, np.ndarray]
"""Second of a frame, the frame, and what was painted of it."""
Value = tuple[float, tuple[float, float], tuple[float, float]]
"""Second of a frame, and of it and of what was painted: warping errors, and
sharpness."""


class _Strip(NamedTuple):
    """Pictures in a row."""

    title: str
    figures: Sequence[Figure]


def write(
    path: Path,
    *,
    config: Any,
    record: Mapping[str, Any],
    command: Sequence[str],
    title: str,
    shots: Sequence[Shot],
    values: Sequence[Value],
    speed: float,
    notes: Sequence[str] = (),
) -> None:
    """Writes the page; an older file is replaced only by a whole one.

    Args:
        path: File to write, .html.
        config: Settings of the run.
        record: Record of the run; see `provenance.describe`.
        command: Words of the command that repeats the run.
        title: Title of the page.
        shots: Frames to show, in order.
        values: Measures of some frames, in order.
        speed: Frames painted a second.
        notes: Sentences to highlight.

    Raises:
        OSError: The file cannot be written.
    """
    text = page.render(
        "clip.html.j2",
        title=title,
        notes=notes,
        strips=_strips(shots),
        steadiness=_steadiness(values),
        numbers=_numbers(values, speed),
        **sections.about(config, record, command),
    )
    with files.atomic(path, "w") as file:
        file.write(text)


def _strips(shots: Sequence[Shot]) -> list[_Strip]:
    painted = [figure(x, _SMALL, f"{time:.2f} s") for time, _, x in shots]
    given = [figure(x, _SMALL, f"{time:.2f} s") for time, x, _ in shots]
    return [_Strip("Painted", painted), _Strip("The clip", given)]


def _steadiness(values: Sequence[Value]) -> Chart | None:
    if len(values) < 2:
        return None
    lines = {
        name: [(second, changes[i]) for second, changes, _ in values]
        for i, name in enumerate(("clip", "painted"))
    }
    colors = charts.colors(list(lines))
    alt = "Changes beside the motion over time"
    svg = charts.curves(lines, colors, [], alt, "second")
    return Chart(svg, colors, Table(_HEADER, _means(values)))


_HEADER = ("", "Clip", "Painted")


def _means(values: Sequence[Value]) -> list[list[str]]:
    """Root mean squares of all measures."""
    rows = []
    for name, both in (
        ("change beside the motion", [changes for _, changes, _ in values]),
        ("sharpness", [sharpness for _, _, sharpness in values]),
    ):
        mean = np.sqrt(np.square(both).mean(0))
        rows.append([name, *(f"{x:.4f}" for x in mean)])
    return rows


def _numbers(values: Sequence[Value], speed: float) -> Table:
    rows = _means(values) if values else []
    return Table(_HEADER, [*rows, ["frames a second", "", f"{speed:.2f}"]])
