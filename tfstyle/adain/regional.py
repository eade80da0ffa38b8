"""AdaIN, and AdaIN by region: moments under a mask, maps joined by masks.

Masks of feature maps have shape `(regions, height, width, 1)`; what is found
for each region has the regions as its batch. So one photograph becomes as many
maps as there are regions, and these become one again.

Reference: Huang and Belongie 2017, section 7.3, "Spatial control".
"""

from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
from keras import ops

from tfstyle import losses
from tfstyle.adain import decoder, embeddings
from tfstyle.adain.decoder import scale_and_shift
from tfstyle.controls import regions
from tfstyle.controls.settings import Controls
from tfstyle.pretrained import topology
from tfstyle.runtime.types import Tensor

Masks = Mapping[str, Tensor]


@keras.saving.register_keras_serializable(package="tfstyle")
class AdaIN(keras.layers.Layer):
    """Gives feature maps the channel moments of a style.

    The layer has no weights. Statistics are float32 whatever the precision.

    Args:
        epsilon: Added to the variances.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        content: Shape `(batch, height, width, channels)`.
        style: Mean and deviation, as `losses.channel_moments` gives them:
            shapes `(batch, 1, 1, channels)`.
        own: Those of the content; found if not given.

    Output shape:
        That of `content`.

    Reference:
        Huang and Belongie 2017, eq. 8.
    """

    def __init__(self, epsilon=1e-5, **kwargs):
        super().__init__(autocast=False, **kwargs)  # Statistics stay float32.
        self.epsilon = epsilon

    def call(self, content, style, own=None):
        mean, deviation = own or losses.channel_moments(content, self.epsilon)
        scale = style[1] / deviation
        shift = style[0] - mean * scale
        content = ops.cast(content, self.compute_dtype)
        return scale_and_shift(content, scale, shift)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


def embed(
    embed_style: Callable[[np.ndarray, Masks | None], Tensor],
    channels: Mapping[str, int],
    styles: Sequence[np.ndarray],
    controls: Controls,
    parts: Sequence[regions.Region],
) -> Tensor:
    """Style embeddings of regions.

    Args:
        embed_style: As `StyleNetwork.embed_style`.
        channels: Of each level of the model.
        styles: The style images.
        controls: How those that share a region are blended.
        parts: The regions.

    Returns:
        Shape `(regions, size of an embedding)`.
    """
    rows = []
    for part in parts:
        shares = {
            level: controls.shares(
                len(part.sources), fine=topology.block(level) <= _FINE
            )
            for level in channels
        }
        each = []
        for i, mask in part.sources.items():
            shape = styles[i].shape[:2]
            masks = None
            if mask is not None:
                masks = level_masks([mask], shape, list(channels))
            each.append(embed_style(styles[i][None], masks))
        rows.append(embeddings.compose(each, channels, shares))
    return ops.concatenate(rows, axis=0)


_FINE = 2  # Blocks of whole pixels and of half as many on each side.


def content_masks(
    parts: Sequence[regions.Region],
    shape: tuple[int, int],
    levels: Sequence[str],
) -> dict[str, np.ndarray] | None:
    """`level_masks` of a photograph; `None` where all of it is stylized."""
    masks = [part.mask for part in parts if part.mask is not None]
    return (
        level_masks(masks, shape, [topology.IMAGE, *levels]) if masks else None
    )


def level_masks(
    masks: Sequence[np.ndarray], shape: tuple[int, int], levels: Sequence[str]
) -> dict[str, np.ndarray]:
    """Masks of the maps of an image with its margins, by level.

    Args:
        masks: Of the image, `(any, any)`.
        shape: Height and width of the image.
        levels: As of `StyleNetwork`.

    Returns:
        Float32 arrays of shape `(masks, height, width, 1)`.
    """
    margins = (decoder.MARGIN, decoder.MARGIN)
    wide = [
        np.pad(regions.resize(mask, *shape), margins, mode="symmetric")
        for mask in masks
    ]
    found = {}
    for level in levels:
        # As pooling leaves out the last row where there is no pair.
        stride = topology.stride(level)
        height, width = (side // stride for side in wide[0].shape)
        pairs = slice(height * stride), slice(width * stride)
        small = [regions.resize(mask[pairs], height, width) for mask in wide]
        found[level] = np.stack(small)[..., None]
    return found


def channel_moments(
    features: Tensor, masks: Tensor, epsilon: float
) -> tuple[Tensor, Tensor]:
    """`losses.channel_moments` of each region.

    Args:
        features: Shape `(1, height, width, channels)`.
        masks: Shape `(regions, height, width, 1)`.
        epsilon: Added to the variances.

    Returns:
        Two tensors of shape `(regions, 1, 1, channels)`, float32.
    """
    features = ops.cast(features, "float32")
    # A region may be between the positions of deep maps.
    total = ops.sum(masks, axis=(1, 2), keepdims=True)
    weights = masks / ops.maximum(total, _TINY)
    mean = ops.sum(weights * features, axis=(1, 2), keepdims=True)
    squares = ops.square(features - mean)
    variance = ops.sum(weights * squares, axis=(1, 2), keepdims=True)
    return mean, ops.sqrt(variance + epsilon)


_TINY = 1e-12


def blend(painted: Tensor, rest: Tensor, masks: Tensor) -> Tensor:
    """One image or map of those of each region, and of what is in none.

    Args:
        painted: Shape `(regions, height, width, channels)`.
        rest: Shape `(1, height, width, channels)`.
        masks: Shape `(regions, height, width, 1)`, their sum at most 1.

    Returns:
        Shape of `rest`.
    """
    dtype = keras.backend.standardize_dtype(painted.dtype)
    masks = ops.cast(masks, dtype)
    free = 1 - ops.sum(masks, axis=0, keepdims=True)
    return ops.sum(masks * painted, axis=0, keepdims=True) + free * ops.cast(
        rest, dtype
    )
