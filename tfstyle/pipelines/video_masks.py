"""Regions of each frame of a clip, from masks that are files or clips."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction

import numpy as np

from tfstyle import images
from tfstyle.clips import reading
from tfstyle.clips.frames import Clip, CutShortError, Frame
from tfstyle.controls import region_files
from tfstyle.controls.regions import Regions

_FRAME = "frame of the clip"
_FAINT = 1 / 1024  # Less than is visible: a region may be empty for a while.


class Masks:
    """Regions of the frames of a clip.

    Args:
        inputs: Role -> path of style images, masks and maps, or `"alpha"`; see
            `tfstyle.controls.region_files`. Masks and maps of the content may
            be clips with as many frames; one of a single frame is for all. A
            clip is a mask by its transparency, or by its gray if its first
            frame is opaque.
        styles: Style images.
        read: Function that returns the image of a file.
        max_pixels: Maximum number of pixels of a frame.
        rate: Frames a second of masks in folders: that of the clip.

    Raises:
        ValueError: A file is not an image.
        FileNotFoundError: There is no such file.
    """

    def __init__(
        self,
        inputs: Mapping[str, str],
        styles: Sequence[np.ndarray],
        read: Callable[[str], images.Picture],
        max_pixels: int,
        rate: Fraction,
    ) -> None:
        self._inputs = region_files.with_alpha(inputs, _FRAME)
        self._styles, self._any = styles, region_files.any_in(inputs)
        self._still: dict[str, images.Picture] = {}
        self._clips: dict[str, Clip] = {}
        self._opaque: set[str] = set()
        for role, path in self._inputs.items():
            if not region_files.any_in([role]) or path == _FRAME:
                continue
            if role.startswith("style") or _is_still(path):
                self._still[path] = read(path)
            else:
                self._open(path, reading.open_clip(path, max_pixels, rate))

    def _open(self, path: str, clip: Clip) -> None:
        """Keeps a clip, or its picture if it has only one."""
        first, *others = itertools.islice(clip.frames(Fraction(0), None), 2)
        # GIF files have transparency even if all of it is opaque.
        if first.alpha is not None and first.alpha.min() == 1:
            self._opaque.add(path)
        if others:
            self._clips[path] = clip
        else:
            alpha = None if path in self._opaque else first.alpha
            self._still[path] = images.Picture(first.pixels, alpha)

    def regions(
        self, frames: Iterator[Frame], start: Fraction, skipped: int
    ) -> Iterator[tuple[Frame, Regions | None]]:
        """Yields each frame with its regions.

        Args:
            frames: Frames of the clip, at the size that is painted.
            start: Second at which the first one begins.
            skipped: Number of frames that were left out since.

        Raises:
            ValueError: A mask does not fit the frames.
            CutShortError: A mask has fewer frames.
        """
        moving = {
            path: itertools.islice(clip.frames(start, None), skipped, None)
            for path, clip in self._clips.items()
        }
        alpha = _FRAME in self._inputs.values()
        fixed: Regions | None = None
        for frame in frames:
            if fixed is None or moving or alpha:
                masks = {
                    path: self._next(path, clip, frame)
                    for path, clip in moving.items()
                }
                fixed = self._of(frame, masks)
            yield frame, fixed

    def _next(
        self, path: str, clip: Iterator[Frame], frame: Frame
    ) -> images.Picture:
        mask = next(clip, None)
        if mask is None:
            raise CutShortError(
                f"The mask '{path}' ends at {float(frame.time):.2f} s, before "
                "the clip does. Give as many frames, or use --end."
            )
        alpha = None if path in self._opaque else mask.alpha
        seen = mask.pixels.mean(-1) if alpha is None else alpha
        return images.Picture(mask.pixels, _faint(seen))

    def _of(
        self, frame: Frame, masks: Mapping[str, images.Picture]
    ) -> Regions | None:
        if not self._any:
            return None
        content = images.Picture(frame.pixels, _faint(frame.alpha))
        known = {**self._still, **masks}
        return region_files.read(
            self._inputs,
            _FRAME,
            content,
            self._styles,
            lambda path: known[path],
        )


def _is_still(path: str) -> bool:
    return path.lower().endswith(
        (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
    ) and not any(character in path for character in "*?[")


def _faint(mask: np.ndarray | None) -> np.ndarray | None:
    return None if mask is None else np.clip(mask, _FAINT, 1 - _FAINT)
