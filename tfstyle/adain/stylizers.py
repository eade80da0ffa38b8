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
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from tfstyle.adain import embeddings, regional, saved_models, tiling
from tfstyle.adain.model import StyleModel, check_image
from tfstyle.controls import color, finishing
from tfstyle.controls.regions import Regions, whole
from tfstyle.controls.settings import Controls
from tfstyle.features import convolution, memory
from tfstyle.pretrained import presets

Embedding = Any


class Painter(Protocol):
    """A model; images are arrays `(height, width, 3)`, RGB in [0, 1]."""

    def embed(
        self,
        styles: Sequence[np.ndarray],
        shares: Sequence[float] | None = None,
        detail: Sequence[str] = ("all",),
        regions: Regions | None = None,
    ) -> Embedding:
        """The blend of some styles, or those of regions, for `paint`.

        Raises:
            ValueError: An image or a share is not what it should be, or the
                model cannot do it.
        """

    def blend(
        self, each: Sequence[Embedding], shares: Sequence[float] | None
    ) -> Embedding:
        """The blend of what `embed` gave for some styles, one by one.

        Raises:
            ValueError: The model cannot do it.
        """

    def paint(
        self,
        content: np.ndarray,
        style: Embedding,
        strength: float = 1.0,
        regions: Regions | None = None,
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
        return saved_models.from_hub(name)
    if pathlib.Path(name, "saved_model.pb").is_file():
        return saved_models.from_folder(name)
    if name.endswith(".keras"):
        return ModelPainter(_from_keras(name, precision), tile)
    model = StyleModel.from_preset(name, encoder_weights, precision)
    return ModelPainter(model, tile)


def _from_keras(path: str, precision: str) -> StyleModel:
    presets.path(path)
    try:
        stored = keras.saving.load_model(path, compile=False)
    except saved_models.DAMAGED as error:
        raise ValueError(
            f"'{path}' is not a model of Keras, or it is damaged: {error}"
        ) from error
    if not isinstance(stored, StyleModel):
        raise ValueError(
            f"'{path}' is a {type(stored).__name__}, expected a StyleModel, as "
            "tfstyle.train writes it."
        )
    model = StyleModel(**stored.settings, dtype=precision)
    model.set_weights(stored.get_weights())
    return model


_IMAGES = tf.TensorSpec((None, None, None, 3), tf.float32)
_VECTORS = tf.TensorSpec((None, None), tf.float32)


class ModelPainter:
    """A `StyleModel`, compiled; large images are painted in tiles.

    Its weights must not change any more.
    """

    blend = staticmethod(embeddings.blend)

    def __init__(self, model: StyleModel, tile: int) -> None:
        self.tile, self._model = tile, model
        convolution.freeze(model.encoder, model.decoder)
        # With free sizes, so that a folder of images is one trace.
        self._embed = tf.function(model.embed_style, input_signature=[_IMAGES])
        self._apply = tf.function(
            model.apply_style,
            input_signature=[_IMAGES, _VECTORS, tf.TensorSpec((), tf.float32)],
        )
        self._apply_regions = _compiled(model.apply_style)
        self._tiled = tiling.TiledModel(model, tile, _compiled)
        self._encoder = model.settings["encoder"]
        self._seen = tile + 2 * self._tiled.halo

    def embed(self, styles, shares=None, detail=("all",), regions=None):
        """See `Painter`."""
        for style in styles:
            check_image(style)
            memory.check_pass(self._encoder, style.shape[:2])
        mix = None if shares is None else tuple(shares)
        controls = Controls(style_mix=mix, style_detail=tuple(detail))
        controls.check_styles(
            len(styles), regions is not None and regions.apart
        )
        parts = (regions or whole(len(styles))).parts
        channels = self._model.channels
        return regional.embed(self._embedded, channels, styles, controls, parts)

    def _embedded(self, style, masks):
        if masks is None:
            return self._embed(style)
        return self._model.embed_style(style, masks)

    def paint(self, content, style, strength=1.0, regions=None):
        """See `Painter`."""
        check_image(content)
        memory.check_pass(self._encoder, content.shape[:2], self._seen)
        masks = None
        if regions is not None:
            levels = list(self._model.channels)
            masks = regional.content_masks(
                regions.parts, content.shape[:2], levels
            )
        if max(content.shape[:2]) > self.tile:
            return self._tiled.apply_style(
                content, style.numpy(), strength, masks
            )
        if masks is not None:
            image = self._apply_regions(content[None], style, strength, masks)
            return image[0].numpy()
        return self._apply(content[None], style, strength)[0].numpy()


def _compiled(function):
    return tf.function(function, reduce_retracing=True)


class FinishingPainter:
    """A painter whose results keep what they should of each photograph.

    Args:
        painter: It paints.
        controls: Say what: `color`, `photorealistic`.
    """

    def __init__(self, painter: Painter, controls: Controls) -> None:
        self.painter, self.controls = painter, controls

    def embed(self, styles, shares=None, detail=("all",), regions=None):
        """See `Painter`."""
        embedding = self.painter.embed(styles, shares, detail, regions)
        if self.controls.color == "style":
            return embedding
        return styles, shares, detail  # Embedded anew for each photograph.

    def paint(self, content, style, strength=1.0, regions=None):
        """See `Painter`."""
        photo, embedding = content, style
        if self.controls.color != "style":
            styles, shares, detail = style
            photo, styles = color.prepare(content, styles, self.controls.color)
            embedding = self.painter.embed(styles, shares, detail, regions)
        picture = self.painter.paint(photo, embedding, strength, regions)
        return finishing.finish(picture, content, self.controls, regions)

    def blends(
        self,
        content: np.ndarray,
        styles: Sequence[np.ndarray],
        mixes: Iterable[Sequence[float]],
        strength: float = 1.0,
    ) -> Iterator[np.ndarray]:
        """Pictures of one photograph in blends of styles, each embedded once.

        Args:
            content: The photograph.
            styles: The style images.
            mixes: For each picture the shares of the styles.
            strength: From 0, the photograph, to 1.

        Raises:
            ValueError: As `embed`, `blend` and `paint`.
        """
        photo, styles = color.prepare(content, styles, self.controls.color)
        each = [self.painter.embed([style]) for style in styles]
        for mix in mixes:
            embedding = self.painter.blend(each, mix)
            picture = self.painter.paint(photo, embedding, strength)
            yield finishing.finish(picture, content, self.controls, None)
