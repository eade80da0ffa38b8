"""Paints the frames of a clip, one after the other."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from tfstyle.controls import finishing
from tfstyle.controls.regions import Regions
from tfstyle.motion import cuts
from tfstyle.motion.config import VideoConfig


class StoppedError(Exception):
    """The run was ended while a frame was painted."""


class Painter(Protocol):
    """Paints frames so that each fits those before."""

    def begin(self, frame: np.ndarray) -> None:
        """Forgets all frames before the first one of a shot."""

    def paint(
        self, frame: np.ndarray, time: float, regions: Regions | None
    ) -> np.ndarray:
        """Paints the next frame.

        Args:
            frame: The frame, `(height, width, 3)`.
            time: Its time, in seconds.
            regions: Regions of it for each style, and of the styles.

        Raises:
            ValueError: The frame cannot be painted.
            MemoryError: It is too large.
            StoppedError: The run was ended.
        """

    def state(self) -> dict[str, np.ndarray]:
        """Returns all that it knows of earlier frames as arrays."""

    def restore(
        self, frame: np.ndarray, arrays: Mapping[str, np.ndarray]
    ) -> None:
        """Goes on after the frame at which `state` was called.

        Args:
            frame: That frame.
            arrays: What `state` returned.
        """


class ClipPainter:
    """Paints a clip: finds its cuts, and applies the controls.

    Args:
        painter: Painter of frames.
        config: Settings.
    """

    def __init__(self, painter: Painter, config: VideoConfig) -> None:
        self._painter, self._config = painter, config
        self._before: np.ndarray | None = None

    def paint(
        self, frame: np.ndarray, time: float, regions: Regions | None = None
    ) -> np.ndarray:
        """Returns the picture of the next frame; see `Painter.paint`."""
        if self._before is None or cuts.is_cut(frame, self._before):
            self._painter.begin(frame)
        self._before = frame
        picture = self._painter.paint(frame, time, regions)
        return finishing.finish(picture, frame, self._config, regions)

    def state(self) -> dict[str, np.ndarray]:
        """Returns what is known of earlier frames, for `restore`."""
        before = {} if self._before is None else {"before": self._before}
        return before | self._painter.state()

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on from what `state` returned, with the same results."""
        self._before = arrays["before"]
        self._painter.restore(self._before, arrays)
