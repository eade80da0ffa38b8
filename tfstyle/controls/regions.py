"""Regions: which part of a photograph is painted like which part of a style.

A mask is a float32 array of shape `(height, width)` in [0, 1]: how much of each
pixel belongs to the region. It may have another size than its image, but must
have the same aspect. Where the masks of several regions add up to more than 1,
they are divided by their sum; where they add up to less, the photograph shows
through.

Examples:
    >>> photo, wave, night = np.zeros((3, 4, 6, 3), np.float32)
    >>> left = np.tile(np.float32([1, 1, 1, 0, 0, 0]), (4, 1))
    >>> halves = from_masks(photo, [wave, night], [left])
    >>> [sorted(part.sources) for part in halves.parts]
    [[0], [1]]
    >>> float(halves.parts[1].mask[0, 5]), float(halves.cover(8, 12).min())
    (1.0, 1.0)
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import PIL.Image

from tfstyle.images.conversion import (
    ImageLike,
    to_image,
    to_images,
    to_mask,
)
from tfstyle.images.sizes import stride
from tfstyle.runtime.types import Shape


class Region(NamedTuple):
    """A part of the photograph, and the parts of styles that it is painted in.

    Attributes:
        mask: Mask of the photograph; `None` for all of it.
        sources: Index of a style image -> mask of the part to use, or `None`
            for all of it. The statistics of several are blended.
    """

    mask: np.ndarray | None
    sources: Mapping[int, np.ndarray | None]

    @property
    def area(self) -> float:
        """Fraction of the photograph that the region covers."""
        return 1.0 if self.mask is None else float(self.mask.mean())


@dataclasses.dataclass(frozen=True, eq=False)
class Regions:
    """Regions of a photograph, whose masks add up to at most 1.

    Attributes:
        parts: One region or more.
    """

    parts: tuple[Region, ...]

    @property
    def apart(self) -> bool:
        """Whether styles have separate regions instead of being blended."""
        return len({tuple(part.sources) for part in self.parts}) > 1

    @property
    def guides(self) -> bool:
        """Whether the regions affect the statistics, not only the pasting."""
        (first, *others) = self.parts
        return bool(others) or any(
            mask is not None for mask in first.sources.values()
        )

    def check(self, content: np.ndarray, styles: int) -> None:
        """Raises `ValueError` unless the regions fit the images."""
        used = {i for part in self.parts for i in part.sources}
        if used - set(range(styles)) or (styles and not used):
            raise ValueError(
                f"The regions are for {max(used, default=-1) + 1} styles: give "
                "`from_masks` those that are painted. Received: "
                f"{styles} styles"
            )
        for part in self.parts:
            if part.mask is not None:
                _check_aspect(part.mask, content.shape[:2], "A region")

    def masks(self) -> list[np.ndarray]:
        """Returns all masks, of the photograph and of the styles."""
        every = [
            mask
            for part in self.parts
            for mask in (part.mask, *part.sources.values())
        ]
        return [mask for mask in every if mask is not None]

    def layout(self) -> list[tuple[bool, list[tuple[int, bool]]]]:
        """Tells, per region, whether the photograph and each style has a mask.

        It gives the order of the arrays of `masks`.
        """
        return [
            (
                part.mask is not None,
                [(i, mask is not None) for i, mask in part.sources.items()],
            )
            for part in self.parts
        ]

    def cover(self, height: int, width: int) -> np.ndarray:
        """Sum of the regions' masks at a size, of shape `(height, width)`."""
        covers = [resize(part.mask, height, width) for part in self.parts]
        return np.minimum(sum(covers), 1).astype(np.float32)

    def paste(self, painted: np.ndarray, photo: np.ndarray) -> np.ndarray:
        """Pastes a painted picture on the photograph of the same size.

        Outside the regions the result has exactly the values of `photo`.
        """
        if self.parts[0].mask is None:
            return painted
        cover = self.cover(*painted.shape[:2])[..., None]
        return cover * painted + (1 - cover) * photo


def whole(styles: int) -> Regions:
    """Returns one region: all of the photograph, in all style images."""
    return Regions((Region(None, dict.fromkeys(range(styles))),))


def from_masks(
    content: ImageLike,
    styles: ImageLike | Sequence[ImageLike] = (),
    content_masks: ImageLike | Sequence[ImageLike] = (),
    style_masks: ImageLike | Sequence[ImageLike | None] = (),
    keep_mask: ImageLike | None = None,
) -> Regions:
    """Makes regions from masks.

    Images and masks are arrays or tensors, Pillow images or paths: see
    `tfstyle.images.conversion`. Several may be one array, masks of shape
    `(number, height, width)`, too.

    Args:
        content: The photograph.
        styles: The style image, or several.
        content_masks: Mask of the photograph for each style. The last style
            may have none: it is for the rest of the photograph. Without any
            mask, the styles are blended everywhere.
        style_masks: Mask of the part of each style image that gives the
            statistics; `None`, or no mask, for all of the image.
        keep_mask: Mask of the part of the photograph that stays as it is.

    Raises:
        ValueError: A mask is empty, or has another aspect than its image; or
            there are too many or too few masks.
    """
    content, styles = to_image(content), to_images(styles)
    content_masks, style_masks = _several(content_masks), _several(style_masks)
    check_counts(len(styles), len(content_masks), len(style_masks))
    sources = _sources(styles, style_masks)
    if not content_masks and keep_mask is None:
        return Regions((Region(None, sources),))
    shape = content.shape[:2]
    free = unkept(keep_mask, shape)
    if not content_masks:
        return Regions((Region(painted(free), sources),))
    places = [
        fitted(mask, shape, f"`content_mask` {i}")
        for i, mask in enumerate(content_masks, 1)
    ]
    if len(places) < len(styles):
        places.append(np.clip(1 - sum(places), 0, 1))
    total = np.maximum(sum(places), 1)
    return Regions(
        tuple(
            Region(painted(place / total * free), {i: sources[i]})
            for i, place in enumerate(places)
        )
    )


