"""What is done to a picture after it was painted, whatever painted it.

Surfaces first, then colours, then what stays as it was.
"""

import numpy as np

from tfstyle import images
from tfstyle.controls import color, photorealism
from tfstyle.controls.regions import Regions
from tfstyle.controls.settings import Controls


def finish(
    picture: np.ndarray,
    content: np.ndarray,
    config: Controls,
    regions: Regions | None = None,
) -> np.ndarray:
    """The picture with what it should have of the photograph.

    Args:
        picture: What was painted, `(height, width, 3)`.
        content: The photograph as it was given, of any size.
        config: Says what is kept.
        regions: Where the photograph stays as it is; `None` for nowhere.

    Returns:
        Array of the shape of `picture`.
    """
    if content.shape != picture.shape:
        content = images.resize(content, *picture.shape[:2])
    if config.photorealistic:
        picture = photorealism.keep_photorealistic(picture, content)
    picture = color.finish(picture, content, config.color)
    return picture if regions is None else regions.paste(picture, content)
