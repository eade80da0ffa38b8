"""Runs of `stylize` and `deep_dream`: their steps, and their identity."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from tfstyle.pretrained import weights


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
    """The steps of a run, coarse to fine.

    >>> [stage.steps for stage in stages([(10, 10), (20, 20)], 100, 0.125)]
    [50, 100]

    Args:
        shapes: From `images.sizes`.
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


def identity(config: Any, note: Any = None) -> list[Any]:
    """The settings that tell runs apart, as JSON can hold them.

    Args:
        config: `GatysConfig` or `DreamConfig`, with the name of a network.
        note: What else tells runs apart.

    Returns:
        The settings, with the digest of the file of weights for its path.
    """
    named = dataclasses.asdict(config)
    path = named.pop("feature_weights")
    named["weights"] = weights.resolve(config.features, path).digest
    return [named, note]
