"""JPEG files of pictures, at a size to look at."""

import io

import numpy as np
import PIL.Image

from tfstyle import images


def jpeg(picture: images.Picture, longest: int, quality: int = 88) -> bytes:
    """Returns a JPEG file of a picture, on white where it is transparent.

    Args:
        picture: The picture.
        longest: Longer side in pixels to which larger pictures are reduced.
        quality: Quality from 1 to 100.
    """
    pixels = _fitted(picture.pixels, longest)
    if picture.alpha is not None:
        cover = _fitted(picture.alpha, longest)[..., None]
        pixels = cover * pixels + (1 - cover)
    rounded = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(rounded).save(file, "JPEG", quality=quality)
    return file.getvalue()


def _fitted(image: np.ndarray, longest: int) -> np.ndarray:
    height, width = image.shape[:2]
    if max(height, width) <= longest:
        return image
    return images.resize(image, *images.fit(height, width, longest))
