"""Models of any style behind one interface, whatever they were stored as.

| named by                       | what it is                                  |
|--------------------------------|---------------------------------------------|
| a key of `presets.FILES`, .h5  | a model of this package, or trained with it |
| .keras                         | the same, stored by Keras                   |
| a folder with a SavedModel     | what `export.saved_model` wrote, or a model |
|                                | called as Magenta's on TensorFlow Hub       |
| a handle with `://`            | such a model, by TensorFlow Hub             |
"""

import pathlib
from collections.abc import Sequence
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from tfstyle import adain, color, embeddings, presets, tiles

Embedding = Any


class Painter(Protocol):
    """A model; images are arrays `(height, width, 3)`, RGB in [0, 1]."""

    def embed(
        self,
        styles: Sequence[np.ndarray],
        shares: Sequence[float] | None = None,
    ) -> Embedding:
        """The blend of some styles, for `paint`.

        Raises:
            ValueError: An image or a share is not what it should be.
        """

    def paint(
        self, content: np.ndarray, style: Embedding, strength: float = 1.0
    ) -> np.ndarray:
        """A photograph in a style, from 0, as it is, to 1.

        Raises:
            ValueError: The image is not what it should be.
        """


def load(
    name: str,
    encoder_weights: str | None = None,
    precision: str = "float32",
    tile: int = 1024,
) -> Painter:
    """Loads a model.

    Args:
        name: As in the table above.
        encoder_weights: See `StyleModel.from_preset`.
        precision: Of models of this package: `"float32"` or `"bfloat16"`.
        tile: They paint images with a longer side in tiles of so many pixels.

    Raises:
        ValueError: There is no such model, or it cannot be used.
        FileNotFoundError: The weights of its encoder are not at hand.
    """
    if "://" in name:
        return CallablePainter(_from_hub(name))
    if pathlib.Path(name, "saved_model.pb").is_file():
        loaded = tf.saved_model.load(name)
        ours = {"embed_style", "apply_style"} <= set(loaded.signatures)
        return SignaturePainter(loaded) if ours else CallablePainter(loaded)
    if name.endswith(".keras"):
        return ModelPainter(_from_keras(name, precision), tile)
    model = adain.StyleModel.from_preset(name, encoder_weights, precision)
    return ModelPainter(model, tile)


def _from_hub(handle: str) -> Any:
    try:
        import tensorflow_hub
    except ImportError as error:
        raise ValueError(
            f"'{handle}' needs TensorFlow Hub: pip install 'tfstyle[hub]'."
        ) from error
    return tensorflow_hub.load(handle)


def _from_keras(path: str, precision: str) -> adain.StyleModel:
    presets.path(path)
    try:
        stored = keras.saving.load_model(path, compile=False)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise ValueError(
            f"'{path}' is not a model of Keras: {error}"
        ) from error
    if not isinstance(stored, adain.StyleModel):
        raise ValueError(
            f"'{path}' is a {type(stored).__name__}, expected a StyleModel, as "
            "tfstyle.train writes it."
        )
    model = adain.StyleModel(**stored.settings, dtype=precision)
    model.set_weights(stored.get_weights())
    return model


_IMAGES = tf.TensorSpec((None, None, None, 3), tf.float32)
_VECTORS = tf.TensorSpec((None, None), tf.float32)


class ModelPainter:
    """A `StyleModel`, compiled; large images are painted in tiles."""

    def __init__(self, model: adain.StyleModel, tile: int) -> None:
        self.tile = tile
        # With free sizes, so that a folder of images is one trace.
        self._embed = tf.function(model.embed_style, input_signature=[_IMAGES])
        self._apply = tf.function(
            model.apply_style,
            input_signature=[_IMAGES, _VECTORS, tf.TensorSpec((), tf.float32)],
        )
        self._tiled = tiles.TiledModel(model, tile, _compiled)

    def embed(self, styles, shares=None):
        """See `Painter`."""
        for style in styles:
            adain.check_image(style)
        return embeddings.blend([self._embed(s[None]) for s in styles], shares)

    def paint(self, content, style, strength=1.0):
        """See `Painter`."""
        adain.check_image(content)
        if max(content.shape[:2]) > self.tile:
            return self._tiled.apply_style(content, style.numpy(), strength)
        return self._apply(content[None], style, strength)[0].numpy()


def _compiled(function):
    return tf.function(function, reduce_retracing=True)


class SignaturePainter:
    """A SavedModel with the signatures of `export.saved_model`."""

    def __init__(self, loaded: Any) -> None:
        self._model = loaded  # Its variables live as long as it.
        self._embed = loaded.signatures["embed_style"]
        self._apply = loaded.signatures["apply_style"]

    def embed(self, styles, shares=None):
        """See `Painter`."""
        for style in styles:
            adain.check_image(style)
        each = [
            self._embed(style_image=tf.constant(style[None]))["style_embedding"]
            for style in styles
        ]
        return embeddings.blend(each, shares)

    def paint(self, content, style, strength=1.0):
        """See `Painter`."""
        adain.check_image(content)
        result = self._apply(
            content_image=tf.constant(content[None]),
            style_embedding=style,
            strength=tf.constant([strength], tf.float32),
        )
        return result["stylized_image"][0].numpy()


class CallablePainter:
    """A SavedModel that is called with contents and styles.

    As Magenta's arbitrary-image-stylization on TensorFlow Hub: one style, at
    its full strength.
    """

    def __init__(self, loaded: Any) -> None:
        if not callable(loaded):
            raise ValueError(
                "The SavedModel has neither the signatures embed_style and "
                "apply_style nor a call with contents and styles."
            )
        self._model = loaded

    def embed(self, styles, shares=None):
        """See `Painter`."""
        if len(styles) != 1:
            raise ValueError(
                "This SavedModel takes one style. Received: "
                f"{len(styles)} styles"
            )
        return tf.constant(styles[0][None])

    def paint(self, content, style, strength=1.0):
        """See `Painter`."""
        if strength != 1:
            raise ValueError(
                "This SavedModel knows one strength. Received: "
                f"strength={strength}"
            )
        image = self._model(tf.constant(content[None]), style)[0]
        return np.clip(np.asarray(image)[0], 0, 1)


class ColorPainter:
    """A painter whose results have the photograph's colours; see `color`.

    Args:
        painter: It paints.
        mode: One of `config.COLORS`.
    """

    def __init__(self, painter: Painter, mode: str) -> None:
        self.painter, self.mode = painter, mode

    def embed(self, styles, shares=None):
        """See `Painter`; styles are embedded anew for each photograph."""
        self.painter.embed(styles, shares)  # Refuses what it cannot take.
        return styles, shares

    def paint(self, content, style, strength=1.0):
        """See `Painter`."""
        styles, shares = style
        photo, styles = color.prepare(content, styles, self.mode)
        embedding = self.painter.embed(styles, shares)
        picture = self.painter.paint(photo, embedding, strength)
        return color.finish(picture, content, self.mode)
