"""SavedModels as stylizers: ours, and those called as Magenta's is.

Each becomes a `stylizers.Stylizer` for whole pictures in whole styles.
"""

import warnings
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfstyle import images
from tfstyle.adain import embeddings
from tfstyle.adain.stylizers import Style, check_image
from tfstyle.controls.regions import Regions
from tfstyle.controls.settings import Controls
from tfstyle.pretrained import cache

DAMAGED = (
    *(LookupError, OSError, TypeError, ValueError),
    *(tf.errors.OpError, zipfile.BadZipFile, zlib.error),
)
"""What libraries raise for files that are damaged."""


def from_hub(handle: str) -> "CallableStylizer":
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
    return CallableStylizer(loaded)


def from_folder(folder: str) -> "ServedStylizer | CallableStylizer":
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
    return ServedStylizer(loaded) if ours else CallableStylizer(loaded)


class ServedStylizer:
    """Runs a SavedModel with the signatures of `export.saved_model`."""

    def __init__(self, loaded: Any) -> None:
        self._model = loaded  # Its variables live as long as it.
        self._embed = loaded.signatures["embed_style"]
        self._apply = loaded.signatures["apply_style"]

    def check(
        self,
        styles: Sequence[np.ndarray],
        controls: Controls = Controls(),
        regions: Regions | None = None,
    ) -> None:
        """See `stylizers.Stylizer`."""
        _check_whole(controls, regions)
        for style in styles:
            check_image(style)

    def embed(
        self,
        styles: Sequence[np.ndarray],
        controls: Controls = Controls(),
        regions: Regions | None = None,
    ) -> Style:
        """See `stylizers.Stylizer`."""
        self.check(styles, controls, regions)
        each = [
            self._embed(style_image=tf.constant(style[None]))["style_embedding"]
            for style in styles
        ]
        return Style(embeddings.blend(each, controls.style_mix), regions)

    def stylize(
        self, photo: np.ndarray, style: Style, strength: float = 1.0
    ) -> np.ndarray:
        """See `stylizers.Stylizer`."""
        check_image(photo)
        result = self._apply(
            content_image=tf.constant(photo[None]),
            style_embedding=style.embedding,
            strength=tf.constant([strength], tf.float32),
        )
        return _pasted(result["stylized_image"][0].numpy(), photo, style)


class CallableStylizer:
    """Runs a SavedModel that is called with contents and styles.

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

    def check(
        self,
        styles: Sequence[np.ndarray],
        controls: Controls = Controls(),
        regions: Regions | None = None,
    ) -> None:
        """See `stylizers.Stylizer`."""
        _check_whole(controls, regions)
        if len(styles) != 1:
            raise ValueError(
                "This SavedModel takes one style. Received: "
                f"{len(styles)} styles"
            )

    def embed(
        self,
        styles: Sequence[np.ndarray],
        controls: Controls = Controls(),
        regions: Regions | None = None,
    ) -> Style:
        """See `stylizers.Stylizer`; the model has no embeddings."""
        self.check(styles, controls, regions)
        return Style(images=styles, regions=regions)

    def stylize(
        self, photo: np.ndarray, style: Style, strength: float = 1.0
    ) -> np.ndarray:
        """See `stylizers.Stylizer`."""
        if strength != 1:
            raise ValueError(
                "This SavedModel knows one strength. Received: "
                f"strength={strength}"
            )
        image = self._answer(photo, style.images[0])
        picture = np.clip(image, 0, 1)
        picture = images.resize(picture, *photo.shape[:2])
        return _pasted(picture, photo, style)

    def _answer(self, photo: np.ndarray, style: np.ndarray) -> np.ndarray:
        """The image that the model gives, whose size may be another."""
        given = [tf.constant(image[None]) for image in (photo, style)]
        try:
            found = self._model(*given)[0]
        except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
            sizes = [f"{x.shape[1]}x{x.shape[0]}" for x in (photo, style)]
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
        return image[0]


def _check_whole(controls: Controls, regions: Regions | None) -> None:
    """Raises `ValueError` unless a SavedModel can do it."""
    guides = regions is not None and regions.guides
    if guides or set(controls.style_detail) != {"all"}:
        raise ValueError(
            "A SavedModel paints whole pictures with whole styles: masks of "
            "several styles or of parts of a style, maps and `style_detail` "
            "need a model of this package, or its .h5 or .keras file."
        )


def _pasted(picture: np.ndarray, photo: np.ndarray, style: Style) -> np.ndarray:
    regions = style.regions
    return picture if regions is None else regions.paste(picture, photo)


def _is_finite(image: np.ndarray) -> bool:
    return image.dtype.kind == "f" and bool(np.isfinite(image).all())
