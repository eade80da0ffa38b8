"""The AdaIN network: an encoder, AdaIN and a decoder.

The style of a picture is the mean and deviation of each channel of its feature
maps. AdaIN gives a photograph's maps the means and deviations of a style
picture, and the decoder turns the maps into an image. These numbers, the style
embedding, are all that styles consist of: a strength below 1 moves the
embedding only part of the way (`embeddings.share`) from the photograph's to
the style's, and a mix of styles is the weighted mean of their embeddings
(Huang and Belongie, eqs. 14 and 15).

Beyond the paper, AdaIN can be applied at several depths of the encoder, all of
which the decoder receives; the embedding can modulate the decoder, too; and
the encoder can be trained with the decoder.

Reference: Huang and Belongie, "Arbitrary Style Transfer in Real-time with
Adaptive Instance Normalization", ICCV 2017.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tfstyle import features, losses
from tfstyle.adain import decoder, embeddings, regional
from tfstyle.adain.regional import AdaIN
from tfstyle.features import grain
from tfstyle.features.layers import MirrorPadding
from tfstyle.pretrained import topology
from tfstyle.runtime import devices
from tfstyle.runtime.types import Tensor


class StyleNetwork(keras.Model):
    """Keras model of encoder, AdaIN and decoder, for tensors only.

    `StyleModel` adds image arrays and files. All methods here take and return
    tensors and can be traced and exported. Images are float32, RGB in [0, 1];
    results have the size of the content.

    `fit` takes batches `((contents, styles),)`, once `compile` was given an
    `objective`; only `compute_loss` is overridden, so the model trains on
    every Keras backend.

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

    Call arguments:
        inputs: Contents and styles, two batches `(batch, height, width, 3)`.

    Returns:
        Images of the contents' shape, not clipped to [0, 1].
    """

    def __init__(
        self,
        encoder: str,
        levels: Sequence[str],
        widths: Sequence[int],
        depths: Sequence[int],
        train_encoder: bool,
        scale: float = 1.0,
        modulation: int = 0,
        styles: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.settings: dict[str, Any] = {
            "encoder": encoder,
            "levels": list(levels),
            "widths": list(widths),
            "depths": list(depths),
            "train_encoder": train_encoder,
            "scale": scale,
            "modulation": modulation,
            "styles": list(styles),
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
        self.recolor = AdaIN(dtype="float32", name="recolor")
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

    def embed_style(
        self, styles: Tensor, masks: regional.Masks | None = None
    ) -> Tensor:
        """Returns style embeddings: channel means and deviations by level.

        Args:
            styles: Style images, `(batch, height, width, 3)`.
            masks: Masks of the regions of one style image, by level, see
                `regional.level_masks`.

        Returns:
            Embeddings, `(batch, 2 * channels of all levels)`, float32; with
            masks, one row for each region.
        """
        return embeddings.join(self.moments(self.encode(styles), masks))

    def apply_style(
        self,
        contents: Tensor,
        embedding: Tensor,
        alpha: Tensor = 1.0,
        masks: regional.Masks | None = None,
    ) -> Tensor:
        """Gives photographs the style of an embedding.

        Args:
            contents: Photographs, `(batch, height, width, 3)`.
            embedding: Embedding from `embed_style`, or a weighted mean of
                several: shape `(batch or 1, size)`.
            alpha: Strength of the style, from 0 (the photograph) to 1: a
                number, or one for each example, shape `(batch,)`.
            masks: Masks of the regions of one photograph, see
                `regional.content_masks`; `embedding` then has one row for each
                region. Soft edges are painted whole.

        Returns:
            Images of the shape of `contents`, in [0, 1].
        """
        maps = self.encode(contents)
        own = embeddings.join(self.moments(maps, masks))
        return self._applied(contents, maps, own, embedding, alpha, masks)

    def apply_next(
        self,
        contents: Tensor,
        embedding: Tensor,
        alpha: Tensor,
        before: Tensor,
        share: Tensor,
        masks: regional.Masks | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Like `apply_style`, for a frame whose own embedding changes slowly.

        The embeddings of the frames of a clip jump with whatever moves through
        them, and the colors of the pictures would jump, too.

        Args:
            contents: Frames, `(batch, height, width, 3)`.
            embedding: See `apply_style`.
            alpha: See `apply_style`.
            before: What this returned for the frame before, `(batch, size)`.
            share: Share of this frame in its embedding, from 0 to 1; the rest
                is `before`.
            masks: See `apply_style`.

        Returns:
            The images, and the embedding that was taken for that of the frame.
        """
        maps = self.encode(contents)
        own = embeddings.join(self.moments(maps, masks))
        own = before + share * (own - before)
        given = contents, maps, own, embedding, alpha, masks
        return self._applied(*given), own

    def _applied(
        self,
        contents: Tensor,
        maps: dict[str, Tensor],
        own: Tensor,
        embedding: Tensor,
        alpha: Tensor,
        masks: regional.Masks | None,
    ) -> Tensor:
        alpha = ops.reshape(ops.cast(alpha, "float32"), (-1, 1))
        target = embeddings.move(own, embedding, alpha)
        image = self.restyle(maps, own, target, masks)
        return ops.clip(without_margin(image, contents), 0.0, 1.0)

    def call(
        self, inputs: tuple[Tensor, Tensor], training: bool = False
    ) -> Tensor:
        contents, styles = inputs
        maps = self.encode(contents)
        own = embeddings.join(self.moments(maps))
        image = self.restyle(maps, own, self.embed_style(styles))
        return without_margin(image, contents)

    def layers_seen(self) -> list[str]:
        """Returns the levels that are layers of the encoder, not pixels."""
        return [level for level in self.channels if level != topology.IMAGE]

    def encode(self, images: Tensor) -> dict[str, Tensor]:
        """Returns feature maps by level, with a margin around the images.

        The margin is `decoder.MARGIN` mirrored pixels at each edge. The encoder
        sees the images with faint noise, see `features.grain`.

        Raises:
            ValueError: These are not batches of images; says what to do.
        """
        _check(images)
        maps = self.encoder(grain.grained(images))
        return {**maps, topology.IMAGE: self.padding(images)}

    def moments(
        self, maps: dict[str, Tensor], masks: regional.Masks | None = None
    ) -> dict[str, tuple]:
        """Returns channel means and deviations by level, or by region, too."""
        epsilon = self.adain.epsilon
        return {
            level: losses.channel_moments(maps[level], epsilon)
            if masks is None
            else regional.channel_moments(maps[level], masks[level], epsilon)
            for level in self.channels
        }

    def restyle(
        self,
        maps: dict[str, Tensor],
        own: Tensor,
        target: Tensor,
        masks: regional.Masks | None = None,
    ) -> Tensor:
        """Gives maps another embedding (AdaIN) and decodes them.

        Args:
            maps: Feature maps by level, from `encode`.
            own: Embedding of the maps, `(batch, size)`.
            target: Embedding to give them, `(batch or 1, size)`.
            masks: Masks of regions, by level; the rows of both embeddings then
                belong to the regions.

        Returns:
            Images with their margins, float32, not clipped to [0, 1].
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
            # A photograph in its own style must come back unchanged.
            pixels = self.recolor(maps[level], after[level], before[level])
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

    def _decode(
        self,
        restyled: list[Tensor],
        target: Tensor,
        masks: regional.Masks | None,
    ) -> Tensor:
        """Returns an image; one for each region if the decoder is modulated."""
        if not self.settings["modulation"]:
            return self.decoder(restyled)
        if masks is not None:
            count = ops.shape(masks[topology.IMAGE])[0]
            restyled = [ops.tile(x, (count, 1, 1, 1)) for x in restyled]
        return self.decoder([*restyled, target])

    def _scaled(self, moments: tuple) -> tuple:
        return tuple(self.settings["scale"] * x for x in moments)

    def compile(self, *args: Any, objective: Any = None, **kwargs: Any) -> None:
        """Configures the model for training, like `keras.Model.compile`.

        Args:
            *args: Arguments of `keras.Model.compile`.
            objective: Loss to minimize, such as `perceptual.PerceptualLoss`: a
                function from the model's images, contents and styles to terms
                by name, each of shape `(batch,)`, with their names as the
                attribute `terms`.
            **kwargs: Arguments of `keras.Model.compile`.
        """
        super().compile(*args, **kwargs)
        self.objective = objective
        names = objective.terms if objective is not None else ()
        self.trackers = {
            name: keras.metrics.Mean(name, dtype="float32") for name in names
        }

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """Returns the sum of the objective's terms, averaged over the batch."""
        total = 0.0
        for name, values in self.objective(y_pred, *x).items():
            self.trackers[name].update_state(values)
            total += ops.mean(values)
        # The optimizer sums the gradients of all replicas.
        return total / devices.replicas()

    def get_compile_config(self) -> None:
        """Returns `None`: the objective and its network are not saved."""

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.settings}


def without_margin(image: Tensor, contents: Tensor) -> Tensor:
    """Cuts the margin of `StyleNetwork.encode` off images.

    Args:
        image: Images with their margins, from `StyleNetwork.restyle`.
        contents: Photographs, whose height and width they get.
    """
    height, width = ops.shape(contents)[1:3]
    start = decoder.MARGIN
    return image[:, start : start + height, start : start + width]


def _check(images: Tensor) -> None:
    """Raises `ValueError` unless this is a batch of images."""
    shape = tuple(getattr(images, "shape", ()))
    if len(shape) != 4:
        raise ValueError(
            "A batch of images, (batch, height, width, 3), is needed: "
            "`images[None]` of one; `images.load` reads files. Received: "
            f"{type(images).__name__} of shape {shape}"
        )
