"""Progress of a run, and the `on_step` callbacks that receive it.

`on_step(progress, picture)` is called during a run; `picture()` returns the
picture so far, an array of shape `(height, width, 3)` in [0, 1], of no pixels
in a training; call it before the callback returns, for the next step may change
what it is made of. Returning true ends the run, which then returns its best
picture.

The library only makes `Progress` values. `Bar` and `Trace` are callbacks that
programs attach.
"""

import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING

import numpy as np

from tfstyle.runtime.types import Path

if TYPE_CHECKING:
    from tqdm.auto import tqdm

_SHOWN_LOSSES = 3  # More do not fit beside the bar in 80 columns.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """State of a run, as an `on_step` callback receives it.

    Attributes:
        size: Longer side of the picture at this scale, in pixels.
        height: Rows of the picture at this size.
        width: Columns of the picture at this size.
        step: Steps done at this size.
        steps: Maximum number of steps at this size.
        done: Work done in the whole run, in the unit of `total`.
        total: Work of the whole run. The algorithm chooses the unit; the
            remaining time is right if it is proportional to time, such as
            steps times pixels.
        losses: Name -> value; empty at steps where they were not fetched.
            Names with a slash, such as `"style/block1_conv1"`, are parts of
            another loss.
        seconds: Time since the run began.
        memory: Peak memory so far, in bytes.
        gradients: Function that computes, for each term of the loss, the norm
            of its gradient with respect to the picture, by name. It takes
            about as long as a step for each term, and nothing if it is not
            called. Empty if the algorithm does not offer it.
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
    """Combines callbacks into one, which is true if one of them is."""

    def on_step(progress: Progress, picture: Callable[[], np.ndarray]) -> bool:
        # A list, so that all are called even if one ends the run.
        return any([callback(progress, picture) for callback in callbacks])

    return on_step


class Bar:
    """Draws a progress bar on stderr or in a notebook; a context manager.

    Shows the size, the step, the speed, the main losses and the remaining
    time of the whole run.

    Example:
        ```python
        with tfstyle.Bar() as bar:
            picture = tfstyle.stylize(photo, wave, on_step=bar)
        ```
    """

    def __init__(self) -> None:
        self._last: Progress | None = None
        self._losses: Mapping[str, float] = {}
        self._bar: tqdm | None = None

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
        last = self._last
        if last is None or (last.size, last.step) != (
            progress.size,
            progress.step,
        ):
            self._last = progress  # Not a part of the same step.

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


def _new_bar(progress: Progress) -> "tqdm":
    from tqdm.auto import tqdm  # Loads asyncio, which --help does not need.

    bar = tqdm(
        total=progress.total,
        # A resumed run begins in the middle.
        initial=progress.done,
        desc=_where(progress),
        file=sys.stderr,
        bar_format="{desc}{percentage:3.0f}%|{bar}| "
        "{elapsed}<{remaining}{postfix}",
        dynamic_ncols=True,
        # A terminal and a notebook get a smooth bar, a log file a line now and
        # then.
        mininterval=0.2 if _is_watched() else 30.0,
        miniters=0,
        # Steps differ in length: an average over many predicts better.
        smoothing=0.05,
    )
    bar.start_t -= progress.seconds
    return bar


def _is_watched() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def begins(last: Progress, progress: Progress) -> bool:
    """Whether another size begins, or another picture of the same size.

    Args:
        last: Progress of the previous call.
        progress: Progress of this call.
    """
    # Pictures of one step, such as frames of a zoom, begin with their last.
    more = last.step == last.steps and progress.done > last.done
    return more or progress.size != last.size or progress.step < last.step


class Trace:
    """Writes a line of JSON for each step with losses; a context manager.

    A line holds all values of `Progress`, and so every loss, the time and the
    memory. It is in the file when the call returns.

    Args:
        path: The file to write.
        resume: Whether to keep its lines, except those of steps that were
            lost and are taken again.

    Raises:
        ValueError: The file to resume is not a trace.

    Attributes:
        error: Error that ended the writing, or `None`. It is not raised: the
            run is worth more than its trace.
    """

    def __init__(self, path: Path, resume: bool = False) -> None:
        self.error: OSError | None = None
        self._path, self._lines = path, _traced(path) if resume else None
        self._file: IO[str] | None = None

    def __enter__(self) -> "Trace":
        return self

    def __exit__(self, *unused: object) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # `error` has it already.
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
        """Opens the file, without the lines from `done` on.

        Called after the run has begun: a refused run keeps an older trace.
        """
        if self._lines is None:
            return open(self._path, "w", encoding="utf-8")
        file = open(self._path, "a", encoding="utf-8")
        kept = [line for line, work in self._lines if work < done]
        file.truncate(len("".join(kept)))  # JSON is ASCII.
        return file


def _traced(path: Path) -> list[tuple[str, float]]:
    """Complete lines of a trace, each with its `done`; empty without file."""
    if not os.path.isfile(path):
        return []
    try:
        with open(path, encoding="ascii") as file:
            lines = [line for line in file if line.endswith("\n")]
        return [(line, float(json.loads(line)["done"])) for line in lines]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"'{os.fspath(path)}' is not a trace that a resumed run can "
            "continue. Give another file, or delete it."
        ) from error


def _line(progress: Progress) -> str:
    losses = {n: float(value) for n, value in progress.losses.items()}
    line = {**vars(progress), "losses": losses}
    del line["gradients"]
    return json.dumps(line) + "\n"
