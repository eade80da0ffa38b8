"""Tiles: how a network sees a picture that is too large to be seen at once.

Along each side the picture is cut into cores that lie side by side, so that
no pixel is missed and none is counted twice. A core is seen through a window
that reaches beyond it by a halo; all windows have the same length.
"""

from typing import NamedTuple


class Span(NamedTuple):
    """A tile along one side, in pixels.

    Attributes:
        start: Where its window begins.
        first: Where its core begins.
        last: Where its core ends; not in it.
    """

    start: int
    first: int
    last: int


def spans(length: int, window: int, halo: int) -> list[Span]:
    """Tiles of one side.

    At the ends of the side a window has no halo: it ends there, too.

    >>> spans(64, 64, 16)
    [Span(start=0, first=0, last=64)]
    >>> spans(160, 96, 16)
    [Span(start=0, first=0, last=80), Span(start=64, first=80, last=160)]

    Args:
        length: Of the side.
        window: Length of each window, at most `length`.
        halo: How far it reaches beyond the core.

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
