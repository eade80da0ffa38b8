"""Post-processing: gives a painted picture what it keeps of the photograph.

Surfaces come first, then colors, then the regions that stay as they are.
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
    """Restores surfaces, colors and kept regions of the photograph.

    Args:
        picture: The painted picture, `(height, width, 3)`, in [0, 1].
        content: The original photograph, of any size.
        config: Settings that say what to keep.
        regions: Regions that were painted; the photograph stays outside of
            them. `None` if all of it was painted.

    Returns:
        Array of the shape of `picture`.
    """
    kept = regions is not None or config.color != "style"
    if not (kept or config.photorealistic):
        return picture
    if content.shape != picture.shape:
        content = images.resize(content, *picture.shape[:2])
    if config.photorealistic:
        picture = photorealism.keep_photorealistic(picture, content)
    picture = color.finish(picture, content, config.color)
    return picture if regions is None else regions.paste(picture, content)
