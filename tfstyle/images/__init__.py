"""Reads, writes and resizes images, and arranges them on contact sheets.

An image is a float32 array of shape `(height, width, 3)`, sRGB in [0, 1].

Examples:
    >>> import numpy as np
    >>> resize(np.full((4, 6, 3), 0.25, np.float32), *fit(4, 6, 3)).shape
    (2, 3, 3)
"""

from tfstyle.images.decoding import read_metadata
from tfstyle.images.encoding import Format, check_format
from tfstyle.images.io import MAX_PIXELS, Picture, load, read, save
from tfstyle.images.sheets import check_sheet, contact_sheet, show
from tfstyle.images.sizes import fit, resize, zoom

__all__ = [
    "MAX_PIXELS",
    "Format",
    "Picture",
    "check_format",
    "check_sheet",
    "contact_sheet",
    "fit",
    "load",
    "read",
    "read_metadata",
    "resize",
    "save",
    "show",
    "zoom",
]
