"""Any style in one pass: an encoder, AdaIN and a decoder.

The style of a picture is the mean and deviation of each channel of its feature
maps. The model gives the maps of a photograph those of a style picture
(AdaIN), and decodes them. All that is done with styles is arithmetic with
these numbers, the style embedding: a strength below 1 moves from the
embedding of the photograph to that of the style, by `embeddings.share` of the
way, and styles are mixed by the weighted mean of theirs (Huang and Belongie,
eqs. 14 and 15).

Beyond the paper, AdaIN can be at several depths of the encoder, not at the
deepest alone: the decoder receives the maps of each; the embedding can modulate
the decoder, too; and the encoder can be trained with the decoder.

Reference: Huang and Belongie, "Arbitrary Style Transfer in Real-time with
Adaptive Instance Normalization", ICCV 2017.
"""

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tfstyle import features, losses
from tfstyle.adain import decoder, embeddings, regional
from tfstyle.adain.decoder import scale_and_shift
from tfstyle.controls import color as colors
from tfstyle.controls import finishing
from tfstyle.controls.regions import Regions, whole
from tfstyle.controls.settings import Controls
from tfstyle.features import memory
from tfstyle.features.layers import MirrorPadding
from tfstyle.images import conversion
from tfstyle.images.conversion import ImageLike
from tfstyle.pretrained import presets, topology
from tfstyle.runtime import devices

Tensor = Any
# Shorter sides need as much: the encoder mirrors 16 pixels at once.
SMALLEST = 16


@keras.saving.register_keras_serializable(package="tfstyle")
class AdaIN(keras.layers.Layer):
    """Gives feature maps the channel moments of a style.

    The layer has no weights. Statistics are float32 whatever the precision.

    Args:
        epsilon: Added to the variances.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        content: Shape `(batch, height, width, channels)`.
        style: Mean and deviation, as `losses.channel_moments` gives them:
            shapes `(batch, 1, 1, channels)`.
        own: Those of the content; found if not given.

    Output shape:
        That of `content`.

    Reference:
        Huang and Belongie 2017, eq. 8.
    """

    def __init__(self, epsilon=1e-5, **kwargs):
        super().__init__(autocast=False, **kwargs)  # Statistics stay float32.
        self.epsilon = epsilon

    def call(self, content, style, own=None):
        mean, deviation = own or losses.channel_moments(content, self.epsilon)
        scale = style[1] / deviation
        shift = style[0] - mean * scale
        content = ops.cast(content, self.compute_dtype)
        return scale_and_shift(content, scale, shift)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="tfstyle")
