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
    """

    start: int
    first: int
    last: int


def spans(length: int, window: int, halo: int) -> list[Span]:
    """Returns the windows of one side.

    At the ends of the side a window has no halo: it ends there, too.

    >>> spans(64, 64, 16)
    [Span(start=0, first=0, last=64)]
    >>> spans(160, 96, 16)
    [Span(start=0, first=0, last=80), Span(start=64, first=80, last=160)]

    Args:
        length: Length of the side, in pixels.
        window: Length of each window, in pixels, at most `length`.
        halo: Pixels by which a window extends beyond its core.

    Raises:
        ValueError: A window is no longer than its two halos.
    """
    inner = window - 2 * halo
    if window < length and inner < 1:
        raise ValueError(
            f"A window must be longer than its two halos of {halo}. "
            f"Received: window={window}"
        )
    starts = [0]
    while starts[-1] + window < length:
        starts.append(min(starts[-1] + inner, length - window))
    cuts = [0, *(start + halo for start in starts[1:]), length]
    return [
        Span(start, first, last)
        for start, first, last in zip(starts, cuts, cuts[1:], strict=False)
    ]
