"""SavedModels and TensorFlow Hub models as stylizers.

A SavedModel is one that `export.saved_model` wrote, or one that is called like
Magenta's arbitrary-image-stylization. It becomes a `stylizers.Stylizer` that
takes no regions within styles and no `style_detail`.
"""

import contextlib
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfstyle import images
from tfstyle.adain import embeddings
from tfstyle.adain.stylizers import Style, check_image
from tfstyle.controls.regions import Regions
from tfstyle.controls.settings import Controls
from tfstyle.pretrained import cache

# What TensorFlow raises for damaged files.
_DAMAGED = LookupError, OSError, TypeError, ValueError, tf.errors.OpError


def from_hub(handle: str) -> "CallableStylizer":
    """Loads a model from TensorFlow Hub.

    Args:
        handle: Address of the model, such as `"https://tfhub.dev/..."`.

    Raises:
        ValueError: TFSTYLE_OFFLINE forbids the network, a package is missing,
            or there is no such model.
    """
    if cache.is_offline():
        raise ValueError(
            f"'{handle}' is on the network, which TFSTYLE_OFFLINE forbids. "
            "Name the folder of a downloaded SavedModel instead."
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
    """Loads a SavedModel, by its signatures or as a callable.

    Args:
        folder: Folder of the SavedModel.

    Raises:
        ValueError: The SavedModel is damaged, or has neither the signatures
            `embed_style` and `apply_style` nor a call.
    """
    try:
        loaded = tf.saved_model.load(folder)
    except _DAMAGED as error:
        raise ValueError(
            f"'{folder}' is not a SavedModel that can be loaded, or it is "
            f"damaged: {' '.join(str(error).split())}"
        ) from error
    ours = {"embed_style", "apply_style"} <= set(loaded.signatures)
    return ServedStylizer(loaded) if ours else CallableStylizer(loaded)


class ServedStylizer:
    """Runs a SavedModel with the signatures of `export.saved_model`."""

    def __init__(self, loaded: Any) -> None:
        self._model = loaded  # Variables live as long as the model.
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
        with _refusals():
            answers = [
                self._embed(style_image=tf.constant(style[None]))
                for style in styles
            ]
        each = [answer["style_embedding"] for answer in answers]
        return Style(embeddings.blend(each, controls.style_mix), regions)

    def stylize(
        self, photo: np.ndarray, style: Style, strength: float = 1.0
    ) -> np.ndarray:
        """See `stylizers.Stylizer`."""
        check_image(photo)
        with _refusals():
            result = self._apply(
                content_image=tf.constant(photo[None]),
                style_embedding=style.embedding,
                strength=tf.constant([strength], tf.float32),
            )
        return result["stylized_image"][0].numpy()


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Turns what a graph asserts into a `ValueError`."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        text = " ".join(error.message.split())
        # A message is followed by the node, and led by where that is defined.
        if found := re.search(r"assertion failed: \[(.*?)\] (.*) \[\[", text):
            text = " ".join(found.groups())
        raise ValueError(f"The SavedModel refuses a picture: {text}") from error


class CallableStylizer:
    """Runs a SavedModel that is called with contents and styles.

    Such a model is Magenta's arbitrary-image-stylization on TensorFlow Hub. It
    takes one style at full strength. Results of another size are resized to
    that of the photograph.
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
        """See `stylizers.Stylizer`; the style keeps its image instead."""
        self.check(styles, controls, regions)
        return Style(images=styles, regions=regions)

    def stylize(
        self, photo: np.ndarray, style: Style, strength: float = 1.0
    ) -> np.ndarray:
        """See `stylizers.Stylizer`."""
        if strength != 1:
            raise ValueError(
                "This SavedModel has one strength: `strength` must be 1. "
                f"Received: strength={strength}"
            )
        image = self._answer(photo, style.images[0])
        return images.resize(np.clip(image, 0, 1), *photo.shape[:2])

    def _answer(self, photo: np.ndarray, style: np.ndarray) -> np.ndarray:
        """Returns the model's image, which may have another size."""
        given = [tf.constant(image[None]) for image in (photo, style)]
        try:
            answer = self._model(*given)
        except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
            sizes = [f"{x.shape[1]}x{x.shape[0]}" for x in (photo, style)]
            raise ValueError(
                f"The SavedModel cannot take a photograph of {sizes[0]} pixels "
                f"with a style of {sizes[1]}: try other sizes."
            ) from error
        is_list = isinstance(answer, list | tuple) and len(answer) > 0
        if not is_list or not _is_image(image := np.asarray(answer[0])):
            shapes = tf.nest.map_structure(lambda x: tuple(x.shape), answer)
            raise ValueError(
                "The SavedModel must return a list of RGB images with finite "
                f"values. Received shapes: {shapes}"
            )
        return image[0]


def _check_whole(controls: Controls, regions: Regions | None) -> None:
    """Raises `ValueError` if controls or regions need a Keras model."""
    guides = regions is not None and regions.guides
    if guides or set(controls.style_detail) != {"all"}:
        raise ValueError(
            "A SavedModel uses each style as a whole: masks of several styles "
            "or of parts of a style, maps and `style_detail` need a model of "
            "this package, or its .h5 or .keras file."
        )


def _is_image(array: np.ndarray) -> bool:
    shaped = array.ndim == 4 and array.shape[-1] == 3
    return shaped and array.dtype.kind == "f" and bool(np.isfinite(array).all())
