import numpy as np
import pytest
import tensorflow as tf

import helpers
from tfstyle.pipelines import sweeps
from tfstyle.pipelines.sweeps import DIVERGED, NO_MEMORY, NOT_READY, Axis
from tfstyle.runtime.checkpoint import DivergedError
from tfstyle.runtime.progress import Progress

STEPS, SIZES = Axis("steps", (1, 2, 3)), Axis("size", (24, 40))
PICTURE = helpers.image(24, 40)
RED = np.float32([1, 0, 0]) * np.ones((24, 40, 1), np.float32)


def progress(step, steps=4):
    return Progress(
        size=40,
        height=24,
        width=40,
        step=step,
        steps=steps,
        done=10.0 * step,
        total=10.0 * steps,
        losses={"total": 1.0},
        seconds=0.0,
        memory=0,
    )


class Watch:
    """Remembers what share was done, and ends the sweep at some call."""

    def __init__(self, end=None):
        self.end, self.seen = end, []

    def __call__(self, value, picture):
        self.seen.append((value.done, value.total))
        assert picture().shape == PICTURE.shape
        return len(self.seen) == self.end


def slowly(changes, on_step):
    """An engine of four steps, which ends where it is told to."""
    for step in range(1, 5):
        if on_step(progress(step), lambda: PICTURE):
            break
    return PICTURE


def at_once(changes, on_step):
    return PICTURE


def test_rows_are_the_first_axis():
    rows = sweeps.changes([STEPS, SIZES])
    assert [[tuple(cell.values()) for cell in row] for row in rows] == [
        [(1, 24), (1, 40)],
        [(2, 24), (2, 40)],
        [(3, 24), (3, 40)],
    ]
    assert sweeps.changes([SIZES]) == [[{"size": 24}, {"size": 40}]]


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ([], "one or two"),
        ([STEPS, SIZES, Axis("seed", (1,))], "'steps', 'size', 'seed'"),
        ([STEPS, STEPS], "`steps` cannot be varied twice"),
    ],
)
def test_axes_must_be_one_or_two(axes, expected):
    with pytest.raises(ValueError, match=expected):
        sweeps.changes(axes)


def test_each_cell_gets_what_it_changes():
    seen = []

    def paint(changes, on_step):
        seen.append(changes)
        return np.full((2, 2, 3), changes["steps"], np.float32)

    cells = sweeps.paint([STEPS, SIZES], paint)
    assert [cell[0, 0, 0] for row in cells for cell in row] == [
        *(1, 1, 2, 2, 3, 3)
    ]
    assert seen == [c for row in sweeps.changes([STEPS, SIZES]) for c in row]


@pytest.mark.parametrize("paint", [slowly, at_once])
def test_progress_is_that_of_all_cells(paint):
    watch = Watch()
    sweeps.paint([SIZES], paint, watch)
    quarters = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]
    done = quarters if paint is slowly else [1, 2]
    assert watch.seen == [(share, 2) for share in done]


def test_ended_sweep_has_the_pictures_that_were_ready():
    # In the second cell.
    (cells,) = sweeps.paint([STEPS], slowly, Watch(end=6))
    np.testing.assert_array_equal(cells[0], PICTURE)
    assert cells[1:] == [NOT_READY, NOT_READY]
    (cells,) = sweeps.paint([STEPS], at_once, Watch(end=1))
    assert cells[1:] == [NOT_READY, NOT_READY]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (DivergedError("not finite", PICTURE), DIVERGED),
        (MemoryError("too large"), NO_MEMORY),
        (tf.errors.ResourceExhaustedError(None, None, "full"), NO_MEMORY),
    ],
)
def test_a_cell_that_fails_leaves_the_others(error, text):
    def paint(changes, on_step):
        if changes["steps"] == 2:
            raise error
        return slowly(changes, on_step)

    watch = Watch()
    (cells,) = sweeps.paint([STEPS], paint, watch)
    assert [isinstance(cell, str) for cell in cells] == [False, True, False]
    assert cells[1] == text
    assert watch.seen[-1] == (3, 3)


def places(sheet, colour):
    """Rows and columns of the rectangle that has a colour."""
    found = np.all(np.abs(sheet - colour) < 1e-3, axis=-1)
    rows, columns = np.where(found)
    assert found.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    return rows.min(), np.ptp(rows) + 1, columns.min(), np.ptp(columns) + 1


def test_sheet_has_the_pictures_in_their_places():
    green, blue = RED[..., [1, 0, 2]], RED[..., [1, 2, 0]]
    sheet = sweeps.sheet([[RED, green], [blue, RED * 0]], [SIZES, SIZES])
    top, height, left, width = places(sheet, [1, 0, 0])
    assert (height, width) == (24, 40)
    assert places(sheet, [0, 1, 0]) == (top, 24, left + 48, 40)
    assert places(sheet, [0, 0, 1]) == (top + 32, 24, left, 40)
    assert (sheet.dtype, sheet.min(), sheet.max()) == (np.float32, 0, 1)


def test_names_and_values_are_on_the_margins():
    blank = [[np.ones((24, 40, 3), np.float32)] * 2] * 3
    with_rows = sweeps.sheet(blank, [STEPS, SIZES])
    left = with_rows.shape[1] - (2 * 48 + 8)
    assert left > 0
    ink = (with_rows < 0.5).any(-1)
    assert ink[:22].any() and ink[22:44].any()  # Name and values of columns.
    assert ink[44:, :22].any() and ink[44:, 22:left].any()
    assert not ink[44:, left:].any()
    # A single axis is a row, without a margin beside it.
    assert sweeps.sheet(blank[:1], [SIZES]).shape[1] == 2 * 48 + 8


def test_labels_are_what_was_given():
    axis = Axis("style_scale", ((0.5,), (1.0,)), ("0.5", "1"))
    assert axis.texts == ["0.5", "1"]
    assert STEPS.texts == ["1", "2", "3"]


def test_smaller_pictures_are_in_the_middle_and_gaps_are_grey():
    small = RED[:12, :20]
    sheet = sweeps.sheet([[RED * 0, small, NOT_READY]], [STEPS])
    top, _, left, _ = places(sheet, 230 / 255)  # 0.9.
    assert places(sheet, [1, 0, 0]) == (top + 6, 12, left - 48 + 10, 20)


def test_long_labels_are_cut():
    axis = Axis("style", ("a" * 300, "b"))
    sheet = sweeps.sheet([[RED], [RED]], [axis, Axis("size", (1,))])
    assert sheet.shape[1] < 300


def test_a_sheet_without_a_picture_is_refused():
    with pytest.raises(ValueError, match="No picture"):
        sweeps.sheet([[NOT_READY, DIVERGED]], [SIZES])
