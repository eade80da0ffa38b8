"""Reads regions from mask and map files, given by role.

Roles are named like the flags; those that can be repeated have a number:
`"content_mask 1"`, `"content_mask 2"`..., `"style_mask 1"`..., `"keep_mask"`,
`"content_map"`, `"style_map"`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from tfstyle import images
from tfstyle.controls import regions, semantic_maps

ROLES = ("content_mask", "style_mask", "keep_mask", "content_map", "style_map")


def check_roles(roles: Collection[str]) -> bool:
    """Raises `ValueError` unless the roles of input files fit together.

    Args:
        roles: Roles such as `"style 1"`, `"content_mask 1"`, `"keep_mask"`.

    Returns:
        Whether each style has regions of its own.
    """
    names = _names(roles)
    maps = [name for name in ("content_map", "style_map") if name in names]
    if len(maps) == 1:
        raise ValueError(
            "`content_map` and `style_map` need each other. Received: only "
            f"`{maps[0]}`"
        )
    masks = [name for name in ("content_mask", "style_mask") if name in names]
    if maps and masks:
        raise ValueError(
            f"Use either `content_map` or `{masks[0]}`. Received: both"
        )
    if maps and names.count("style") != 1:
        raise ValueError(
            "`content_map` and `style_map` are for one `style`. Received: "
            f"{names.count('style')}"
        )
    counts = (names.count(n) for n in ("style", "content_mask", "style_mask"))
    regions.check_counts(*counts)
    return "content_mask" in names and names.count("style") > 1


def any_in(roles: Collection[str]) -> bool:
    """Whether any of the roles is a mask or a map."""
    return not set(ROLES).isdisjoint(_names(roles))


def _names(roles: Collection[str]) -> list[str]:
    """Roles without their numbers."""
    return [role.partition(" ")[0] for role in roles]


def with_alpha(inputs: Mapping[str, str], photo: str) -> dict[str, str]:
    """Replaces `"alpha"` by the path of the photograph.

    Args:
        inputs: Role -> path, or `"alpha"` for a mask that is the photograph's
            transparency.
        photo: Path of the photograph.
    """
    masks = ("content_mask", "keep_mask")
    return {
        role: photo if role.startswith(masks) and path == "alpha" else path
        for role, path in inputs.items()
    }


def read(
    inputs: Mapping[str, str],
    photo: str,
    content: images.Picture,
    styles: Sequence[np.ndarray],
    read_file: Callable[[str], images.Picture] = images.read,
) -> regions.Regions | None:
    """Reads masks and maps; returns `None` if there are none.

    The mask of a file is its transparency, if it has any, else its gray
    tones. If the photograph is its own mask, it must have transparency.

    Args:
        inputs: Role -> path, see `ROLES`; the number of a repeated role
            follows after a space.
        photo: Path of the photograph.
        content: The photograph.
        styles: The style images.
        read_file: Function that returns the image of a file; may cache it.

    Raises:
        ValueError: A mask or map is wrong; see `regions.from_masks` and
            `semantic_maps.from_maps`.
        FileNotFoundError: There is no such file.
    """
    names = _names(inputs)
    if not any_in(inputs):
        return None

    def masks(wanted: str) -> list[np.ndarray]:
        paths = zip(names, inputs.values(), strict=True)
        return [
            _alpha(photo, content) if path == photo else read_file(path).mask
            for name, path in paths
            if name == wanted
        ]

    given = content.pixels, styles
    keep = next(iter(masks("keep_mask")), None)
    if "content_map" not in inputs:
        each = masks("content_mask"), masks("style_mask")
        return regions.from_masks(*given, *each, keep)
    return semantic_maps.from_maps(
        *given,
        read_file(inputs["content_map"]),
        read_file(inputs["style_map"]),
        keep,
    )


def _alpha(photo: str, content: images.Picture) -> np.ndarray:
    if content.alpha is None:
        raise ValueError(
            f"'{photo}' has no transparency to use as a mask. Give a mask file."
        )
    return content.alpha