def _several(
    masks: ImageLike | Sequence[ImageLike | None],
) -> Sequence[ImageLike | None]:
    shape: Sequence[int] = getattr(masks, "shape", ())
    channels = len(shape) == 3 and shape[-1] in (1, 3, 4)  # Or many masks.
    one = isinstance(masks, (str, os.PathLike, PIL.Image.Image))
    return [masks] if one or len(shape) == 2 or channels else [*masks]


def check_counts(styles: int, content_masks: int, style_masks: int) -> None:
    """Raises `ValueError` unless the numbers of masks and styles fit."""
    if content_masks and styles not in (content_masks, content_masks + 1):
        raise ValueError(
            f"{content_masks} of `content_mask` need as many of `style`, or "
            f"one more for the rest. Received: {styles} of `style`"
        )
    if style_masks > styles:
        raise ValueError(
            f"{style_masks} of `style_mask` need as many of `style`. Received: "
            f"{styles} of `style`"
        )


def resize(mask: np.ndarray | None, height: int, width: int) -> np.ndarray:
    """Resizes a mask; `None`, for all of an image, becomes ones.

    It averages to shrink and interpolates linearly to enlarge: unlike
    `images.resize`, neither leaves traces where the mask is 0.
    """
    if mask is None:
        return np.ones((height, width), np.float32)
    smaller = height < mask.shape[0] or width < mask.shape[1]
    method = (
        PIL.Image.Resampling.BOX if smaller else PIL.Image.Resampling.BILINEAR
    )
    image = PIL.Image.fromarray(np.ascontiguousarray(mask, np.float32))
    found = np.asarray(image.resize((width, height), method))
    if smaller and not found.any():
        # BOX misses a line of pixels that lies between two boxes.
        method = PIL.Image.Resampling.BILINEAR
        found = np.asarray(image.resize((width, height), method))
    return found


def bordered(mask: np.ndarray, shape: Shape, border: int) -> np.ndarray:
    """Scales a mask to its image and mirrors it at the edges, as networks do.

    Args:
        mask: Mask of the image, of any height and width.
        shape: Height and width of the image.
        border: Mirrored pixels at each edge of the image that maps cover.
    """
    return np.pad(resize(mask, *shape), border, mode="symmetric")


def on_maps(mask: np.ndarray, shape: Shape) -> np.ndarray:
    """Scales a mask to feature maps.

    Args:
        mask: Mask with its border, from `bordered`.
        shape: Height and width of the maps.
    """
    # Pooling leaves out the last row or column where there is no pair.
    pairs = (
        slice(count * stride(length, count))
        for length, count in zip(mask.shape, shape, strict=True)
    )
    return resize(mask[tuple(pairs)], *shape)


def fitted(mask: ImageLike, shape: tuple[int, int], name: str) -> np.ndarray:
    """Converts a mask to the size of its image.

    Raises:
        ValueError: It is not a mask, has another aspect, or is empty; names
            it by `name`.
    """
    try:
        mask = to_mask(mask)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    _check_aspect(mask, shape, name)
    if not mask.any():
        raise ValueError(
            f"{name} is black: its region is empty. Paint the region white."
        )
    return resize(mask, *shape)


def unkept(mask: ImageLike | None, shape: tuple[int, int]) -> np.ndarray:
    """Returns the mask of the part to paint, the inverse of a keep mask."""
    if mask is None:
        return np.ones(shape, np.float32)
    return 1 - fitted(mask, shape, "`keep_mask`")


def painted(mask: np.ndarray) -> np.ndarray:
    """Returns a region's mask; raises `ValueError` if it is empty."""
    if not mask.any():
        raise ValueError(
            "`keep_mask` and `content_mask` or `content_map` leave nothing to "
            "paint for a style."
        )
    return mask.astype(np.float32)


def _check_aspect(mask: np.ndarray, shape: tuple[int, int], name: str) -> None:
    (height, width), (rows, columns) = shape, mask.shape
    # Allows for the rounding of scaled shapes.
    most = max(height + width, rows + columns) / 2
    if abs(rows * width - columns * height) > most:
        raise ValueError(
            f"{name} has {columns}x{rows} pixels, its image {width}x{height}: "
            "they must have the same aspect."
        )


def _sources(
    styles: Sequence[np.ndarray], masks: Sequence[ImageLike | None]
) -> dict[int, np.ndarray | None]:
    sources: dict[int, np.ndarray | None] = dict.fromkeys(range(len(styles)))
    for i, mask in enumerate(masks):
        if mask is not None:
            name = f"`style_mask` {i + 1}"
            sources[i] = fitted(mask, styles[i].shape[:2], name)
    return sources
