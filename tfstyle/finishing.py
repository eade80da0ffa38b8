"""What is done to a picture after it was painted, whatever painted it."""

import numpy as np

from tfstyle import color, images
from tfstyle.config import Controls
from tfstyle.regions import Regions


def finish(
    picture: np.ndarray,
    content: np.ndarray,
    config: Controls,
    regions: Regions | None = None,
) -> np.ndarray:
    """The picture with the photograph's colours and parts that it should have.

    Args:
        picture: What was painted, `(height, width, 3)`.
        content: The photograph as it was given, of any size.
        config: Says what is kept.
        regions: Where the photograph stays as it is; `None` for nowhere.

    Returns:
        Array of the shape of `picture`.
    """
    picture = color.finish(picture, content, config.color)
    if regions is None:
        return picture
    return regions.paste(picture, images.resize(content, *picture.shape[:2]))
