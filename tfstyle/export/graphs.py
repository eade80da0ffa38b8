"""The two graphs of a model that all signatures of an exported model share.

They are large: each is traced, optimized, stored and loaded once.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfstyle.adain.model import StyleModel
from tfstyle.features import convolution

Sides = tuple[int | None, int | None]


class Graphs:
    """Graphs of a model, by TensorFlow's own convolutions; made when needed.

    Args:
        model: Model to export.
        count: Number of examples, `None` where free.
        size: Height and width of contents in pixels, `None` where free.
        style_size: Height and width of styles in pixels, `None` where free.
    """

    def __init__(
        self,
        model: StyleModel,
        count: int | None = None,
        size: Sides = (None, None),
        style_size: Sides = (None, None),
    ) -> None:
        self._model = model
        channels = sum(model.channels.values())
        contents, styles = (count, *size, 3), (count, *style_size, 3)
        self._types = {
            "content_image": tf.TensorSpec(contents, tf.float32),
            "content_image_bytes": tf.TensorSpec((count,), tf.string),
            "style_image": tf.TensorSpec(styles, tf.float32),
            "style_image_bytes": tf.TensorSpec((count,), tf.string),
            "style_embedding": tf.TensorSpec((count, 2 * channels), tf.float32),
            "strength": tf.TensorSpec((count,), tf.float32),
        }

    def function(self, call: Callable[..., Any]) -> Any:
        """Returns a `tf.function`; parameters are named as in `signatures`."""
        types = [
            tf.TensorSpec.from_spec(self._types[name], name)
            for name in inspect.signature(call).parameters
        ]
        call = convolution.portable(call)
        return tf.function(call, input_signature=types, autograph=False)

    @functools.cached_property
    def embed(self) -> Any:
        """Function of `StyleNetwork.embed_style`, without masks."""

        def embed(style_image: tf.Tensor) -> tf.Tensor:
            return self._model.embed_style(style_image)

        return self._traced(embed)

    @functools.cached_property
    def apply(self) -> Any:
        """Function of `StyleNetwork.apply_style`, without masks."""

        def apply(
            content_image: tf.Tensor,
            style_embedding: tf.Tensor,
            strength: tf.Tensor,
        ) -> tf.Tensor:
            return self._model.apply_style(
                content_image, style_embedding, strength
            )

        return self._traced(apply)

    def _traced(self, call: Callable[..., Any]) -> Any:
        with tf.init_scope():  # Not within a signature that is traced.
            return self.function(call).get_concrete_function()
