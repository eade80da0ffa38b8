"""Semantic maps: pictures whose colours say what is painted like what.

The use case of Champandard, "Semantic Style Transfer and Turning Two-Bit
Doodles into Fine Artworks", 2016; here colours are regions, whose statistics
are compared each with its own.
"""

from collections.abc import Sequence

import numpy as np

from tfstyle.controls import regions
from tfstyle.images.conversion import ImageLike, to_image

# A drawing has a dozen; each is a mask of the picture's size, and its
# statistics. Photographs have some in what is black or white, or thousands
# where they were enlarged.
_MOST_COLOURS = 64


def from_maps(
    content: ImageLike,
    styles: Sequence[ImageLike],
    content_map: ImageLike,
    style_map: ImageLike,
    keep_mask: ImageLike | None = None,
) -> regions.Regions:
    """Regions that colours show.

    Each colour of the content's map is a region, which is painted like what
    has the same colour in the style's map. Colours count where nine pixels in
    a square have them, 64 at most; all others, such as those between two
    colours at an edge, are taken for the nearest that counts.

    All images are arrays or tensors, Pillow images or paths: see `conversion`.

    Args:
        content: The photograph.
        styles: One style image.
        content_map: Colours of the photograph.
        style_map: Colours of the style image.
        keep_mask: What stays as it is.

    Raises:
        ValueError: The maps have not the same colours, too many, or another
            aspect than their images; or there is more than one style.
    """
    if len(styles) != 1:
        raise ValueError(
            "`content_map` and `style_map` are for one style image. Received: "
            f"{len(styles)}"
        )
    content, style = to_image(content), to_image(styles[0])
    places = _by_colour(to_image(content_map), "`content_map`")
    sources = _by_colour(to_image(style_map), "`style_map`")
    if missing := sorted(set(places) - set(sources)):
        raise ValueError(
            f"`style_map` has no {', '.join(missing)}, which `content_map` "
            f"has. Its colours: {', '.join(sorted(sources))}."
        )
    free = regions.unkept(keep_mask, content.shape[:2])
    parts = []
    for colour, place in places.items():
        place = regions.fitted(place, content.shape[:2], "`content_map`")
        source = regions.fitted(sources[colour], style.shape[:2], "`style_map`")
        if (free * place).any():
            parts.append(regions.Region(free * place, {0: source}))
    if not parts:
        regions.painted(free)  # Raises.
    return regions.Regions(tuple(parts))


def _by_colour(image: np.ndarray, name: str) -> dict[str, np.ndarray]:
    """Masks of the colours that count, by names such as `"#ff0080"`."""
    height, width = image.shape[:2]
    if min(height, width) < 3:
        raise ValueError(
            f"{name} must have 3x3 pixels or more. Received: {width}x{height} "
            "pixels"
        )
    levels = np.rint(255 * image).astype(np.int32)
    codes = levels @ np.array([1 << 16, 1 << 8, 1], np.int32)
    squares = np.lib.stride_tricks.sliding_window_view(codes, (3, 3))
    flat = (squares == squares[..., 1:2, 1:2]).all((-1, -2))
    colours = np.unique(squares[..., 1, 1][flat])
    if not colours.size:
        raise ValueError(f"{name} has no areas of one colour. Take a PNG.")
    if colours.size > _MOST_COLOURS:
        raise ValueError(
            f"{name} has {colours.size} flat colours; expected at most "
            f"{_MOST_COLOURS}, one for each region. Take a drawing, not a "
            "photograph."
        )
    every, places = np.unique(codes, return_inverse=True)
    gaps = _rgb(every)[:, None] - _rgb(colours)[None]
    nearest = np.square(gaps).sum(-1).argmin(-1)[places].reshape(codes.shape)
    return {
        f"#{colour:06x}": (nearest == i).astype(np.float32)
        for i, colour in enumerate(colours)
    }


def _rgb(codes: np.ndarray) -> np.ndarray:
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1)
