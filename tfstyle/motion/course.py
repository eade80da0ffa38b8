"""Collects what a report shows of a run: frames, and how steady they are."""

from typing import NamedTuple

import numpy as np

from tfstyle import images
from tfstyle.motion import flow, measures

_EVERY = 5  # Frames between two measurements, which take a while.
_MOST = 12  # Frames that are shown.
_LONGEST = 320  # Longer side of what is measured and shown, in pixels.


class Look(NamedTuple):
    """A frame and what was painted of it, small.

    Attributes:
        second: Time of the frame.
        frame: The frame, `(height, width, 3)`.
        picture: What was painted of it.
    """

    second: float
    frame: np.ndarray
    picture: np.ndarray


class Measured(NamedTuple):
    """Measures of a frame and of what was painted of it.

    Attributes:
        second: Time of the frame.
        changes: Warping errors of the frame and of the picture.
        sharpness: Roots of their `measures.sharpness`.
    """

    second: float
    changes: tuple[float, float]
    sharpness: tuple[float, float]


class Course:
    """Looks at the frames of a run, one after the other.

    Attributes:
        looks: Frames to show, evenly over the time so far.
        measured: Measures of every fifth frame.
    """

    def __init__(self) -> None:
        self.looks: list[Look] = []
        self.measured: list[Measured] = []
        self._count, self._apart = 0, 1
        self._before: Look | None = None

    def look(
        self, second: float, frame: np.ndarray, picture: np.ndarray
    ) -> None:
        """Looks at the next frame.

        Args:
            second: Its time.
            frame: The frame, `(height, width, 3)`.
            picture: What was painted of it.
        """
        if self._count % self._apart == 0:
            self.looks.append(_small(second, frame, picture))
            if len(self.looks) > _MOST:
                self.looks, self._apart = self.looks[::2], 2 * self._apart
        if self._count % _EVERY == 0:
            self._before = _small(second, frame, picture)
        elif self._count % _EVERY == 1 and self._before is not None:
            found = _measured(_small(second, frame, picture), self._before)
            self.measured.append(found)
        self._count += 1


def _small(second: float, frame: np.ndarray, picture: np.ndarray) -> Look:
    height, width = frame.shape[:2]
    height, width = flow.reduced(height, width, _LONGEST)
    pair = [images.resize(x, height, width) for x in (frame, picture)]
    return Look(second, *pair)


def _measured(now: Look, before: Look) -> Measured:
    places, seen = flow.follow(flow.gray(now.frame), flow.gray(before.frame))
    there = places - flow.grid(*seen.shape)
    pairs = ((now.frame, before.frame), (now.picture, before.picture))
    errors = [
        measures.warping_error(one, other, there, seen > 0)
        for one, other in pairs
    ]
    sharp = [measures.sharpness(x) ** 0.5 for x in (now.frame, now.picture)]
    return Measured(now.second, (errors[0], errors[1]), (sharp[0], sharp[1]))
