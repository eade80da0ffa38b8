"""The network of any style in one pass: an encoder, AdaIN and a decoder.

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

from typing import Any

import keras
from keras import ops

from tfstyle import features, losses
from tfstyle.adain import decoder, embeddings, regional
from tfstyle.adain.regional import AdaIN
from tfstyle.features.layers import MirrorPadding
from tfstyle.pretrained import topology
from tfstyle.runtime import devices

Tensor = Any


class StyleNetwork(keras.Model):
    """The Keras model under `StyleModel`, which adds image arrays and files.

    All methods take and return tensors and can be traced and exported. Images
    are float32, RGB in [0, 1]; results have the size of the content.

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

    def embed_style(
        self, styles: Tensor, masks: regional.Masks | None = None
    ) -> Tensor:
        """Style embeddings: for each level the means, then the deviations.

        Args:
            styles: Shape `(batch, height, width, 3)`.
            masks: Of a region of one style, see `regional.level_masks`.

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
        """Gives photographs the style of an embedding.

        Args:
            contents: Shape `(batch, height, width, 3)`.
            embedding: From `embed_style`, or a weighted mean of such: shape
                `(batch or 1, size)`.
            alpha: Strength of the style, from 0 for the photograph to 1: a
                number, or one for each example, shape `(batch,)`.
            masks: Of regions of one photograph, see `regional.content_masks`:
                then `embedding` has a row for each.

        Returns:
            Shape of `contents`, in [0, 1].
        """
        maps = self.encode(contents)
        own = embeddings.join(self.moments(maps, masks))
        alpha = ops.reshape(ops.cast(alpha, "float32"), (-1, 1))
        target = embeddings.move(own, embedding, alpha)
        image = self.restyle(maps, own, target, masks)
        return ops.clip(_without_margin(image, contents), 0.0, 1.0)

    def call(self, inputs, training=False):
        contents, styles = inputs
        maps = self.encode(contents)
        own = embeddings.join(self.moments(maps))
        image = self.restyle(maps, own, self.embed_style(styles))
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

    def restyle(
        self,
        maps: dict[str, Tensor],
        own: Tensor,
        target: Tensor,
        masks: regional.Masks | None = None,
    ) -> Tensor:
        """Decodes maps after they are given another embedding.

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
