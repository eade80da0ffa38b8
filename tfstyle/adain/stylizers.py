"""Stylizers: one interface to all one-pass models, for NumPy images.

A stylizer embeds style images once and then gives that style to photographs:

    style = stylizer.embed([wave, night], Controls(style_mix=(1, 3)))
    picture = stylizer.stylize(photograph, style, strength=0.8)

Images are float32 arrays of shape `(height, width, 3)`, RGB in [0, 1]. This
module has the interface, the stylizer of a Keras model on any backend, and the
one that keeps the colors and surfaces of photographs. The stylizers in
`loading` and `saved_models` run on TensorFlow.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
from keras import ops

from tfstyle.adain import embeddings, regional
from tfstyle.adain.config import START_SIZE
from tfstyle.adain.network import StyleNetwork
from tfstyle.controls import color, finishing
from tfstyle.controls.regions import Regions, whole
from tfstyle.controls.settings import Controls
from tfstyle.features import memory
from tfstyle.images import conversion, sizes
from tfstyle.runtime.types import Tensor

# Least length of a side: the encoder mirrors 16 pixels at once.
SMALLEST = 16


@dataclasses.dataclass(frozen=True, eq=False)
class Style:
    """Style that `Stylizer.embed` made, for `stylize` of the same stylizer.

    Attributes:
        embedding: Embeddings of the regions, `(regions, size)`; `None` if the
            style images are needed with each photograph.
        regions: Regions of the photograph for each style; `None` if the styles
            are blended everywhere.
        images: Style images, if they are needed with each photograph: to be
            recolored for it, or because the model has no embeddings.
        controls: Controls that a `ControlledStylizer` applies to each
            photograph.
    """

    embedding: Tensor | None = None
    regions: Regions | None = None
    images: Sequence[np.ndarray] = ()
    controls: Controls = Controls()


class Stylizer(Protocol):
    """A model that gives photographs the style of other images."""

    def check(
        self,
        styles: Sequence[np.ndarray],
        controls: Controls = Controls(),
        regions: Regions | None = None,
    ) -> None:
        """Raises the errors of `embed`, without embedding.

        Raises:
            ValueError: An image or a control is invalid, or the model does not
                support it.
            MemoryError: An image is too large for the memory at hand.
        """

    def embed(
        self,
        styles: Sequence[np.ndarray],
        controls: Controls = Controls(),
        regions: Regions | None = None,
    ) -> Style:
        """Embeds style images.

        Args:
            styles: Style images.
            controls: Controls, of which `style_mix` and `style_detail` say how
                images in the same region are blended.
            regions: Regions of the photographs for each style, and of the
                style images; `None` to blend the styles everywhere.

        Raises:
            ValueError: See `check`.
            MemoryError: See `check`.
        """

    def stylize(
        self, photo: np.ndarray, style: Style, strength: float = 1.0
    ) -> np.ndarray:
        """Gives a photograph a style.

        Args:
            photo: Photograph.
            style: Style from `embed`.
            strength: Strength of the style, from 0 (the photograph) to 1.

        Returns:
            Array of the shape of `photo`, float32, in [0, 1]; painted whole
            at soft edges of regions, and anything outside of them.

        Raises:
            ValueError: The photograph is invalid, or the model does not have
                this strength.
            MemoryError: The photograph is too large for the memory at hand.
        """


class KerasStylizer:
    """Runs a Keras model on whole images, on any backend.

    Args:
        model: AdaIN model.
        seen: Longest side that the model sees at once, in pixels; `None` for
            no limit. Decides how much memory a photograph needs.
    """

    def __init__(self, model: StyleNetwork, seen: int | None = None) -> None:
        self.model, self.seen = model, seen

    def check(
        self,
        styles: Sequence[np.ndarray],
        controls: Controls = Controls(),
        regions: Regions | None = None,
    ) -> None:
        """See `Stylizer`."""
        controls.check_styles(
            len(styles), regions is not None and regions.apart
        )
        for style in styles:
            check_image(style)
            memory.check_pass(self.model.settings["encoder"], style.shape[:2])

    def embed(
        self,
        styles: Sequence[np.ndarray],
        controls: Controls = Controls(),
        regions: Regions | None = None,
    ) -> Style:
        """See `Stylizer`."""
        self.check(styles, controls, regions)
        parts = (regions or whole(len(styles))).parts
        embedding = regional.embed(
            self.embed_image, self.model.channels, styles, controls, parts
        )
        return Style(embedding, regions)

    def stylize(
        self, photo: np.ndarray, style: Style, strength: float = 1.0
    ) -> np.ndarray:
        """See `Stylizer`."""
        masks = self._masks(photo, style)
        return self.apply(photo, style.embedding, strength, masks)

    def stylize_next(
        self,
        frame: np.ndarray,
        style: Style,
        strength: float,
        before: np.ndarray | None,
        share: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Gives a frame of a clip a style; see `StyleNetwork.apply_next`.

        Args:
            frame: The frame.
            style: Style from `embed`.
            strength: Strength of the style, from 0 (the frame) to 1.
            before: Embedding that the call for the frame before returned;
                `None` for the first of a shot.
            share: Share of this frame in its embedding.

        Returns:
            The picture, an array of the shape of `frame`, and the embedding.

        Raises:
            ValueError: See `Stylizer.stylize`.
            MemoryError: See `Stylizer.stylize`.
        """
        masks = self._masks(frame, style)
        if before is None:
            rows, size = ops.shape(style.embedding)
            before, share = np.zeros((rows, size), np.float32), 1.0
        return self.apply_next(
            frame, style.embedding, strength, before, share, masks
        )

    def _masks(self, photo: np.ndarray, style: Style) -> regional.Masks | None:
        """Checks a photograph; returns masks of its regions, by level."""
        check_image(photo)
        shape = photo.shape[:2]
        memory.check_pass(self.model.settings["encoder"], shape, self.seen)
        if style.regions is None:
            return None
        return regional.content_masks(
            style.regions.parts, shape, list(self.model.channels)
        )

    def embed_image(
        self, style: np.ndarray, masks: regional.Masks | None
    ) -> Tensor:
        """Embeds a batch of one image, by `StyleNetwork.embed_style`."""
        return self.model.embed_style(style, masks)

    def apply(
        self,
        photo: np.ndarray,
        embedding: Tensor,
        strength: float,
        masks: regional.Masks | None,
    ) -> np.ndarray:
        """Stylizes one photograph, by `StyleNetwork.apply_style`."""
        image = self.model.apply_style(photo[None], embedding, strength, masks)
        return ops.convert_to_numpy(image)[0]

    def apply_next(
        self,
        frame: np.ndarray,
        embedding: Tensor,
        strength: float,
        before: np.ndarray,
        share: float,
        masks: regional.Masks | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Stylizes one frame of a clip, by `StyleNetwork.apply_next`."""
        image, own = self.model.apply_next(
            frame[None], embedding, strength, before, share, masks
        )
        return ops.convert_to_numpy(image)[0], ops.convert_to_numpy(own)


class ControlledStylizer:
    """Stylizer with strokes for large pictures, and all controls.

    It paints large photographs from coarse to fine, adds the controls `color`
    and `photorealistic` to those of the stylizer that it wraps, and pastes the
    photograph back outside all regions.

    Args:
        stylizer: Stylizer of the model.
        start_size: See `TransferConfig`.
    """

    def __init__(
        self, stylizer: Stylizer, start_size: int = START_SIZE
    ) -> None:
        self._stylizer, self._start_size = stylizer, start_size
        self.check = stylizer.check

    def embed(
        self,
        styles: Sequence[np.ndarray],
        controls: Controls = Controls(),
        regions: Regions | None = None,
    ) -> Style:
        """See `Stylizer`; styles to be recolored are only checked here."""
        if controls.color == "style":
            style = self._stylizer.embed(styles, controls, regions)
            return dataclasses.replace(style, controls=controls)
        self.check(styles, controls, regions)
        return Style(None, regions, styles, controls)

    def stylize(
        self, photo: np.ndarray, style: Style, strength: float = 1.0
    ) -> np.ndarray:
        """See `Stylizer`."""
        controls, given, own = style.controls, photo, style
        if controls.color != "style":
            given, styles = color.prepare(photo, style.images, controls.color)
            own = self._stylizer.embed(styles, controls, style.regions)
        picture = self._paint(given, own, strength)
        return finishing.finish(picture, photo, controls, style.regions)

    def blends(
        self,
        photo: np.ndarray,
        styles: Sequence[np.ndarray],
        controls: Controls,
        mixes: Iterable[Sequence[float]],
    ) -> Iterator[np.ndarray]:
        """Yields a photograph in blends of styles, embedding each style once.

        Args:
            photo: Photograph.
            styles: Style images.
            controls: Controls; `style_mix` and `style_detail` have no effect.
            mixes: Shares of the styles, for each picture.

        Raises:
            ValueError: See `embed` and `stylize`; or the model cannot blend.
            MemoryError: See `embed` and `stylize`.
        """
        self.check(styles)
        given, recolored = color.prepare(photo, styles, controls.color)
        each = [self._stylizer.embed([image]).embedding for image in recolored]
        for mix in mixes:
            style = Style(embeddings.blend(each, mix))
            picture = self._paint(given, style, controls.strength)
            yield finishing.finish(picture, photo, controls)

    def _paint(
        self, photo: np.ndarray, style: Style, strength: float
    ) -> np.ndarray:
        """Paints a photograph, if it is large from coarse to fine.

        A model has strokes of some pixels, which a large picture hides.
        """
        check_image(photo)
        return sizes.coarse_to_fine(
            photo,
            self._start_size,
            lambda given, _: self._stylizer.stylize(given, style, strength),
        )


def check_image(image: np.ndarray) -> None:
    """Raises `ValueError` unless the image is valid and large enough."""
    conversion.check(image)
    if min(image.shape[:2]) < SMALLEST:
        raise ValueError(
            f"Images must have {SMALLEST} pixels or more on each side. "
            f"Received: {image.shape[1]}x{image.shape[0]} pixels"
        )
