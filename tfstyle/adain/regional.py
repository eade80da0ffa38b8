"""AdaIN for whole feature maps and for regions of them.

Masks of feature maps have shape `(regions, height, width, 1)`, and results for
regions have the regions as their batch. One photograph becomes as many maps as
there are regions; `blend` joins these to one again.

Reference: Huang and Belongie 2017, section 7.3, "Spatial control".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

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

    The layer has no weights. Statistics are float32 at any precision.

    Args:
        epsilon: Summand of the variances, against division by 0.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        content: Feature maps, `(batch, height, width, channels)`.
        style: Mean and deviation, as `losses.channel_moments` returns them:
            shapes `(batch, 1, 1, channels)`.
        own: Mean and deviation of the content; computed if `None`.

    Output shape:
        Shape of `content`.

    Reference:
        Huang and Belongie 2017, eq. 8.
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)  # Statistics stay float32.
        self.epsilon = epsilon

    def call(
        self, content: Tensor, style: tuple, own: tuple | None = None
    ) -> Tensor:
        mean, deviation = own or losses.channel_moments(content, self.epsilon)
        scale = style[1] / deviation
        shift = style[0] - mean * scale
        content = ops.cast(content, self.compute_dtype)
        return scale_and_shift(content, scale, shift)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}


def embed(
    embed_style: Callable[[np.ndarray, Masks | None], Tensor],
    channels: Mapping[str, int],
    styles: Sequence[np.ndarray],
    controls: Controls,
    parts: Sequence[regions.Region],
) -> Tensor:
    """Returns the style embedding of each region.

    Args:
        embed_style: Function like `StyleNetwork.embed_style`.
        channels: Number of channels of each level of the model.
        styles: Style images, `(height, width, 3)`.
        controls: Controls that say how styles in one region are blended.
        parts: Regions.

    Returns:
        Embeddings, `(regions, size of an embedding)`.
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


_FINE = 2  # Blocks 1 and 2: full and half resolution.


def content_masks(
    parts: Sequence[regions.Region],
    shape: tuple[int, int],
    levels: Sequence[str],
) -> dict[str, np.ndarray] | None:
    """Returns the masks of a photograph's regions by level.

    Returns:
        Masks as from `level_masks`; `None` if the whole photograph is stylized.
    """
    masks = [part.mask for part in parts if part.mask is not None]
    return (
        level_masks(masks, shape, [topology.IMAGE, *levels]) if masks else None
    )


def level_masks(
    masks: Sequence[np.ndarray], shape: tuple[int, int], levels: Sequence[str]
) -> dict[str, np.ndarray]:
    """Scales masks of an image to its feature maps, margins included.

    Args:
        masks: Masks of the image, of any height and width.
        shape: Height and width of the image.
        levels: Levels of the model, see `StyleNetwork`.

    Returns:
        Float32 arrays of shape `(masks, height, width, 1)`, by level.
    """
    wide = [regions.bordered(mask, shape, decoder.MARGIN) for mask in masks]
    found = {}
    for level in levels:
        stride = topology.stride(level)
        height, width = (side // stride for side in wide[0].shape)
        small = [regions.on_maps(mask, (height, width)) for mask in wide]
        found[level] = np.stack(small)[..., None]
    return found


def channel_moments(
    features: Tensor, masks: Tensor, epsilon: float
) -> tuple[Tensor, Tensor]:
    """Returns the mean and deviation of each channel in each region.

    Args:
        features: Feature maps of one image, `(1, height, width, channels)`.
        masks: Masks of the regions, `(regions, height, width, 1)`.
        epsilon: Summand of the variances.

    Returns:
        Two tensors of shape `(regions, 1, 1, channels)`, float32.
    """
    features = ops.cast(features, "float32")
    # A small region may lie between the positions of deep maps.
    total = ops.sum(masks, axis=(1, 2), keepdims=True)
    weights = masks / ops.maximum(total, _TINY)
    mean = ops.sum(weights * features, axis=(1, 2), keepdims=True)
    squares = ops.square(features - mean)
    variance = ops.sum(weights * squares, axis=(1, 2), keepdims=True)
    return mean, ops.sqrt(variance + epsilon)


_TINY = 1e-12


def blend(painted: Tensor, rest: Tensor, masks: Tensor) -> Tensor:
    """Joins the images or maps of all regions to one.

    Each has its share of what masks cover, also where they cover little: at
    soft edges, `tfstyle.controls.finishing` pastes the photograph later.

    Args:
        painted: Images or maps of the regions, `(regions, height, width,
            channels)`.
        rest: Image or map outside of all regions, `(1, height, width,
            channels)`.
        masks: Masks of the regions, `(regions, height, width, 1)`, with a sum
            of at most 1.

    Returns:
        Image or map of the shape of `rest`.
    """
    dtype = keras.backend.standardize_dtype(painted.dtype)
    cover = ops.sum(masks, axis=0, keepdims=True)
    shares = ops.cast(masks / ops.where(cover > 0, cover, 1.0), dtype)
    joined = ops.sum(shares * painted, axis=0, keepdims=True)
    return ops.where(cover > 0, joined, ops.cast(rest, dtype))
