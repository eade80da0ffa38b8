"""Overlapping windows: cut a picture that is too large for a network at once.

Along each side the picture is cut into adjacent cores, so that no pixel is
missed and none is counted twice. The network sees each core in a window that
extends beyond it by a halo; all windows have the same length.
"""

from typing import NamedTuple


class Span(NamedTuple):
    """Position of a window and its core along one side, in pixels.

    Attributes:
        start: First pixel of the window.
        first: First pixel of the core.
        last: First pixel after the core.
        stop: First pixel after the window.
    """

    start: int
    first: int
    last: int
    stop: int


def spans(length: int, window: int, halo: int, stride: int = 1) -> list[Span]:
    """Returns the windows of one side.

    At the ends of the side a window has no halo: it ends there, too. The last
    window may be longer than the others, by less than `stride`.

    >>> spans(64, 64, 16)
    [Span(start=0, first=0, last=64, stop=64)]
    >>> for span in spans(162, 96, 16, 4):
    ...     print(*span)
    0 0 80 96
    64 80 162 162

    Args:
        length: Length of the side, in pixels.
        window: Length of each window, in pixels, at most `length`; a multiple
            of `stride` unless it is `length`.
        halo: Pixels by which a window extends beyond its core; a multiple of
            `stride`.
        stride: Windows and cores start at multiples of this.

    Raises:
        ValueError: A window is no longer than its two halos.
    """
    inner = window - 2 * halo
    if window < length and inner < 1:
        raise ValueError(
            f"A window must be longer than its two halos of {halo}. "
            f"Received: window={window}"
        )
    end = (length - window) // stride * stride  # Start of the last window.
    starts = [0]
    while starts[-1] < end:
        starts.append(min(starts[-1] + inner, end))
    cuts = [0, *(start + halo for start in starts[1:]), length]
    stops = [*(start + window for start in starts[:-1]), length]
    return [
        Span(*places)
        for places in zip(starts, cuts, cuts[1:], stops, strict=False)
    ]
