"""Loads AdaIN models and other SavedModels to stylize with TensorFlow."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfstyle.adain import regional, saved_models, sources, tiling
from tfstyle.adain.config import TransferConfig
from tfstyle.adain.model import StyleModel
from tfstyle.adain.network import StyleNetwork
from tfstyle.adain.stylizers import (
    ControlledStylizer,
    KerasStylizer,
    Stylizer,
)
from tfstyle.features import convolution
from tfstyle.runtime import devices
from tfstyle.runtime.types import Tensor


def load(
    name: str,
    encoder_weights: str | None = None,
    precision: str = "float32",
    tile: int = 1024,
) -> Stylizer:
    """Loads a model of any kind, ready to stylize photographs.

    Args:
        name: Name of the model, see `sources`.
        encoder_weights: File of the encoder's weights, see
            `StyleModel.from_preset`.
        precision: `"float32"` or `"bfloat16"`; SavedModels keep their own.
        tile: Side of tiles, in pixels: images with a longer side are stylized
            tile by tile. SavedModels ignore it.

    Raises:
        ValueError: There is no such model, or it cannot be used.
        FileNotFoundError: The weights of its encoder are not at hand.
    """
    source = sources.find(name)
    if source.kind == "hub":
        return saved_models.from_hub(name)
    if source.kind == "saved_model":
        return saved_models.from_folder(name)
    model = StyleModel.from_preset(name, encoder_weights, precision)
    return CompiledStylizer(model, tile)


def load_controlled(
    config: TransferConfig, encoder_weights: str | None = None
) -> ControlledStylizer:
    """Loads the model of some settings, with all controls; see `load`."""
    precision = devices.precision(config.precision)
    stylizer = load(config.model, encoder_weights, precision, config.tile)
    return ControlledStylizer(stylizer, config.start_size)


_IMAGES = tf.TensorSpec((None, None, None, 3), tf.float32)
_VECTORS = tf.TensorSpec((None, None), tf.float32)
_NUMBER = tf.TensorSpec((), tf.float32)


class CompiledStylizer(KerasStylizer):
    """Stylizes by a Keras model in TensorFlow graphs, large images in tiles.

    Args:
        model: The model; its weights must not change any more.
        tile: Side of tiles, in pixels: images with a longer side are stylized
            tile by tile.
    """

    def __init__(self, model: StyleNetwork, tile: int) -> None:
        self._tile = tile
        convolution.freeze(model.encoder, model.decoder)
        # Free sizes: one trace serves a whole folder of images.
        self._embed = _compiled(model.embed_style, _IMAGES)
        self._apply = _compiled(model.apply_style, _IMAGES, _VECTORS, _NUMBER)
        self._apply_regions = _compiled(model.apply_style)
        self._apply_next = _compiled(
            model.apply_next, _IMAGES, _VECTORS, _NUMBER, _VECTORS, _NUMBER
        )
        self._apply_next_regions = _compiled(model.apply_next)
        self._tiled = tiling.TiledModel(model, tile, _compiled)
        super().__init__(model, seen=tile + 2 * self._tiled.halo)

    def embed_image(
        self, style: np.ndarray, masks: regional.Masks | None
    ) -> Tensor:
        """See `KerasStylizer`."""
        if masks is None:
            return self._embed(style)
        return super().embed_image(style, masks)

    def apply(
        self,
        photo: np.ndarray,
        embedding: Tensor,
        strength: float,
        masks: regional.Masks | None,
    ) -> np.ndarray:
        """See `KerasStylizer`."""
        if max(photo.shape[:2]) > self._tile:
            return self._tiled.apply_style(
                photo, embedding.numpy(), strength, masks
            )
        if masks is not None:
            image = self._apply_regions(photo[None], embedding, strength, masks)
        else:
            image = self._apply(photo[None], embedding, strength)
        return image[0].numpy()

    def apply_next(
        self,
        frame: np.ndarray,
        embedding: Tensor,
        strength: float,
        before: np.ndarray,
        share: float,
        masks: regional.Masks | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `KerasStylizer`."""
        if max(frame.shape[:2]) > self._tile:
            return self._tiled.apply_next(
                frame, embedding.numpy(), strength, before, share, masks
            )
        given = frame[None], embedding, strength, before, share
        if masks is not None:
            image, own = self._apply_next_regions(*given, masks)
        else:
            image, own = self._apply_next(*given)
        return image[0].numpy(), own.numpy()


def _compiled(
    function: Callable[..., Any], *specs: tf.TensorSpec
) -> Callable[..., Any]:
    """Compiles a function for these tensors, or for any.

    AutoGraph, which it does not need, would take longer than all else.
    """
    return tf.function(
        function,
        input_signature=specs or None,
        autograph=False,
        reduce_retracing=True,
    )
