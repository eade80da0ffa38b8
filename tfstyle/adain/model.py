"""`StyleModel`: an AdaIN model for image arrays, with presets in files.

model = StyleModel.from_preset("distilled")
picture = model.stylize(photograph, style)
"""

import os
import pathlib
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from tfstyle import features
from tfstyle.adain import specialization
from tfstyle.adain.config import START_SIZE, SpecializeConfig
from tfstyle.adain.network import StyleNetwork
from tfstyle.adain.stylizers import ControlledStylizer, KerasStylizer
from tfstyle.controls.regions import Regions
from tfstyle.controls.settings import Controls
from tfstyle.features import convolution
from tfstyle.fitting import data
from tfstyle.images import conversion
from tfstyle.images.conversion import ImageLike
from tfstyle.pretrained import hdf5, presets
from tfstyle.runtime import checks, files
from tfstyle.runtime.progress import OnStep
from tfstyle.runtime.types import Path


@keras.saving.register_keras_serializable(package="tfstyle")
class StyleModel(StyleNetwork):
    """Keras model that gives photographs the style of pictures in one pass.

    `stylize` takes image arrays of any size from 16 pixels up; the methods of
    `StyleNetwork` take and return tensors.

    `fit` takes batches `((contents, styles),)`, after `compile` got an
    `objective`; the model trains on every Keras backend.

    Args:
        encoder: Name of the encoder network, see `features.network`.
        levels: Layers of the encoder where the style is applied, shallow to
            deep; the first may be `topology.IMAGE`, the pixels themselves.
        widths: Channels of the decoder's stages, see `decoder.build`.
        depths: Convolutions of the decoder's stages.
        train_encoder: Whether the encoder is trained, too.
        scale: Factor of the encoder's maps before they are decoded: brings
            those of published networks from hundreds to about 1.
        modulation: Units of the network that modulates the decoder by the
            style; 0 for none.
        styles: Style images that the model was specialized to, see
            `presets.pack_style`.
        **kwargs: Arguments of `keras.Model`; `dtype` is a precision or policy.

    Example, with the model of this package:

        model = StyleModel.from_preset("distilled")
        picture = model.stylize(photograph, style)
    """

    @classmethod
    def from_preset(
        cls,
        name: Path,
        encoder_weights: Path | None = None,
        dtype: Any = "float32",
    ) -> "StyleModel":
        """Loads a trained model.

        Args:
            name: Key of `presets.FILES` such as `"distilled"`, or the path of
                a file that `save_preset`, `save_whole` or Keras wrote.
            encoder_weights: File of the encoder's weights, where the preset
                has none: a path, or `None` for the published file; see
                `weights.resolve`.
            dtype: Precision (`"float32"`, `"bfloat16"`) or Keras policy.

        Raises:
            ValueError: There is no such preset, or a file is damaged or of
                another kind.
            FileNotFoundError: There is no such file, or the encoder's weights
                are not at hand.
        """
        if presets.path(name).suffix == ".keras":
            return _stored(name, dtype)
        settings, arrays = presets.load(name)
        try:
            with convolution.weights_follow():
                model = cls(**settings, dtype=dtype)
        except (LookupError, TypeError, ValueError) as error:
            raise ValueError(
                f"The settings in '{name}' make no model: {error!r}. Take an "
                "undamaged copy."
            ) from error
        model._assign(arrays, name)
        if not model.encoder.trainable:
            features.assign(model.encoder, settings["encoder"], encoder_weights)
        return model

    def save_preset(self, path: Path) -> None:
        """Writes the trained weights as float16, for `from_preset`.

        Raises:
            ValueError: A weight is not finite as float16.
            OSError: The file cannot be written.
        """
        arrays = {
            layer.name: tuple(layer.get_weights()) for layer in self._trained()
        }
        presets.save(path, self.settings, arrays)

    def save_whole(self, path: Path) -> None:
        """Writes a .keras file, without optimizer and in float32.

        Unlike `save`, it replaces an older file once the new one is whole.

        Raises:
            OSError: The file cannot be written.
        """
        with tempfile.TemporaryDirectory() as folder:
            made = pathlib.Path(folder, "model.keras")
            try:
                self.plain().save(made)
            except OSError as error:
                error.filename = os.fspath(made)  # Keras names no file.
                raise
            with files.atomic(path) as file:
                file.write(made.read_bytes())

    def plain(self) -> "StyleModel":
        """Returns a copy in float32, without optimizer."""
        with convolution.weights_follow():
            model = StyleModel(**self.settings)
        model.set_weights(self.get_weights())
        return model

    def stylize(
        self,
        contents: ImageLike,
        styles: ImageLike | Sequence[ImageLike] | None = None,
        alpha: float = 1.0,
        style_mix: Sequence[float] | None = None,
        color: str = "style",
        style_detail: Sequence[str] = ("all",),
        regions: Regions | None = None,
        photorealistic: bool = False,
        start_size: int = START_SIZE,
    ) -> np.ndarray:
        """Gives photographs a style, or a blend of several.

        Args:
            contents: Photograph: an array or tensor, a Pillow image or a path,
                see `tfstyle.images.conversion`; or an array of several
                photographs of one size, `(batch, height, width, 3)`, each
                stylized separately.
            styles: Style image, or several, of any size. Strokes have the size
                that they have in the style image; the models of this package
                learned from crops of 128 to 256 pixels. `None` for those
                inside a specialized model.
            alpha: Strength of the style, from 0 (the photograph) to 1.
            style_mix: Share of each style, divided by their sum; `None` for
                equal shares.
            color: Source of the colors, one of `COLORS`; see `controls.color`.
            style_detail: Layers that each style is used for: `"coarse"`,
                `"fine"` or `"all"`; one value for all styles, or one for each.
                See `Controls`.
            regions: Regions of the photograph for each style, and of the
                styles; outside of them the photograph stays as it is.
            photorealistic: Whether the photograph's surfaces and edges stay.
            start_size: Least longer side, in pixels, at which large
                photographs are painted first; 0 to paint at once, see
                `TransferConfig`.

        Returns:
            Array of shape `(height, width, 3)`, float32, RGB in [0, 1]; for a
            batch `(batch, height, width, 3)`.

        Raises:
            ValueError: An image or a control is invalid.
            MemoryError: An image is too large for the memory at hand.
        """
        checks.fraction("alpha", alpha)
        checks.whole("start_size", start_size)
        images = self._given(styles)
        if isinstance(style_detail, str):
            style_detail = (style_detail,)
        controls = Controls(
            strength=alpha,
            style_mix=None if style_mix is None else tuple(style_mix),
            style_detail=tuple(style_detail),
            color=color,
            photorealistic=photorealistic,
        )
        photos = conversion.to_images(contents)
        batch = conversion.is_batch(contents)
        if not photos or (len(photos) != 1 and not batch):
            raise ValueError(
                "`contents` must be one photograph, or an array of one or "
                "more: stylize those of a list by themselves. Received: a "
                f"{type(contents).__name__} of {len(photos)}"
            )
        if regions is not None:
            for photo in photos:
                regions.check(photo, len(images))
        stylizer = ControlledStylizer(KerasStylizer(self), start_size)
        style = stylizer.embed(images, controls, regions)
        pictures = [stylizer.stylize(photo, style, alpha) for photo in photos]
        return np.stack(pictures) if batch else pictures[0]

    @property
    def styles(self) -> list[np.ndarray]:
        """Style images that the model was specialized to; RGB in [0, 1]."""
        return [presets.unpack_style(x) for x in self.settings["styles"]]

    def specialize(
        self,
        styles: ImageLike | Sequence[ImageLike],
        contents: ImageLike | Sequence[ImageLike] | None = None,
        config: SpecializeConfig | None = None,
        on_step: OnStep | None = None,
    ) -> "StyleModel":
        """Fits a copy of the model to one style, or to a few.

        The copy paints this style better, as fast, and holds the style images:
        its `stylize` needs none.

        Args:
            styles: Style image, or several.
            contents: Photographs to learn from, hundreds if possible; see
                `tfstyle.images.conversion`. Six of 24 or more are held out, by
                which the weight of the style is found. `None` for scenes made
                from numbers, see `tfstyle.fitting.dead_leaves`.
            config: Settings; `None` for the defaults.
            on_step: Callback that receives the progress; returning true ends
                the training. See `tfstyle.Progress`.

        Raises:
            ValueError: An image, or the file of the loss network, is wrong.
            FileNotFoundError: The loss network's weights are not at hand.
            FloatingPointError: The loss was not finite.
            MemoryError: A batch would not fit in memory.

        Example:
            model = StyleModel.from_preset("distilled")
            wave = model.specialize("wave.jpg", photographs)
            picture = wave.stylize(photograph)
        """
        config = config or SpecializeConfig()
        photographs = (
            specialization.scenes(config.seed)
            if contents is None
            else data.split(conversion.to_images(contents))
        )
        return specialization.specialize(
            self,
            conversion.to_images(styles),
            *photographs,
            config,
            on_step=on_step,
        )

    def _given(
        self, styles: ImageLike | Sequence[ImageLike] | None
    ) -> list[np.ndarray]:
        """Returns the style images, or those inside if none are given."""
        if styles is not None:
            return conversion.to_images(styles)
        if not self.settings["styles"]:
            raise ValueError(
                "`styles` must name style images: only a model from "
                "`specialize` has some inside. Received: styles=None"
            )
        return self.styles

    def _trained(self) -> Iterator[keras.layers.Layer]:
        parts = [self.encoder] if self.settings["train_encoder"] else []
        for part in [*parts, self.decoder]:
            for layer in part.layers:
                if isinstance(layer, keras.layers.Conv2D):
                    yield layer

    def _assign(self, arrays: hdf5.Arrays, path: Path) -> None:
        for layer in self._trained():
            try:
                layer.set_weights(list(arrays[layer.name]))
            except (KeyError, ValueError) as error:
                settings = self.settings | {"styles": len(self.styles)}
                raise ValueError(
                    f"'{path}' does not fit its own settings {settings} in "
                    f"layer {layer.name}: take an undamaged copy."
                ) from error


# What Keras raises for damaged files.
_DAMAGED = (
    *(LookupError, OSError, TypeError, ValueError),
    *(zipfile.BadZipFile, zlib.error),
)


def _stored(name: Path, dtype: Any) -> StyleModel:
    """Loads a .keras file; see `StyleModel.from_preset`."""
    try:
        with convolution.weights_follow():
            stored = keras.saving.load_model(name, compile=False)
    except _DAMAGED as error:
        raise ValueError(
            f"'{name}' is not a Keras model, or it is damaged: {error}"
        ) from error
    if not isinstance(stored, StyleModel):
        raise ValueError(
            f"'{name}' must be a StyleModel, as tfstyle.train writes it. "
            f"Received: a {type(stored).__name__}"
        )
    with convolution.weights_follow():
        model = StyleModel(**stored.settings, dtype=dtype)
    model.set_weights(stored.get_weights())
    return model
