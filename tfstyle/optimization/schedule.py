"""Coarse-to-fine sizes of a picture, and the steps at each."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from tfstyle.images import fit

SMALLEST = 16
"""Pixels of the shorter side under which VGG's fifth block is empty."""

_START_SHORTER = 32  # Under this, block 5 sees two positions or fewer.


def sizes(
    height: int,
    width: int,
    size: int,
    smallest: int = 128,
    factor: float = 2**0.5,
) -> list[tuple[int, int]]:
    """Shapes from coarse to fine, each `factor` times the one before.

    The first has a longer side of at least `smallest` pixels, more where the
    shorter side would have less than 32; the last is exactly `size` long.

    >>> sizes(600, 800, 512)
    [(96, 128), (136, 181), (192, 256), (272, 362), (384, 512)]
    >>> sizes(100, 1000, 512)
    [(36, 362), (51, 512)]

    Args:
        height: Rows of the photograph.
        width: Columns of the photograph.
        size: Longer side of the last shape, in pixels.
        smallest: Longer side of the first shape, at least; 128 as in
            crowsonkb's recipe.
        factor: Ratio of one shape to the one before.

    Raises:
        ValueError: The shorter side of the last shape is under 16 pixels.
    """
    last = _last(height, width, size)
    shapes = [last]
    longer = size / factor
    while round(longer) >= smallest:
        shape = fit(height, width, round(longer))
        if min(shape) < _START_SHORTER:
            break
        shapes.append(shape)
        longer /= factor
    return shapes[::-1]


class Stage(NamedTuple):
    """Steps that are taken at a size.

    Attributes:
        shape: Rows and columns.
        steps: One or more.
    """

    shape: tuple[int, int]
    steps: int


def stages(
    shapes: Sequence[tuple[int, int]],
    steps: int,
    coarse_share: float,
    parts: int = 1,
) -> list[Stage]:
    """What to do at each shape, coarse to fine.

    >>> [stage.steps for stage in stages([(10, 10), (20, 20)], 100, 0.125)]
    [50, 100]

    Args:
        shapes: From `sizes`.
        steps: At the last shape, and the most at the others.
        coarse_share: Work at each of these, steps times pixels, relative to
            that at the last.
        parts: Stages that the steps of each shape are divided into.
    """
    work = steps * math.prod(shapes[-1])
    counts = [
        min(steps, coarse_share * work / math.prod(shape))
        for shape in shapes[:-1]
    ]
    return [
        Stage(shape, max(1, math.ceil(round(count) / parts)))
        for shape, count in zip(shapes, [*counts, steps], strict=True)
        for _ in range(parts)
    ]


def octaves(
    height: int, width: int, size: int, count: int, scale: float
) -> list[tuple[int, int]]:
    """Shapes from coarse to fine, each `scale` times the one before.

    There are fewer than `count` where the shorter side would have less than
    16 pixels; the last is exactly `size` long.

    >>> octaves(600, 800, 512, 3, 1.4)
    [(196, 261), (274, 366), (384, 512)]

    Args:
        height: Rows of the photograph.
        width: Columns of the photograph.
        size: Longer side of the last shape, in pixels.
        count: Number of shapes, at most.
        scale: Ratio of one shape to the one before.

    Raises:
        ValueError: The shorter side of the last shape is under 16 pixels.
    """
    shapes = [_last(height, width, size)]
    for octave in range(1, count):
        longer = max(1, round(size / scale**octave))
        shape = fit(height, width, longer)
        if min(shape) < SMALLEST:
            break
        shapes.append(shape)
    return shapes[::-1]


def _last(height: int, width: int, size: int) -> tuple[int, int]:
    last = fit(height, width, size)
    if min(last) < SMALLEST:
        needed = -(-SMALLEST * max(height, width) // min(height, width))
        raise ValueError(
            f"The shorter side must have at least {SMALLEST} pixels at the "
            f"final size. Received: a {width}x{height} image, which is "
            f"{last[1]}x{last[0]} at size {size}; take a size of {needed} or "
            f"more{', or crop it' if size >= SMALLEST else ''}."
        )
    return last
