"""Style embeddings: vectors of channel statistics, and how they are mixed.

An embedding holds, for each level of a model from shallow to deep, the means
of its channels and then their standard deviations (together: moments).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from keras import ops

from tfstyle.runtime.types import Tensor

Moments = Mapping[str, tuple[Tensor, Tensor]]


def join(moments: Moments) -> Tensor:
    """Joins the moments of all levels into embeddings.

    Args:
        moments: Mean and deviation by level, as `losses.channel_moments`
            returns them: two tensors of shape `(batch, 1, 1, channels)`.

    Returns:
        Embeddings of shape `(batch, 2 * channels of all levels)`.
    """
    flat = [part[:, 0, 0] for pair in moments.values() for part in pair]
    return ops.concatenate(flat, axis=-1)


def split(embedding: Tensor, channels: Mapping[str, int]) -> Moments:
    """Splits embeddings into the moments of each level; inverts `join`.

    Args:
        embedding: Embeddings, `(batch, 2 * channels of all levels)`.
        channels: Number of channels of each level.
    """
    counts = [count for count in channels.values() for _ in range(2)]
    ends = np.cumsum(counts)[:-1].tolist()
    parts = ops.split(embedding[:, None, None], ends, axis=-1)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return dict(zip(channels, pairs, strict=True))


def blend(
    embeddings: Sequence[Tensor], shares: Sequence[float] | None = None
) -> Tensor:
    """Returns the weighted mean of style embeddings.

    Args:
        embeddings: One embedding or more, of the same shape.
        shares: One share for each, divided by their sum; `None` for equal
            shares.

    Raises:
        ValueError: The number of shares is wrong, or a share is.

    Reference:
        Huang and Belongie 2017, eq. 15: mixing the restyled maps is the same
        as mixing the moments.
    """
    given = [1.0] * len(embeddings) if shares is None else shares
    pairs = zip(_normalized(given, len(embeddings)), embeddings, strict=True)
    return sum(share * e for share, e in pairs)


def compose(
    embeddings: Sequence[Tensor],
    channels: Mapping[str, int],
    shares: Mapping[str, Sequence[float]],
) -> Tensor:
    """Returns the mean of style embeddings, weighted at each level separately.

    Args:
        embeddings: One embedding or more, of the same shape.
        channels: Number of channels of each level.
        shares: One share for each embedding, by level.
    """
    # One row for each style: the share of each number of its embedding.
    rows = np.concatenate(
        [
            np.tile(_normalized(shares[level], len(embeddings)), (2 * count, 1))
            for level, count in channels.items()
        ]
    ).T
    pairs = zip(rows, embeddings, strict=True)
    return sum(ops.cast(row, e.dtype) * e for row, e in pairs)


def _normalized(shares: Sequence[float], count: int) -> np.ndarray:
    """Returns the shares of `count` styles, divided by their sum."""
    shares = list(shares)
    if len(shares) != count:
        raise ValueError(
            f"`style_mix` must have one share for each of the {count} "
            f"styles. Received: style_mix={shares}"
        )
    if not all(0 <= share < np.inf for share in shares) or not any(shares):
        raise ValueError(
            "`style_mix` must have shares from 0 up, one of them above 0. "
            f"Received: style_mix={shares}"
        )
    return np.divide(shares, sum(shares)).astype(np.float32)


def share(strength: Tensor) -> Tensor:
    """Returns the style's share in the mix with the photograph's own style.

    With half of the style, a picture is more than half as far from the
    photograph as with all of it; so the share is less than the strength
    (docs/decisions/controls.md).

    Args:
        strength: Strength of the style, from 0 to 1.
    """
    return strength * (1 + strength) / 2


def move(own: Tensor, style: Tensor, strength: Tensor) -> Tensor:
    """Moves a photograph's own embedding towards that of a style.

    Args:
        own: Embedding of the photograph, `(batch, size)`.
        style: Embedding of the style, `(batch or 1, size)`.
        strength: Strength of the style, from 0 (the photograph's own) to 1: a
            number, or shape `(batch, 1)`.

    Reference:
        Huang and Belongie 2017, eq. 14, where the share is the strength.
    """
    return own + share(strength) * (style - own)


# Distance of two styles at which `difference` is 63 %. The median distance of
# a photograph and a painting is 0.4 (docs/decisions/adain.md).
_NEAR = 0.05


def difference(before: Moments, after: Moments) -> Tensor:
    """Returns how different two styles are, from 0 (the same) to 1.

    The distance of two styles is the relative squared distance of their
    moments, averaged over the levels; the result is `1 - exp(-distance /
    0.05)`.

    Args:
        before: Moments by level, as `split` returns them.
        after: Moments of the other style.

    Returns:
        Tensor of shape `(batch, 1, 1, 1)`, float32.
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
