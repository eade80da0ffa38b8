"""All measures of a painted picture, by name."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tfstyle.judging import histograms, patches, specks, structure
from tfstyle.judging.lpips import Lpips
from tfstyle.judging.reference import (
    CONTENT_LAYER,
    Target,
    content_distance,
    gram_matrices,
    style_distances,
)
from tfstyle.runtime.types import Tensor

MEASURES = {
    "style": "relative squared distance of Gram matrices, mean of five layers",
    "content": "relative squared distance to the photograph at block4_conv2",
    "specks": "fine chroma that neither photograph nor style explains",
    "patch": "distance of 7x7 patches to the style's, mean of three scales",
    "color": "distance of color histograms to the style's (HistoGAN)",
    "ssim": "structural similarity to the photograph; 1 is the photograph",
    "cfsd": "structural distance to the photograph, by Oxford's VGG19",
    "lpips": "perceptual distance to the photograph, by AlexNet",
}
"""Name of a measure -> what it is; parts are named such as "patch/4"."""


SMALLEST = 28
"""Side that pictures need: 7 pixels are left at a quarter of the size."""


class Judge:
    """Measures pictures that were painted from a photograph and a style.

    Args:
        network: Network from `reference.make_network`.
        content: Photograph, `(height, width, 3)`, RGB in [0, 1].
        style: Style image of the same form and any size.
        lpips: Measures LPIPS; `None` to leave it out.

    Attributes:
        target: Targets of the losses, as `reference.Reference` takes them.

    Raises:
        ValueError: An image has less than `SMALLEST` pixels on a side, or
            less than LPIPS needs.
    """

    def __init__(
        self,
        network: keras.Model,
        content: np.ndarray,
        style: np.ndarray,
        lpips: Lpips | None = None,
    ) -> None:
        least = SMALLEST if lpips is None else max(SMALLEST, lpips.SMALLEST)
        for image in (content, style):
            if min(image.shape[:2]) < least:
                raise ValueError(
                    f"Measures need {least} pixels or more on each side. "
                    f"Received: {image.shape[1]}x{image.shape[0]}"
                )
        self._network, self._lpips = network, lpips
        self._content, self._style = content, style
        self._maps = network(content[None])
        grams = gram_matrices(network(style[None]))
        self.target = Target(self._maps[CONTENT_LAYER], grams)

    def measure(self, picture: np.ndarray) -> dict[str, float]:
        """Returns the measures of a picture by name, see `MEASURES`.

        Args:
            picture: Picture of the shape of the photograph.
        """
        maps = self._network(picture[None])
        gap = content_distance(maps[CONTENT_LAYER], self.target.content)
        color = histograms.color_distance(picture, self._style)
        strokes = patches.patch_distances(picture, self._style)
        found = {
            **_with_mean("style", style_distances(maps, self.target.grams)),
            "content": float(gap),
            "specks": specks.specks(picture, self._content, self._style),
            **_with_mean("patch", strokes),
            "color": color,
            "ssim": structure.similarity(picture, self._content),
        }
        if self._network.name == "vgg19":
            both = (x[structure.LAYER] for x in (maps, self._maps))
            found["cfsd"] = structure.structural_distance(*both)
        if self._lpips is not None:
            found["lpips"] = self._lpips.distance(picture, self._content)
        return {name: round(value, 5) for name, value in found.items()}


def _with_mean(name: str, parts: Mapping[Any, Tensor]) -> dict[str, float]:
    """Returns the mean of a measure and its parts, such as "patch/4"."""
    values = {f"{name}/{part}": float(value) for part, value in parts.items()}
    return {name: sum(values.values()) / len(values), **values}
