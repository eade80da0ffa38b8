"""Style embeddings: moments of all levels in one vector, and arithmetic.

For each level of a model, shallow to deep, the means of its channels and then
their deviations.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from keras import ops

from tfstyle.runtime.types import Tensor

Moments = Mapping[str, tuple[Tensor, Tensor]]


def join(moments: Moments) -> Tensor:
    """The embedding of moments.

    Args:
        moments: By level, each as `losses.channel_moments` gives them: two
            tensors of shape `(batch, 1, 1, channels)`.

    Returns:
        Shape `(batch, 2 * channels of all levels)`.
    """
    flat = [part[:, 0, 0] for pair in moments.values() for part in pair]
    return ops.concatenate(flat, axis=-1)


def split(embedding: Tensor, channels: Mapping[str, int]) -> Moments:
    """The moments that `join` made an embedding of.

    Args:
        embedding: Shape `(batch, 2 * channels of all levels)`.
        channels: Of each level.
    """
    counts = [count for count in channels.values() for _ in range(2)]
    ends = np.cumsum(counts)[:-1].tolist()
    parts = ops.split(embedding[:, None, None], ends, axis=-1)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return dict(zip(channels, pairs, strict=True))


def blend(
    embeddings: Sequence[Tensor], shares: Sequence[float] | None = None
) -> Tensor:
    """Weighted mean of style embeddings.

    Args:
        embeddings: At least one, of the same shape.
        shares: One for each, divided by their sum; `None` for equal ones.

    Raises:
        ValueError: Their number is wrong, or a share is.

    Reference:
        Huang and Belongie 2017, eq. 15: to mix the restyled maps is to mix
        the moments.
    """
    given = [1.0] * len(embeddings) if shares is None else shares
    pairs = zip(_normalised(given, len(embeddings)), embeddings, strict=True)
    return sum(share * e for share, e in pairs)


def compose(
    embeddings: Sequence[Tensor],
    channels: Mapping[str, int],
    shares: Mapping[str, Sequence[float]],
) -> Tensor:
    """Weighted mean of style embeddings, with other shares at each level.

    Args:
        embeddings: At least one, of the same shape.
        channels: Of each level.
        shares: Level -> one share for each embedding.
    """
    # For each style a row of the shares of its numbers.
    rows = np.concatenate(
        [
            np.tile(_normalised(shares[level], len(embeddings)), (2 * count, 1))
            for level, count in channels.items()
        ]
    ).T
    pairs = zip(rows, embeddings, strict=True)
    return sum(row * e for row, e in pairs)


def _normalised(shares: Sequence[float], count: int) -> np.ndarray:
    """The shares of so many styles, divided by their sum."""
    shares = list(shares)
    if len(shares) != count:
        raise ValueError(
            f"`style_mix` must have a share for each of the {count} "
            f"styles. Received: style_mix={shares}"
        )
    if not all(0 <= share < np.inf for share in shares) or not any(shares):
        raise ValueError(
            "Shares must be numbers from 0 up, one of them above 0. Received: "
            f"style_mix={shares}"
        )
    return np.divide(shares, sum(shares)).astype(np.float32)


def share(strength: Tensor) -> Tensor:
    """Share of a style at a strength, both from 0 to 1.

    A picture in half of a style is more than half as far from the photograph
    as one in all of it, hence less than half (BUILD_NOTES.md).
    """
    return strength * (1 + strength) / 2


def move(own: Tensor, style: Tensor, strength: Tensor) -> Tensor:
    """The embedding from a photograph's own to a style's.

    Args:
        own: Shape `(batch, size)`.
        style: Shape `(batch or 1, size)`.
        strength: From 0 for the first to 1; a number, or shape `(batch, 1)`.

    Reference:
        Huang and Belongie 2017, eq. 14, whose share is the strength itself.
    """
    return own + share(strength) * (style - own)


# Distance of styles at which 63 % of what the decoder paints are added. That of
# a photograph and a painting is 0.4 at the median (BUILD_NOTES.md).
_NEAR = 0.05


def difference(before: Moments, after: Moments) -> Tensor:
    """How other a style is: from 0 for the same moments to 1.

    Relative squared distances of the moments, the mean of all levels, beyond
    which less and less is added.

    Args:
        before: Moments by level, as `split` gives them.
        after: Others.

    Returns:
        Shape `(batch, 1, 1, 1)`, float32.
    """
    distances = []
    for level in before:
        pairs = zip(before[level], after[level], strict=True)
        gaps, energies = zip(
            *[
                (ops.square(a - b), ops.square(a) + ops.square(b))
                for a, b in pairs
            ],
            strict=True,
        )
        gap, energy = (
            ops.sum(sum(x), axis=-1, keepdims=True) for x in (gaps, energies)
        )
        distances.append(2 * gap / energy)
    return 1 - ops.exp(-sum(distances) / len(distances) / _NEAR)
