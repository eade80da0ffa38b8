"""What the model of this package paints in one pass, for `stylize`."""

import functools
from collections.abc import Sequence

import numpy as np

from tfstyle import images
from tfstyle.adain.model import SMALLEST, StyleModel
from tfstyle.controls.regions import Regions
from tfstyle.features import convolution
from tfstyle.optimization import objective
from tfstyle.optimization.config import GatysConfig

LONGEST = 512
"""Longer side of what is painted, at most: it is a start, or an example. Of
long panoramas it is more, for the shorter side to be what the model needs."""


def paint(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    config: GatysConfig,
    style_size: int | None = None,
    strength: float = 1.0,
    regions: Regions | None = None,
) -> np.ndarray:
    """A photograph in the style of pictures, mixed and scaled as settings say.

    Args:
        content: The photograph, `(height, width, 3)`.
        styles: The style images.
        config: The settings.
        style_size: Longer side at which styles are seen, in pixels, where
            their scale is 1; that of the picture if `None`.
        strength: Of the style.
        regions: Where in the photograph each style goes.

    Returns:
        The picture, its longer side `config.size`, or `LONGEST` where that
        is less.
    """
    height, width = content.shape[:2]
    needed = -(-SMALLEST * max(height, width) // min(height, width))
    longer = min(config.size, max(LONGEST, needed))
    shape = images.fit(height, width, longer)
    seen = shape if style_size is None else (style_size, style_size)
    scaled = objective.scale_styles(styles, seen, config.style_scale)
    photo = images.resize(content, *shape)
    return _model().stylize(
        photo,
        scaled,
        strength,
        config.style_mix,
        style_detail=config.style_detail,
        regions=regions,
    )


@functools.cache
def _model() -> StyleModel:
    model = StyleModel.from_preset("distilled")
    convolution.freeze(model.encoder, model.decoder)
    return model
