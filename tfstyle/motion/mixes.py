"""Blends of styles that change over time."""

import bisect
from collections.abc import Mapping, Sequence

import numpy as np

Mixes = Mapping[float, Sequence[float]]
"""Seconds -> share of each style then."""


def parse(texts: Sequence[str]) -> dict[float, tuple[float, ...]]:
    """Parses shares, such as "0.7,0.3", or "2.5:0.7,0.3" for second 2.5.

    >>> parse(["0:1,0", "2.5:0,1"])
    {0.0: (1.0, 0.0), 2.5: (0.0, 1.0)}

    Raises:
        ValueError: A text has another form, or two have the same time.
    """
    found: dict[float, tuple[float, ...]] = {}
    for text in texts:
        time, colon, shares = text.rpartition(":")
        try:
            second = float(time) if colon else 0.0
            values = tuple(float(share) for share in shares.split(","))
        except ValueError:
            raise ValueError(
                "`style_mix` must be shares such as 0.7,0.3, or with a time in "
                f"seconds before, 2.5:0.7,0.3. Received: {text}"
            ) from None
        if second in found or not np.isfinite(second):
            raise ValueError(
                f"`style_mix` must have times that differ. Received: {texts}"
            )
        found[second] = values
    return dict(sorted(found.items()))


def shares(blends: Mixes, time: float) -> tuple[float, ...]:
    """Returns the share of each style at a time; their sum is 1.

    >>> shares({0.0: (1, 0), 2.0: (1, 3)}, 1.0)
    (0.625, 0.375)

    Args:
        blends: Blends by time, sorted; at least one.
        time: A time in seconds.
    """
    before, after, share = at([*blends], time)
    each = [np.divide(mix, sum(mix)) for mix in blends.values()]
    first, last = each[before], each[after]
    return tuple((first + share * (last - first)).tolist())


def at(times: Sequence[float], time: float) -> tuple[int, int, float]:
    """Finds the blends before and after a time.

    >>> at([0.0, 2.0], 0.5)
    (0, 1, 0.25)

    Args:
        times: Times of the blends in seconds, sorted.
        time: A time in seconds.

    Returns:
        Number of the blend before, that of the one after, and the share of
        the latter. Before the first and after the last they are the same.
    """
    after = bisect.bisect_right(times, time)
    if after in (0, len(times)):
        number = min(after, len(times) - 1)
        return number, number, 0.0
    first, last = times[after - 1], times[after]
    return after - 1, after, (time - first) / (last - first)
