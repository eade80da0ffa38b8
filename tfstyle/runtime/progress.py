"""Progress of long work: values that an `on_step` callback receives.

`on_step(progress, picture)` is called during the work; `picture()` gives the
picture so far, an array of shape `(height, width, 3)` in [0, 1]. Returning
true ends the run, which then gives the best picture it has.

The library only makes `Progress` values. `Bar` and `Trace` are callbacks that
programs attach.
"""

import contextlib
import csv
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO

import numpy as np
import tqdm

from tfstyle.runtime import files
from tfstyle.runtime.types import Path

_SHOWN_LOSSES = 3  # More do not fit beside the bar in 80 columns.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run is.

    Attributes:
        size: Longer side that is worked at now, in pixels.
        height: Rows of the picture at this size.
        width: Columns of the picture at this size.
        step: Steps done at this size.
        steps: Steps at this size, at most.
        done: Work done in the whole run, in the unit of `total`.
        total: Work of the whole run. Its unit is the caller's; the remaining
            time is right when it is proportional to time, as steps times
            pixels are.
        losses: Name to value; empty at steps where they were not fetched.
            Names with a slash, such as `"style/block1_conv1"`, are parts of
            another one.
        seconds: Time since the run began.
        memory: Bytes held at most so far.
        gradients: Computes how much each term of the loss pulls at the
            picture now, by name: the norm of its gradient. It takes about as
            long as a step for each term; who never calls it pays nothing.
            Empty where an algorithm does not tell.
    """

    size: int
    height: int
    width: int
    step: int
    steps: int
    done: float
    total: float
    losses: Mapping[str, float]
    seconds: float
    memory: int
    gradients: Callable[[], Mapping[str, float]] = dict


OnStep = Callable[[Progress, Callable[[], np.ndarray]], bool | None]


def all_of(*callbacks: OnStep) -> OnStep:
    """One callback that calls all of them, and is true if one of them is."""

    def on_step(progress: Progress, picture: Callable[[], np.ndarray]) -> bool:
        # A list, so that one that ends the run does not silence the others.
        return any([callback(progress, picture) for callback in callbacks])

    return on_step


class Bar:
    """Draws a progress bar on stderr; a context manager.

    Shows the size, the step, the speed, the main losses and the time that
    remains of the whole run.
    """

    def __init__(self) -> None:
        self._last: Progress | None = None
        self._losses: Mapping[str, float] = {}
        self._bar: tqdm.tqdm | None = None

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *unused: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(
        self, progress: Progress, picture: Callable[[], np.ndarray]
    ) -> None:
        """Draws `progress`; never ends the run."""
        if self._bar is None:
            self._bar = _new_bar(progress)
        self._losses = progress.losses or self._losses
        self._bar.set_description_str(_where(progress), refresh=False)
        self._bar.set_postfix_str(self._details(progress), refresh=False)
        self._bar.update(progress.done - self._bar.n)
        self._last = progress

    def _details(self, progress: Progress) -> str:
        losses = [
            f"{name} {value:.3g}"
            for name, value in self._losses.items()
            if "/" not in name
        ][:_SHOWN_LOSSES]
        return ", ".join([*self._speed(progress), *losses])

    def _speed(self, progress: Progress) -> list[str]:
        last = self._last
        if last is None or begins(last, progress):
            return []
        seconds = progress.seconds - last.seconds
        if seconds <= 0 or progress.step == last.step:
            return []
        return [f"{(progress.step - last.step) / seconds:.3g} steps/s"]


def _where(progress: Progress) -> str:
    shape = f"{progress.width}x{progress.height}"
    return f"{shape} {progress.step}/{progress.steps} "


def _new_bar(progress: Progress) -> tqdm.tqdm:
    bar = tqdm.tqdm(
        total=progress.total,
        # A run that was resumed begins in the middle.
        initial=progress.done,
        desc=_where(progress),
        file=sys.stderr,
        bar_format="{desc}{percentage:3.0f}%|{bar}| "
        "{elapsed}<{remaining}{postfix}",
        dynamic_ncols=True,
        # A terminal gets a smooth bar, a log file a line now and then.
        mininterval=0.2 if sys.stderr.isatty() else 30.0,
        miniters=0,
        # Steps differ in length: the average of many foretells better.
        smoothing=0.05,
    )
    bar.start_t -= progress.seconds
    return bar


def begins(last: Progress, progress: Progress) -> bool:
    """Whether another size begins, or another picture of that size.

    Args:
        last: Of the call before.
        progress: Of this call.
    """
    return progress.size != last.size or progress.step < last.step


class Trace:
    """Writes a line of JSON for each step with losses; a context manager.

    A line holds all values of `Progress`, so every term, the time and the
    memory, and is in the file when the call returns.

    Args:
        path: The file to write.
        resume: Whether to keep the lines that are in it, but for those of
            steps that were lost and are taken again.

    Raises:
        ValueError: The file to go on with is no trace.

    Attributes:
        error: Why the file could not be written to its end, or `None`. The
            work is worth more than its trace, so it is not raised.
    """

    def __init__(self, path: Path, resume: bool = False) -> None:
        self.error: OSError | None = None
        self._path, self._lines = path, _traced(path) if resume else None
        self._file: IO[str] | None = None

    def __enter__(self) -> "Trace":
        return self

    def __exit__(self, *unused: object) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # What `error` already says.
                self._file.close()

    def __call__(
        self, progress: Progress, picture: Callable[[], np.ndarray]
    ) -> None:
        """Writes `progress`; never ends the run."""
        if self.error:
            return
        try:
            if self._file is None:
                self._file = self._open(progress.done)
            if progress.losses:
                self._file.write(_line(progress))
                self._file.flush()
        except OSError as error:
            error.filename = os.fspath(self._path)
            self.error = error

    def _open(self, done: float) -> IO[str]:
        """The file without lines from so much work on.

        Not before the run begins: one that is refused keeps an older trace.
        """
        if self._lines is None:
            return open(self._path, "w", encoding="utf-8")
        file = open(self._path, "a", encoding="utf-8")
        kept = [line for line, work in self._lines if work < done]
        file.truncate(len("".join(kept)))  # JSON is ASCII.
        return file


def _traced(path: Path) -> list[tuple[str, float]]:
    """Whole lines of a trace, and the work of each; none if there is none."""
    if not os.path.isfile(path):
        return []
    try:
        with open(path, encoding="ascii") as file:
            lines = [line for line in file if line.endswith("\n")]
        return [(line, float(json.loads(line)["done"])) for line in lines]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"'{os.fspath(path)}' is no trace, which a run that is resumed "
            "could go on with. Give another file, or delete it."
        ) from error


def _line(progress: Progress) -> str:
    losses = {n: float(value) for n, value in progress.losses.items()}
    line = {**vars(progress), "losses": losses}
    del line["gradients"]
    return json.dumps(line) + "\n"


class Table:
    """Writes a row of comma-separated values for each step with losses.

    A context manager; rows are in the file when the call returns.

    Args:
        path: The file to write.
        losses: Names of the columns after step, seconds and memory.
        resume: Steps of the run that goes on: rows of later ones, which were
            lost and will be taken again, are dropped. 0 for a new file.
    """

    def __init__(
        self,
        path: Path,
        losses: Sequence[str],
        resume: int = 0,
    ) -> None:
        self._path, self._resume = path, resume
        self._columns = ["step", "seconds", "memory", *losses]
        self._file: IO[str] | None = None

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, *unused: object) -> None:
        if self._file is not None:
            self._file.close()

    def __call__(
        self, progress: Progress, picture: Callable[[], np.ndarray]
    ) -> None:
        """Writes `progress`; never ends the run."""
        if self._file is None:
            self._file = self._open()
        if progress.losses:
            rows = csv.DictWriter(self._file, self._columns, restval="")
            values = {n: f"{value:.6g}" for n, value in progress.losses.items()}
            values["step"] = str(progress.step)
            values["seconds"] = f"{progress.seconds:.1f}"
            values["memory"] = str(progress.memory)
            rows.writerow(values)
            self._file.flush()

    def _open(self) -> IO[str]:
        """The file with the rows that are kept.

        Not before the run begins: one that is refused keeps an older table.
        """
        kept = _rows(self._path, self._resume) if self._resume else []
        with files.atomic(self._path, "w") as file:
            rows = csv.DictWriter(file, self._columns)
            rows.writeheader()
            rows.writerows(kept)
        return open(self._path, "a", encoding="utf-8")


def _rows(path: Path, last: int) -> list[dict[str, str]]:
    """Rows of a table up to a step; none if there is no table."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        # A crash may leave half a row.
        rows = [r for r in csv.DictReader(file) if (r["step"] or "").isdigit()]
        return [row for row in rows if int(row["step"]) <= last]
