"""Opens a clip of any kind."""

import os
from fractions import Fraction

from tfstyle.clips.frames import Clip
from tfstyle.clips.movies import Movie
from tfstyle.clips.stills import Animation, Folder, pictures

RATE = Fraction(25)
"""Frames a second of pictures, which do not say theirs."""

_STILLS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


def open_clip(path: str, max_pixels: int, rate: Fraction = RATE) -> Clip:
    """Opens a movie file, an animated picture, a folder or a pattern.

    Args:
        path: Path of the file or folder, or a pattern such as
            `"frames/*.png"`.
        max_pixels: Maximum number of pixels of a frame.
        rate: Frames a second of the pictures of a folder.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a clip that can be read.
    """
    ending = os.path.splitext(path)[1].lower()
    if _is_folder(path):
        return Folder(path, max_pixels, rate)
    if ending in _STILLS and os.path.isfile(path) and not _is_animated(path):
        raise ValueError(
            f"'{path}' is a single picture. Give a movie or a folder of "
            "frames, or use tfstyle.transfer."
        )
    if ending == ".webp" and os.path.isfile(path):
        return Animation(path, max_pixels)
    return Movie(path, max_pixels)


def files_of(path: str) -> list[str]:
    """Returns the files that a clip is read from.

    Args:
        path: See `open_clip`.

    Raises:
        FileNotFoundError: There is no picture in the folder.
    """
    if _is_folder(path):
        return [os.fspath(picture) for picture in pictures(path)]
    return [path]


def _is_animated(path: str) -> bool:
    """Whether it is an animated PNG: it says so before the first picture."""
    with open(path, "rb") as file:
        return b"acTL" in file.read(1 << 16).partition(b"IDAT")[0]


def _is_folder(path: str) -> bool:
    """Whether it is a folder of frames, or a pattern."""
    return not os.path.isfile(path) and (
        os.path.isdir(path) or any(c in path for c in "*?[")
    )
