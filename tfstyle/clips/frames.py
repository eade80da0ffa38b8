"""Frames and descriptions of clips, and the interface of those that read them.

A clip is a movie file, an animated picture or a folder of pictures. Times are
exact: fractions of a second from the beginning of the file.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Protocol

import numpy as np

from tfstyle.clips.color import Colors


@dataclasses.dataclass(frozen=True, eq=False)
class Frame:
    """A frame of a clip.

    Attributes:
        pixels: Array of shape `(height, width, 3)`, float32, RGB in [0, 1],
            upright.
        time: Second at which it is shown.
        duration: Seconds for which it is shown.
        alpha: Array of shape `(height, width)`, float32, from 0, transparent,
            to 1; `None` if all of the frame is opaque.
        name: Name of the frame's file without its ending; empty in movies.
    """

    pixels: np.ndarray
    time: Fraction
    duration: Fraction
    alpha: np.ndarray | None = None
    name: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Details:
    """What is known of a clip before it is read.

    Attributes:
        height: Height of the upright frames, in pixels.
        width: Width of the upright frames, in pixels.
        count: Number of frames; 0 if it is not known.
        rate: Mean number of frames a second.
        time_base: Seconds of which all times are multiples.
        aspect: Width of a pixel divided by its height.
        alpha: Whether frames may be transparent.
        colors: Colors of the movie, which the painted one keeps.
        sound: Codecs of the sound tracks.
        notes: Sentences about what cannot be kept.
    """

    height: int
    width: int
    count: int
    rate: Fraction
    time_base: Fraction
    aspect: Fraction = Fraction(1)
    alpha: bool = False
    colors: Colors = Colors()
    sound: Sequence[str] = ()
    notes: Sequence[str] = ()


class Clip(Protocol):
    """A clip that can be read several times.

    Attributes:
        path: File, folder or pattern.
        details: What is known of it.
    """

    path: str
    details: Details

    def frames(self, start: Fraction, end: Fraction | None) -> Iterator[Frame]:
        """Yields the frames from one second to another, one after the other.

        Args:
            start: First second; frames that begin before are left out.
            end: Second at which the last frame ends, too; `None` for the end
                of the clip.

        Raises:
            ValueError: A frame is damaged, or of another size than the first.
            OSError: A file cannot be read.
        """


def lasting(time: Fraction, own: Fraction, end: Fraction | None) -> Fraction:
    """Returns how long a frame is shown in a part of a clip.

    Args:
        time: Second at which it is shown.
        own: Seconds for which the clip shows it.
        end: Second at which the part ends; `None` for the end of the clip.
    """
    return own if end is None else min(own, end - time)


class CutShortError(ValueError):
    """A clip cannot be read to its end, but frames before that were read."""
