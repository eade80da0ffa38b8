"""Sweeps: one picture for each value of one or two settings, on one sheet.

    axes = [
        sweeps.Axis("style_weight", (20, 80, 320)),
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
from tfstyle.runtime import memory
from tfstyle.runtime.progress import OnStep, Progress

Picture = Callable[[], np.ndarray]
"""Function that returns the picture so far."""
Paint = Callable[[Mapping[str, Any], OnStep], np.ndarray]
"""Function that makes the picture of a cell from its changed settings."""
Cell = np.ndarray | str
"""A picture, or a text in its place."""
DIVERGED = "diverged"
"""Text for a picture whose loss was not finite."""
NO_MEMORY = "out of memory"
"""Text for a picture that did not fit in memory."""
NOT_READY = ""
"""Text for a picture that was not begun or not finished."""


@dataclasses.dataclass(frozen=True)
class Axis:
    """A setting to vary, and its values.

    Attributes:
        name: Name of the setting, a field of the configuration.
        values: One value or more.
        labels: Labels on the sheet; the values as text if empty.
    """

    name: str
    values: Sequence[Any]
    labels: Sequence[str] = ()

    @property
    def texts(self) -> list[str]:
        """Labels of the values on the sheet."""
        return list(self.labels) or [str(value) for value in self.values]


def changes(axes: Sequence[Axis]) -> list[list[dict[str, Any]]]:
    """Returns the changed settings of each cell, in rows.

    Raises:
        ValueError: There are no axes, more than two, or two for one setting.

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
        axes: One axis or two.
        paint_cell: Function from the changed settings of a cell and an
            `on_step` callback to a picture; it need not call the callback.
        on_step: Callback for the progress of all cells; true ends the sweep
            and drops the unfinished picture.

    Returns:
        Rows of pictures, or `DIVERGED`, `NO_MEMORY` or `NOT_READY` in their
        place.
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
    except memory.shortages():
        watch.next()
        return NO_MEMORY
    return watch.done(picture)


class _Watch:
    """An `on_step` callback that turns progress of a cell into that of all."""

    def __init__(self, on_step: OnStep | None, count: int) -> None:
        self._on_step, self._count = on_step, count
        self._index = 0
        self._called = False
        self._started = time.monotonic()
        self.ended = False

    def __call__(self, progress: Progress, picture: Picture) -> bool:
        self._called = True
        fraction = progress.done / progress.total
        self._report(
            dataclasses.replace(progress, done=self._index + fraction), picture
        )
        return self.ended

    def done(self, picture: np.ndarray) -> Cell:
        """Returns the cell for a picture.

        A run that was ended early does not show its settings.
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
        """Begins the next cell."""
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
    """Makes the contact sheet of a sweep, with names and values on margins.

    Args:
        cells: Cells returned by `paint`, at least one of them a picture.
        axes: Axes that were given to `paint`.

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
