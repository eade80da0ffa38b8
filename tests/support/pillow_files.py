"""Files that Pillow writes, with samples of noise."""

import numpy as np

from tfstyle import images


def saved(folder, image, suffix=".png", **options):
    """Picture that we read from the file of an image of Pillow."""
    path = folder / f"image{suffix}"
    image.save(path, **options)
    return images.read(path)


def noise(*shape, seed=0):
    """Random samples of 8 bits."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, shape).astype(np.uint8)
