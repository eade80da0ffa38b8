"""SavedModels that paint: ours, and such as are called as Magenta's is.

Each becomes a `painters.Painter` for whole pictures in whole styles.
"""

import warnings
import zipfile
import zlib
from typing import Any

import numpy as np
import tensorflow as tf

from tfstyle import images
from tfstyle.adain import embeddings
from tfstyle.adain.model import check_image
from tfstyle.pretrained import cache

DAMAGED = (
    *(LookupError, OSError, TypeError, ValueError),
    *(tf.errors.OpError, zipfile.BadZipFile, zlib.error),
)
"""What libraries raise for files that are damaged."""


def from_hub(handle: str) -> "CallablePainter":
    """A model of TensorFlow Hub.

    Args:
        handle: Its address.

    Raises:
        ValueError: The network is forbidden, a package is missing, or there
            is no such model.
    """
    if cache.is_offline():
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
        loaded = tensorflow_hub.load(handle)
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ValueError(
            f"'{handle}' could not be loaded from TensorFlow Hub: {error}"
        ) from error
    return CallablePainter(loaded)


def from_folder(folder: str) -> "SignaturePainter | CallablePainter":
    """A model by the signatures or the call that it has.

    Args:
        folder: Of a SavedModel.

    Raises:
        ValueError: It is damaged, or has neither.
    """
    try:
        loaded = tf.saved_model.load(folder)
    except DAMAGED as error:
        raise ValueError(
            f"'{folder}' is no SavedModel that can be loaded, or it is "
            f"damaged: {' '.join(str(error).split())}"
        ) from error
    ours = {"embed_style", "apply_style"} <= set(loaded.signatures)
    return SignaturePainter(loaded) if ours else CallablePainter(loaded)


class SignaturePainter:
    """A SavedModel with the signatures of `export.saved_model`."""

    blend = staticmethod(embeddings.blend)

    def __init__(self, loaded: Any) -> None:
        self._model = loaded  # Its variables live as long as it.
        self._embed = loaded.signatures["embed_style"]
        self._apply = loaded.signatures["apply_style"]

    def embed(self, styles, shares=None, detail=("all",), regions=None):
        """See `painters.Painter`."""
        _check_whole(detail, regions)
        for style in styles:
            check_image(style)
        each = [
            self._embed(style_image=tf.constant(style[None]))["style_embedding"]
            for style in styles
        ]
        return self.blend(each, shares)

    def paint(self, content, style, strength=1.0, regions=None):
        """See `painters.Painter`."""
        check_image(content)
        result = self._apply(
            content_image=tf.constant(content[None]),
            style_embedding=style,
            strength=tf.constant([strength], tf.float32),
        )
        return _pasted(result["stylized_image"][0].numpy(), content, regions)


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
        """See `painters.Painter`."""
        _check_whole(detail, regions)
        return self.blend(
            [tf.constant(style[None]) for style in styles], shares
        )

    def blend(self, each, shares):
        """See `painters.Painter`."""
        if len(each) != 1:
            raise ValueError(
                f"This SavedModel takes one style. Received: {len(each)} styles"
            )
        return each[0]

    def paint(self, content, style, strength=1.0, regions=None):
        """See `painters.Painter`."""
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


def _is_finite(image):
    return image.dtype.kind == "f" and bool(np.isfinite(image).all())
