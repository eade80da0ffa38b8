"""Sweeps: a picture for each value of one or two settings, on one sheet.

    axes = [
        sweeps.Axis("style_weight", (1, 10, 100)),
        sweeps.Axis("style_scale", ((0.5,), (1,)), ("0.5", "1")),
    ]

    def paint(changes, on_step):
        changed = dataclasses.replace(config, **changes)
        return tfstyle.stylize(photo, wave, changed, on_step)

    sheet = sweeps.sheet(sweeps.paint(axes, paint), axes)

Rows are the values of the first axis, columns those of the second; a single
axis is a row.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tfstyle.images import sheets
from tfstyle.runtime.progress import OnStep, Progress

Picture = Callable[[], np.ndarray]
"""Gives the picture so far."""
Paint = Callable[[Mapping[str, Any], OnStep], np.ndarray]
"""Makes the picture of a cell from the settings that it changes."""
Cell = np.ndarray | str
"""A picture, or a word in its place."""
DIVERGED = "diverged"
"""Word for a picture whose loss was not finite."""
NOT_READY = ""
"""Word for a picture whose turn did not come, or did not end."""


@dataclasses.dataclass(frozen=True)
class Axis:
    """A setting and the values it should have.

    Attributes:
        name: As the field of the configuration.
        values: One or more.
        labels: What the sheet calls them; their text if there are none.
    """

    name: str
    values: Sequence[Any]
    labels: Sequence[str] = ()

    @property
    def texts(self) -> list[str]:
        """What the sheet calls the values."""
        return list(self.labels) or [str(value) for value in self.values]


def changes(axes: Sequence[Axis]) -> list[list[dict[str, Any]]]:
    """What each cell changes, in rows.

    Raises:
        ValueError: There are no axes, or more than two, or twice the same.

    Examples:
        >>> changes([Axis("steps", (10, 20)), Axis("size", (64, 96))])[1]
        [{'steps': 20, 'size': 64}, {'steps': 20, 'size': 96}]
        >>> changes([Axis("steps", (10, 20))])
        [[{'steps': 10}, {'steps': 20}]]
    """
    names = [axis.name for axis in axes]
    if len(names) not in (1, 2):
        raise ValueError(
            f"Expected one or two settings to vary. Received: {names}"
        )
    if len(set(names)) < len(names):
        raise ValueError(f"`{names[0]}` cannot be varied twice.")
    columns = [{axes[-1].name: value} for value in axes[-1].values]
    if len(axes) == 1:
        return [columns]
    return [
        [{axes[0].name: value, **column} for column in columns]
        for value in axes[0].values
    ]


def paint(
    axes: Sequence[Axis], paint_cell: Paint, on_step: OnStep | None = None
) -> list[list[Cell]]:
    """Paints all cells, one after the other.

    Args:
        axes: One or two.
        paint_cell: From what a cell changes and an `on_step` callback to a
            picture; it need not call the callback.
        on_step: Called with the progress of all cells; true ends the sweep,
            without the picture that was begun.

    Returns:
        Rows of pictures, `DIVERGED` and `NOT_READY`.
    """
    rows = changes(axes)
    watch = _Watch(on_step, sum(map(len, rows)))
    return [[_cell(paint_cell, cell, watch) for cell in row] for row in rows]


def _cell(paint_cell: Paint, cell: Mapping[str, Any], watch: "_Watch") -> Cell:
    if watch.ended:
        return NOT_READY
    try:
        picture = paint_cell(cell, watch)
    except FloatingPointError:
        watch.next()
        return DIVERGED
    return watch.done(picture)


class _Watch:
    """An `on_step` callback of one cell that speaks of all of them."""

    def __init__(self, on_step: OnStep | None, count: int) -> None:
        self._on_step, self._count = on_step, count
        self._index = 0
        self._called = False
        self._started = time.monotonic()
        self.ended = False

    def __call__(self, progress: Progress, picture: Picture) -> bool:
        self._called = True
        share = progress.done / progress.total
        self._report(
            dataclasses.replace(progress, done=self._index + share), picture
        )
        return self.ended

    def done(self, picture: np.ndarray) -> Cell:
        """The cell of a picture that was returned.

        What an ended run returns is not what its settings give.
        """
        if self.ended:
            return NOT_READY
        height, width = picture.shape[:2]
        if not self._called:
            whole = Progress(
                size=max(height, width),
                height=height,
                width=width,
                step=1,
                steps=1,
                done=self._index + 1,
                total=0,
                losses={},
                seconds=0.0,
                memory=0,
            )
            self._report(whole, lambda: picture)
        self.next()
        return picture

    def next(self) -> None:
        """The next cell begins."""
        self._index, self._called = self._index + 1, False

    def _report(self, progress: Progress, picture: Picture) -> None:
        progress = dataclasses.replace(
            progress,
            total=self._count,
            seconds=time.monotonic() - self._started,
        )
        if self._on_step is not None:
            self.ended = bool(self._on_step(progress, picture)) or self.ended


def sheet(cells: Sequence[Sequence[Cell]], axes: Sequence[Axis]) -> np.ndarray:
    """The pictures on white, with names and values on the margins.

    Args:
        cells: From `paint`, with one picture at least.
        axes: As given to it.

    Returns:
        Array of shape `(sheet height, sheet width, 3)`, float32, in [0, 1].

    Raises:
        ValueError: There is no picture.
    """
    pictures = [c for row in cells for c in row if not isinstance(c, str)]
    if not pictures:
        raise ValueError("No picture of the sweep is ready.")
    height = max(picture.shape[0] for picture in pictures)
    width = max(picture.shape[1] for picture in pictures)
    boxes = [
        [sheets.boxed(cell, height, width) for cell in row] for row in cells
    ]
    labels = [sheets.Labels(axis.name, axis.texts) for axis in axes]
    return sheets.labeled(boxes, labels[-1], *labels[:-1])