class StyleModel(keras.Model):
    """Paints photographs in the style of pictures, in one pass.

    Images are float32, RGB in [0, 1], of any size from `SMALLEST` pixels up;
    results have the size of the content. `stylize` is for arrays; the other
    methods take and return tensors and can be traced and exported.

    `fit` takes batches `((contents, styles),)`, after `compile` got an
    `objective`; only `compute_loss` is overridden, so the model trains on
    every Keras backend.

    Args:
        encoder: Name of the network, see `features.network`.
        levels: Its layers where the style is applied, shallow to deep; the
            first may be `topology.IMAGE`, the pixels themselves.
        widths: Of the decoder, see `decoder.build`.
        depths: Of the decoder.
        train_encoder: Whether the encoder is trained, too.
        scale: Of the decoder's input, relative to the encoder's maps: brings
            those of published networks, hundreds, to about 1.
        modulation: Of the decoder: units of the network by which it knows the
            style; 0 for none.
        **kwargs: Passed to `keras.Model`; `dtype` is a precision or policy.

    Call arguments:
        inputs: Contents and styles, two batches `(batch, height, width, 3)`.

    Returns:
        Images of the contents' shape, not confined to [0, 1].

    Example, with the model of this package:

        model = StyleModel.from_preset("distilled")
        picture = model.stylize(photograph, style)
    """

    def __init__(
        self,
        encoder,
        levels,
        widths,
        depths,
        train_encoder,
        scale=1.0,
        modulation=0,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.settings = {
            "encoder": encoder,
            "levels": list(levels),
            "widths": list(widths),
            "depths": list(depths),
            "train_encoder": train_encoder,
            "scale": scale,
            "modulation": modulation,
        }
        policy = self.dtype_policy
        shapes = topology.shapes(encoder) | {topology.IMAGE: (3,)}
        self.channels = {level: shapes[level][-1] for level in levels}
        self.encoder = features.network(
            encoder, self.layers_seen(), border="everywhere", dtype=policy
        )
        self.padding = MirrorPadding(
            decoder.MARGIN, dtype="float32", name="padding"
        )
        self.encoder.trainable = train_encoder
        self.adain = AdaIN(dtype=policy, name="adain")
        self.recolour = AdaIN(dtype="float32", name="recolour")
        layers = {level: self.channels[level] for level in self.layers_seen()}
        self.decoder = decoder.build(
            layers,
            widths,
            depths,
            policy,
            embedding=2 * sum(self.channels.values()),
            modulation=modulation,
        )
        self.objective: Any = None
        self.trackers: dict[str, keras.metrics.Mean] = {}
        self.built = True

    @classmethod
    def from_preset(
        cls,
        name: str | os.PathLike[str],
        encoder_weights: str | os.PathLike[str] | None = None,
        dtype: Any = "float32",
    ) -> "StyleModel":
        """A trained model.

        Args:
            name: A key of `presets.FILES`, or the path of a file that
                `save_preset` wrote.
            encoder_weights: Weights of the encoder, where the file has none:
                a path, or `None` for the published file; see
                `weights.resolve`.
            dtype: Precision or policy.

        Raises:
            ValueError: There is no such preset, or a file is not what it
                should be.
            FileNotFoundError: There is no such file, or the encoder's weights
                are not at hand.
        """
        settings, arrays = presets.load(name)
        model = cls(**settings, dtype=dtype)
        model._assign(arrays, name)
        if not model.encoder.trainable:
            features.assign(model.encoder, settings["encoder"], encoder_weights)
        return model

    def save_preset(self, path: str | os.PathLike[str]) -> None:
        """Writes what was trained as float16, for `from_preset`.

        Raises:
            ValueError: A value is not finite as float16.
            OSError: The file cannot be written.
        """
        arrays = {
            layer.name: tuple(layer.get_weights()) for layer in self._trained()
        }
        presets.save(path, self.settings, arrays)

    def _trained(self):
        parts = [self.encoder] if self.encoder.trainable else []
        for part in [*parts, self.decoder]:
            for layer in part.layers:
                if isinstance(layer, keras.layers.Conv2D):
                    yield layer

    def _assign(self, arrays, path):
        for layer in self._trained():
            try:
                layer.set_weights(list(arrays[layer.name]))
            except (KeyError, ValueError) as error:
                raise ValueError(
                    f"'{path}' does not fit its own settings "
                    f"{self.settings}, in layer {layer.name}."
                ) from error

    def stylize(
        self,
        contents: ImageLike,
        styles: ImageLike | Sequence[ImageLike],
        alpha: float = 1.0,
        style_mix: Sequence[float] | None = None,
        color: str = "style",
        style_detail: Sequence[str] = ("all",),
        regions: Regions | None = None,
        photorealistic: bool = False,
    ) -> np.ndarray:
        """Paints photographs in a style, or in a blend of several.

        Args:
            contents: A photograph: an array or tensor, a Pillow image or a
                path, see `tfstyle.images.conversion`; or an array of several
                of one size, `(batch, height, width, 3)`, each painted by
                itself.
            styles: One such image, or several, of any size. Styles look as
                they do at the size given; the models of this package learned
                from crops of 128 to 256 pixels.
            alpha: Strength of the style, from 0 for the photograph to 1.
            style_mix: Share of each style, divided by their sum; `None` for
                equal shares.
            color: Whose colours, one of `COLORS`; see `controls.color`.
            style_detail: What each style is for: `"coarse"`, `"fine"` or
                `"all"`; one for all, or one for each. See `Controls`.
            regions: Where in the photograph each style goes, and from where
                in the style; where there are none the photograph stays.
            photorealistic: Whether surfaces stay the photograph's.

        Returns:
            Array of shape `(height, width, 3)`, float32, RGB in [0, 1]; for a
            batch `(batch, height, width, 3)`.

        Raises:
            ValueError: Images or controls are not what they should be.
            MemoryError: An image is too large to be seen at once.
        """
        styles = conversion.to_images(styles)
        controls = Controls(
            strength=alpha,
            style_mix=None if style_mix is None else tuple(style_mix),
            style_detail=tuple(style_detail),
            color=color,
            photorealistic=photorealistic,
        )
        controls.check_styles(
            len(styles), regions is not None and regions.apart
        )
        pictures = [
            self._paint(photo, styles, controls, regions)
            for photo in conversion.to_images(contents)
        ]
        batch = conversion.is_batch(contents)
        return np.stack(pictures) if batch else pictures[0]

    def _paint(self, content, styles, controls, regions):
        """One photograph, see `stylize`."""
        for image in (content, *styles):
            check_image(image)
            memory.check_pass(self.settings["encoder"], image.shape[:2])
        parts = whole(len(styles)).parts
        if regions is not None:
            regions.check(content, len(styles))
            parts = regions.parts
        photo, prepared = colors.prepare(content, list(styles), controls.color)
        embedding = regional.embed(
            self.embed_style, self.channels, prepared, controls, parts
        )
        masks = regional.content_masks(
            parts, content.shape[:2], list(self.channels)
        )
        image = self.apply_style(
            photo[None], embedding, controls.strength, masks
        )
        picture = ops.convert_to_numpy(image)[0]
        return finishing.finish(picture, content, controls, regions)

    def embed_style(
        self, styles: Tensor, masks: regional.Masks | None = None
    ) -> Tensor:
        """Style embeddings: for each level the means, then the deviations.

        Args:
            styles: Shape `(batch, height, width, 3)`.
            masks: Of a region of one style, see `guided.level_masks`.

        Returns:
            Shape `(batch, 2 * channels of all levels)`, float32.
        """
        return embeddings.join(self.moments(self.encode(styles), masks))

    def apply_style(
        self,
        contents: Tensor,
        embedding: Tensor,
        alpha: Tensor = 1.0,
        masks: regional.Masks | None = None,
    ) -> Tensor:
        """Paints photographs in the style of an embedding.

        Args:
            contents: Shape `(batch, height, width, 3)`.
            embedding: From `embed_style`, or a weighted mean of such: shape
                `(batch or 1, size)`.
            alpha: Strength of the style, from 0 for the photograph to 1: a
                number, or one for each example, shape `(batch,)`.
            masks: Of regions of one photograph, see `guided.content_masks`:
                then `embedding` has a row for each.

        Returns:
            Shape of `contents`, in [0, 1].
        """
        maps = self.encode(contents)
        own = embeddings.join(self.moments(maps, masks))
        alpha = ops.reshape(ops.cast(alpha, "float32"), (-1, 1))
        target = embeddings.move(own, embedding, alpha)
        image = self.paint(maps, own, target, masks)
        return ops.clip(_without_margin(image, contents), 0.0, 1.0)

    def call(self, inputs, training=False):
        contents, styles = inputs
        maps = self.encode(contents)
        own = embeddings.join(self.moments(maps))
        image = self.paint(maps, own, self.embed_style(styles))
        return _without_margin(image, contents)

    def layers_seen(self) -> list[str]:
        """Levels that are layers of the encoder."""
        return [level for level in self.channels if level != topology.IMAGE]

    def encode(self, images: Tensor) -> dict[str, Tensor]:
        """Maps by level, continued by `decoder.MARGIN` pixels at each edge."""
        return {**self.encoder(images), topology.IMAGE: self.padding(images)}

    def moments(
        self, maps: dict[str, Tensor], masks: regional.Masks | None = None
    ) -> dict[str, tuple]:
        """`losses.channel_moments` of each level's maps, or of regions."""
        epsilon = self.adain.epsilon
        return {
            level: losses.channel_moments(maps[level], epsilon)
            if masks is None
            else regional.channel_moments(maps[level], masks[level], epsilon)
            for level in self.channels
        }

    def paint(
        self,
        maps: dict[str, Tensor],
        own: Tensor,
        target: Tensor,
        masks: regional.Masks | None = None,
    ) -> Tensor:
        """The image of maps that get another embedding.

        Args:
            maps: By level, see `encode`.
            own: Their embedding, `(batch, size)`.
            target: The one that they get, `(batch or 1, size)`.
            masks: Of regions; then the rows of both are of these.

        Returns:
            Images with their margins, float32, not confined to [0, 1].
        """
        before, after = (
            embeddings.split(embedding, self.channels)
            for embedding in (own, target)
        )
        restyled = [
            self.adain(maps[level], self._scaled(after[level]), before[level])
            for level in self.layers_seen()
        ]
        if masks is not None:
            scale = self.settings["scale"]
            restyled = [
                regional.blend(x, scale * maps[level], masks[level])
                for x, level in zip(restyled, self.layers_seen(), strict=True)
            ]
        image = self._decode(restyled, target, masks)
        height, width = ops.shape(image)[1:3]
        level = topology.IMAGE
        if level in self.channels:
            # A photograph in its own style stays as it is.
            pixels = self.recolour(maps[level], after[level], before[level])
            pixels = pixels[:, :height, :width]
            image = pixels + embeddings.difference(before, after) * (
                image - pixels
            )
        if masks is None:
            return image
        photo, mask = (
            x[:, :height, :width] for x in (maps[level], masks[level])
        )
        return regional.blend(image, photo, mask)

    def _decode(self, restyled, target, masks):
        """An image, or one for each region if styles modulate the decoder."""
        if not self.settings["modulation"]:
            return self.decoder(restyled)
        if masks is not None:
            count = ops.shape(masks[topology.IMAGE])[0]
            restyled = [ops.tile(x, (count, 1, 1, 1)) for x in restyled]
        return self.decoder([*restyled, target])

    def _scaled(self, moments):
        return tuple(self.settings["scale"] * x for x in moments)

    def compile(self, *args, objective=None, **kwargs):
        """As of `keras.Model`.

        Args:
            *args: Passed on.
            objective: What is minimised, such as `perceptual.PerceptualLoss`:
                from the model's images, contents and styles to terms by name,
                each of shape `(batch,)`. Has their names as `terms`.
            **kwargs: Passed on.
        """
        super().compile(*args, **kwargs)
        self.objective = objective
        names = objective.terms if objective is not None else ()
        self.trackers = {
            name: keras.metrics.Mean(name, dtype="float32") for name in names
        }

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """Mean over the batch of the sum of the terms."""
        total = 0.0
        for name, values in self.objective(y_pred, *x).items():
            self.trackers[name].update_state(values)
            total += ops.mean(values)
        # The optimiser adds the gradients of all replicas.
        return total / devices.replicas()

    def get_compile_config(self):
        """Nothing: the objective holds a network of its own."""

    def get_config(self):
        return {**super().get_config(), **self.settings}


def _without_margin(image, contents):
    height, width = ops.shape(contents)[1:3]
    start = decoder.MARGIN
    return image[:, start : start + height, start : start + width]


def check_image(image: np.ndarray) -> None:
    """Raises `ValueError` unless a model can take the image."""
    conversion.check(image)
    if min(image.shape[:2]) < SMALLEST:
        raise ValueError(
            f"Images must have {SMALLEST} pixels or more on each side. "
            f"Received: {image.shape[1]}x{image.shape[0]} pixels"
        )
