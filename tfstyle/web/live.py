"""Shows a run while it goes on: progress, losses and frames, and ends it."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tfstyle import images
from tfstyle.runtime.progress import Progress
from tfstyle.web import frames

_LONGEST = 1024  # Longer side of frames, in pixels.
_BETWEEN = 0.4  # Seconds between frames at least,
_SHARE = 0.1  # and share of the time that they may take.
_LOOKS = 400  # Losses that are kept; an even number.

Tell = Callable[[dict[str, Any]], None]


class Live:
    """An `on_step` callback that reports a run to the page.

    Args:
        tell: Function called with each message about the progress.

    Attributes:
        alpha: Transparency of the photograph, or `None`.
        frame: Newest frame, a JPEG file; empty before the first.
        number: Number of frames so far.
        done: Share of the work that is done, from 0 to 1.
        losses: Pairs of `done` and the total loss there.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.alpha: np.ndarray | None = None
        self._asked = threading.Event()
        self._next = 0.0
        self._first: tuple[float, float] | None = None
        self.frame = b""
        self.number = 0
        self.done = 0.0
        self.losses: list[list[float]] = []

    def stop(self) -> None:
        """Ends the run at its next step; any thread may call it."""
        self._asked.set()

    @property
    def stopped(self) -> bool:
        """Whether the run was asked to end."""
        return self._asked.is_set()

    def __call__(
        self, progress: Progress, picture: Callable[[], np.ndarray]
    ) -> bool:
        """Reports `progress`; returns whether the run should end."""
        self.done = progress.done / progress.total
        loss = progress.losses.get("total", progress.losses.get("loss"))
        if loss is not None:
            self.losses.append([self.done, loss])
        if len(self.losses) > _LOOKS:
            del self.losses[1::2]  # The first and the last stay.
        began = time.monotonic()
        if began >= self._next and not self.stopped:
            self._tell(self._message(progress))
            self.show(picture())
            took = time.monotonic() - began
            self._next = began + max(_BETWEEN, took / _SHARE)
        return self.stopped

    def show(self, pixels: np.ndarray) -> None:
        """Makes a frame of a picture; an empty one is left out."""
        if pixels.size:
            alpha = self.alpha
            if alpha is not None:
                alpha = images.resize(alpha, *pixels.shape[:2])
            self.frame = frames.jpeg(images.Picture(pixels, alpha), _LONGEST)
            self.number += 1
            self._tell({"frame": self.number})

    def _message(self, progress: Progress) -> dict[str, Any]:
        return {
            "done": self.done,
            "width": progress.width,
            "height": progress.height,
            "step": progress.step,
            "steps": progress.steps,
            "left": self._left(progress.seconds),
            "loss": self.losses[-1] if self.losses else None,
        }

    def _left(self, seconds: float) -> float | None:
        """Seconds that are left, by the speed since the first report."""
        if self._first is None:
            self._first = seconds, self.done
        before, share = self._first
        if self.done <= share:
            return None
        return (seconds - before) / (self.done - share) * (1 - self.done)
