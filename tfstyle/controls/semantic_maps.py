"""Semantic maps: equal colors mark the parts to be painted like each other.

The use case of Champandard, "Semantic Style Transfer and Turning Two-Bit
Doodles into Fine Artworks", 2016; here each color is a region with statistics
of its own.
"""

from collections.abc import Sequence

import numpy as np

from tfstyle.controls import regions
from tfstyle.images import Picture
from tfstyle.images.conversion import (
    ImageLike,
    to_image,
    to_images,
    to_picture,
)

# A drawing has a dozen. Each color costs a mask of the picture's size and its
# statistics. Photographs have some flat colors in black or white parts, or
# thousands if they were enlarged.
_MAX_COLORS = 64
_TRANSPARENT = 1 << 30  # Code that is far from those of all colors.


def from_maps(
    content: ImageLike,
    styles: ImageLike | Sequence[ImageLike],
    content_map: ImageLike,
    style_map: ImageLike,
    keep_mask: ImageLike | None = None,
) -> regions.Regions:
    """Makes regions from the colors of two maps.

    Each color of the content's map is a region, which is painted like the
    parts of the same color in the style's map. A color counts if nine pixels
    in a square have it, at most 64 colors; all others, such as mixtures at an
    edge, are replaced by the nearest that counts. Pixels that are less than
    half opaque have a color of their own, "transparent".

    All images are arrays or tensors, Pillow images or paths: see
    `tfstyle.images.conversion`.

    Args:
        content: The photograph.
        styles: One style image.
        content_map: Picture whose colors mark parts of the photograph.
        style_map: Picture whose colors mark parts of the style image.
        keep_mask: Mask of the part of the photograph that stays as it is.

    Raises:
        ValueError: The maps have different colors, too many, or another
            aspect than their images; or there is more than one style.
    """
    styles = to_images(styles)
    if len(styles) != 1:
        raise ValueError(
            "`content_map` and `style_map` are for one style image. Received: "
            f"{len(styles)}"
        )
    content, style = to_image(content), styles[0]
    places = _by_color(to_picture(content_map), "`content_map`")
    sources = _by_color(to_picture(style_map), "`style_map`")
    if missing := sorted(set(places) - set(sources)):
        raise ValueError(
            f"`style_map` has no {', '.join(missing)}, which `content_map` "
            f"has. Its colors: {', '.join(sorted(sources))}."
        )
    free = regions.unkept(keep_mask, content.shape[:2])
    parts = []
    for color, place in places.items():
        place = regions.fitted(place, content.shape[:2], "`content_map`")
        source = regions.fitted(sources[color], style.shape[:2], "`style_map`")
        if (free * place).any():
            parts.append(regions.Region(free * place, {0: source}))
    if not parts:
        regions.painted(free)  # Raises.
    return regions.Regions(tuple(parts))


def _by_color(drawing: Picture, name: str) -> dict[str, np.ndarray]:
    """Masks of the colors that count, by names such as `"#ff0080"`."""
    height, width = drawing.pixels.shape[:2]
    if min(height, width) < 3:
        raise ValueError(
            f"{name} must have 3x3 pixels or more. Received: {width}x{height} "
            "pixels"
        )
    codes = _codes(drawing)
    squares = np.lib.stride_tricks.sliding_window_view(codes, (3, 3))
    flat = (squares == squares[..., 1:2, 1:2]).all((-1, -2))
    colors = np.unique(squares[..., 1, 1][flat])
    if not colors.size:
        raise ValueError(f"{name} has no areas of one color. Use a PNG file.")
    if colors.size > _MAX_COLORS:
        raise ValueError(
            f"{name} has {colors.size} flat colors; expected at most "
            f"{_MAX_COLORS}, one for each region. Use a drawing, not a "
            "photograph."
        )
    every, places = np.unique(codes, return_inverse=True)
    gaps = _rgb(every)[:, None] - _rgb(colors)[None]
    nearest = np.square(gaps).sum(-1).argmin(-1)[places].reshape(codes.shape)
    return {
        _name(color): (nearest == i).astype(np.float32)
        for i, color in enumerate(colors)
    }


def _codes(drawing: Picture) -> np.ndarray:
    levels = np.rint(255 * drawing.pixels).astype(np.int32)
    codes = levels @ np.array([1 << 16, 1 << 8, 1], np.int32)
    if drawing.alpha is not None:
        codes[drawing.alpha < 0.5] = _TRANSPARENT
    return codes


def _name(code: int) -> str:
    return "transparent" if code == _TRANSPARENT else f"#{code:06x}"


def _rgb(codes: np.ndarray) -> np.ndarray:
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1)
