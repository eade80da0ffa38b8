"""Reads clips that are pictures: folders of frames, and animated WebP."""

import glob
import os
import pathlib
import re
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import PIL.Image

from tfstyle import images
from tfstyle.clips.frames import CutShortError, Details, Frame, lasting
from tfstyle.images import folders
from tfstyle.runtime import files


class Folder:
    """Pictures of a folder or a pattern, in the order of their numbers.

    Args:
        path: A folder, or a pattern such as `"frames/*.png"`.
        max_pixels: Maximum number of pixels of a frame.
        rate: Frames a second.

    Raises:
        FileNotFoundError: There are no such files.
        ValueError: The first file is not an image.
    """

    def __init__(self, path: str, max_pixels: int, rate: Fraction) -> None:
        self.path, self._max_pixels, self._rate = path, max_pixels, rate
        self.paths = pictures(path)
        # a.jpg beside a.png would be one file of the painted clip.
        stems = {picture.stem.lower() for picture in self.paths}
        self._named = len(stems) == len(self.paths)
        first = images.read(self.paths[0], max_pixels)
        self._shape = first.pixels.shape
        height, width = self._shape[:2]
        self.details = Details(
            height=height,
            width=width,
            count=len(self.paths),
            rate=rate,
            time_base=1 / rate,
            alpha=first.alpha is not None,
        )

    def frames(self, start: Fraction, end: Fraction | None) -> Iterator[Frame]:
        """See `Clip`."""
        for number, path in enumerate(self.paths):
            time = number / self._rate
            if time < start:
                continue
            if end is not None and time >= end:
                return
            picture = self._read(path, number)
            if picture.pixels.shape != self._shape:
                raise _changed(os.fspath(path), self._shape, picture.pixels)
            name = path.stem if self._named else ""
            shown = lasting(time, 1 / self._rate, end)
            yield Frame(picture.pixels, time, shown, picture.alpha, name)

    def _read(self, path: pathlib.Path, number: int) -> images.Picture:
        """Reads a picture; those before a damaged one are worth keeping."""
        try:
            return images.read(path, self._max_pixels)
        except (ValueError, OSError) as error:
            raise CutShortError(
                f"Frame {number + 1} cannot be read: {error}"
            ) from error


class Animation:
    """An animated WebP; see `Clip`. FFmpeg does not read these.

    Args:
        path: The file.
        max_pixels: Maximum number of pixels of a frame.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not an image, or too large.
    """

    def __init__(self, path: str, max_pixels: int) -> None:
        self.path = path
        images.read(path, max_pixels)  # Raises what is wrong with it.
        with PIL.Image.open(path) as file:
            width, height = file.size
            count = getattr(file, "n_frames", 1)
            file.load()
            shown = file.info.get("duration") or 40
            alpha = file.has_transparency_data
        self.details = Details(
            height=height,
            width=width,
            count=count,
            rate=Fraction(1000, round(shown)),
            time_base=Fraction(1, 1000),
            alpha=alpha,
        )

    def frames(self, start: Fraction, end: Fraction | None) -> Iterator[Frame]:
        """See `Clip`."""
        time = Fraction(0)
        with PIL.Image.open(self.path) as file:
            for number in range(self.details.count):
                try:
                    file.seek(number)
                    pixels = np.asarray(file.convert("RGBA")) / np.float32(255)
                except (OSError, EOFError) as error:
                    raise CutShortError(
                        f"'{self.path}' cannot be read beyond "
                        f"{float(time):.2f} s ({error})."
                    ) from error
                shown = Fraction(round(file.info.get("duration") or 40), 1000)
                if end is not None and time >= end:
                    return
                if time >= start:
                    alpha = pixels[..., 3] if self.details.alpha else None
                    rest = lasting(time, shown, end)
                    yield Frame(pixels[..., :3], time, rest, alpha)
                time += shown


def pictures(path: str) -> list[pathlib.Path]:
    """Finds the pictures of a folder or a pattern; frame_10 after frame_9.

    Raises:
        FileNotFoundError: There are none.
    """
    if os.path.isdir(path):
        found = folders.find([path])
    else:
        found = [pathlib.Path(name) for name in glob.glob(path)]
    if not found:
        files.check_no_address(path)
        raise FileNotFoundError(f"There is no file or folder '{path}'.")
    return sorted(found, key=_numbers)


def _numbers(path: pathlib.Path) -> list[tuple[int, str]]:
    """Digits of a name as numbers, for sorting."""
    parts = re.split(r"(\d+)", os.fspath(path))
    return [(int(p), "") if p.isdigit() else (-1, p) for p in parts]


def _changed(
    path: str, shape: tuple[int, ...], pixels: np.ndarray
) -> CutShortError:
    return CutShortError(
        f"'{path}' has {pixels.shape[1]}x{pixels.shape[0]} pixels, but the "
        f"first frame has {shape[1]}x{shape[0]}. All must have one size."
    )
