"""How large style images are seen: their scale is relative to the picture."""

from collections.abc import Sequence

import numpy as np

from tfstyle import images
from tfstyle.images.sizes import SMALLEST
from tfstyle.runtime.types import Shape


def scale_styles(
    styles: Sequence[np.ndarray],
    shape: Shape,
    scales: Sequence[float],
) -> list[np.ndarray]:
    """Resizes style images to their scale relative to the picture.

    The longer side becomes `scale` times that of `shape`, or more if the
    shorter side would be less than the network needs.

    Args:
        styles: Style images, `(height, width, 3)`.
        shape: Height and width of the picture.
        scales: One scale for all images, or one for each.
    """
    fitted = style_shapes([s.shape[:2] for s in styles], shape, scales)
    pairs = zip(styles, fitted, strict=True)
    return [images.resize(style, *shape) for style, shape in pairs]


def style_shapes(
    styles: Sequence[Shape],
    shape: Shape,
    scales: Sequence[float],
) -> list[Shape]:
    """Returns the shapes of style images after `scale_styles`.

    Args:
        styles: Height and width of each style image.
        shape: Height and width of the picture.
        scales: One scale for all images, or one for each.
    """
    each = list(scales) * (len(styles) if len(scales) == 1 else 1)
    fitted = []
    for (height, width), scale in zip(styles, each, strict=True):
        aspect = max(height, width) / min(height, width)
        size = max(max(shape) * scale, SMALLEST * aspect)
        fitted.append(images.fit(height, width, round(size)))
    return fitted
