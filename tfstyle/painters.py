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
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from tfstyle import (
    adain,
    color,
    embeddings,
    finishing,
    guided,
    images,
    presets,
    tiles,
    weight_cache,
)
from tfstyle.controls import Controls
from tfstyle.regions import Regions, whole

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
        return CallablePainter(_from_hub(name))
    if pathlib.Path(name, "saved_model.pb").is_file():
        loaded = _from_saved_model(name)
        ours = {"embed_style", "apply_style"} <= set(loaded.signatures)
        return SignaturePainter(loaded) if ours else CallablePainter(loaded)
    if name.endswith(".keras"):
        return ModelPainter(_from_keras(name, precision), tile)
    model = adain.StyleModel.from_preset(name, encoder_weights, precision)
    return ModelPainter(model, tile)


def _from_hub(handle: str) -> Any:
    if weight_cache.is_offline():
        raise ValueError(
            f"'{handle}' is on the network, which TFSTYLE_OFFLINE forbids. "
            "Give the folder of a SavedModel that was downloaded."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It imports pkg_resources.
            import tensorflow_hub
    except ImportError as error:
        raise ValueError(
            f"'{handle}' needs TensorFlow Hub: pip install "
            "tensorflow-hub tf-keras 'setuptools<81'."
        ) from error
    try:
        return tensorflow_hub.load(handle)
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ValueError(
            f"'{handle}' could not be loaded from TensorFlow Hub: {error}"
        ) from error


def _from_saved_model(folder: str) -> Any:
    try:
        return tf.saved_model.load(folder)
    except _DAMAGED as error:
        raise ValueError(
            f"'{folder}' is no SavedModel that can be loaded, or it is "
            f"damaged: {' '.join(str(error).split())}"
        ) from error


def _from_keras(path: str, precision: str) -> adain.StyleModel:
    presets.path(path)
    try:
        stored = keras.saving.load_model(path, compile=False)
    except _DAMAGED as error:
        raise ValueError(
            f"'{path}' is not a model of Keras, or it is damaged: {error}"
        ) from error
    if not isinstance(stored, adain.StyleModel):
        raise ValueError(
            f"'{path}' is a {type(stored).__name__}, expected a StyleModel, as "
            "tfstyle.train writes it."
        )
    model = adain.StyleModel(**stored.settings, dtype=precision)
    model.set_weights(stored.get_weights())
    return model


# What libraries raise for files that are damaged.
_DAMAGED = (
    *(LookupError, OSError, TypeError, ValueError),
    *(tf.errors.OpError, zipfile.BadZipFile, zlib.error),
)
_IMAGES = tf.TensorSpec((None, None, None, 3), tf.float32)
_VECTORS = tf.TensorSpec((None, None), tf.float32)


class ModelPainter:
    """A `StyleModel`, compiled; large images are painted in tiles."""

    def __init__(self, model: adain.StyleModel, tile: int) -> None:
        self.tile, self._model = tile, model
        # With free sizes, so that a folder of images is one trace.
        self._embed = tf.function(model.embed_style, input_signature=[_IMAGES])
        self._apply = tf.function(
            model.apply_style,
            input_signature=[_IMAGES, _VECTORS, tf.TensorSpec((), tf.float32)],
        )
        self._apply_regions = _compiled(model.apply_style)
        self._tiled = tiles.TiledModel(model, tile, _compiled)

    def embed(self, styles, shares=None, detail=("all",), regions=None):
        """See `Painter`."""
        for style in styles:
            adain.check_image(style)
        mix = None if shares is None else tuple(shares)
        controls = Controls(style_mix=mix, style_detail=tuple(detail))
        controls.check_styles(
            len(styles), regions is not None and regions.apart
        )
        parts = (regions or whole(len(styles))).parts
        channels = self._model.channels
        return guided.embed(self._embedded, channels, styles, controls, parts)

    def _embedded(self, style, masks):
        if masks is None:
            return self._embed(style)
        return self._model.embed_style(style, masks)

    def paint(self, content, style, strength=1.0, regions=None):
        """See `Painter`."""
        adain.check_image(content)
        masks = None
        if regions is not None:
            levels = list(self._model.channels)
            masks = guided.content_masks(
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


def _check_whole(detail, regions):
    """Raises `ValueError` unless a SavedModel can do it."""
    guides = regions is not None and regions.guides
    if guides or set(detail) != {"all"}:
        raise ValueError(
            "A SavedModel paints whole pictures with whole styles: masks of "
            "several styles or of parts of a style, maps and `style_detail` "
            "need a model of this package, or its .h5 or .keras file."
        )


def _pasted(painted, content, regions):
    return painted if regions is None else regions.paste(painted, content)


class SignaturePainter:
    """A SavedModel with the signatures of `export.saved_model`."""

    def __init__(self, loaded: Any) -> None:
        self._model = loaded  # Its variables live as long as it.
        self._embed = loaded.signatures["embed_style"]
        self._apply = loaded.signatures["apply_style"]

    def embed(self, styles, shares=None, detail=("all",), regions=None):
        """See `Painter`."""
        _check_whole(detail, regions)
        for style in styles:
            adain.check_image(style)
        each = [
            self._embed(style_image=tf.constant(style[None]))["style_embedding"]
            for style in styles
        ]
        return embeddings.blend(each, shares)

    def paint(self, content, style, strength=1.0, regions=None):
        """See `Painter`."""
        adain.check_image(content)
        result = self._apply(
            content_image=tf.constant(content[None]),
            style_embedding=style,
            strength=tf.constant([strength], tf.float32),
        )
        return _pasted(result["stylized_image"][0].numpy(), content, regions)


def _is_finite(image):
    return image.dtype.kind == "f" and bool(np.isfinite(image).all())


class CallablePainter:
    """A SavedModel that is called with contents and styles.

    As Magenta's arbitrary-image-stylization on TensorFlow Hub: one style, at
    its full strength. Its results may have other sizes; they are given the
    photograph's.
    """

    def __init__(self, loaded: Any) -> None:
        if not callable(loaded):
            raise ValueError(
                "The SavedModel has neither the signatures embed_style and "
                "apply_style nor a call with contents and styles."
            )
        self._model = loaded

    def embed(self, styles, shares=None, detail=("all",), regions=None):
        """See `Painter`."""
        _check_whole(detail, regions)
        if len(styles) != 1:
            raise ValueError(
                "This SavedModel takes one style. Received: "
                f"{len(styles)} styles"
            )
        return tf.constant(styles[0][None])

    def paint(self, content, style, strength=1.0, regions=None):
        """See `Painter`."""
        if strength != 1:
            raise ValueError(
                "This SavedModel knows one strength. Received: "
                f"strength={strength}"
            )
        try:
            found = self._model(tf.constant(content[None]), style)[0]
        except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
            sizes = [f"{x.shape[-2]}x{x.shape[-3]}" for x in (content, style)]
            raise ValueError(
                f"The SavedModel takes no photograph of {sizes[0]} pixels with "
                f"a style of {sizes[1]}: it may want other sizes of them."
            ) from error
        image = np.asarray(found)
        if image.ndim != 4 or image.shape[-1] != 3 or not _is_finite(image):
            raise ValueError(
                "The SavedModel must answer a list of images, whose values are "
                f"finite. Received: {image.dtype} of shape {image.shape}"
            )
        picture = np.clip(image[0], 0, 1)
        picture = images.resize(picture, *content.shape[:2])
        return _pasted(picture, content, regions)


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
        """
        photo, styles = color.prepare(content, styles, self.controls.color)
        each = [self.painter.embed([style]) for style in styles]
        for mix in mixes:
            embedding = embeddings.blend(each, mix)
            picture = self.painter.paint(photo, embedding, strength)
            yield finishing.finish(picture, content, self.controls, None)
