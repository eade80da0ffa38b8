"""Reads and resizes the images of tfstyle.transfer; identifies its model."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tfstyle import images
from tfstyle.adain import sources
from tfstyle.adain.config import TransferConfig
from tfstyle.controls import region_files
from tfstyle.controls.regions import Regions
from tfstyle.images import provenance
from tfstyle.images.sizes import pyramid
from tfstyle.pretrained import weights

Read = Callable[[str], images.Picture]
"""Function that returns the image of a file."""


def inside(model: str) -> list[str]:
    """Returns the path of a specialized model once for each style inside it.

    `styles` takes these for the images inside.

    Raises:
        ValueError: There is no such model, or no style is inside.
    """
    return [model] * len(sources.find(model).styles())


def styles(
    paths: Sequence[str], config: TransferConfig, read: Read
) -> list[np.ndarray]:
    """Reads the style images and resizes them by the settings.

    Those inside a model have the size at which it was fitted, times the scale.

    Args:
        paths: Paths of the style images, or those from `inside`.
        config: Settings, of which `model`, `style_size` and `style_scale` are
            used.
        read: Function that returns the image of a file.

    Raises:
        ValueError: A file is not an image, or too narrow.
        FileNotFoundError: There is no such file.
    """
    scales = config.scales(len(paths))
    inside = set(paths) == {config.model}
    given = (
        sources.find(config.model).styles()
        if inside
        else [read(path).pixels for path in paths]
    )
    if inside:
        config = dataclasses.replace(config, style_size=0)
    seen = []
    for path, image, scale in zip(paths, given, scales, strict=True):
        longer = config.style_side(max(image.shape[:2]), scale)
        scaled = "" if scale == 1 else f" at a `style_scale` of {scale}"
        seen.append(resized(f"'{path}'{scaled}", image, longer))
    return seen


def photograph(
    path: str,
    inputs: Mapping[str, str],
    seen: Sequence[np.ndarray],
    config: TransferConfig,
    read: Read,
) -> tuple[images.Picture, Regions | None]:
    """Reads a photograph, at the size of its picture, and its regions.

    Args:
        path: Path of the photograph.
        inputs: Role -> path of the other files; see
            `tfstyle.controls.region_files`.
        seen: Style images, from `styles`.
        config: Settings, of which `size` is used.
        read: Function that returns the image of a file.

    Raises:
        ValueError: A file is not an image, too narrow, or a wrong mask.
        FileNotFoundError: There is no such file.
    """
    picture = read(path)
    longer = config.size or max(picture.pixels.shape[:2])
    pixels = resized(f"'{path}'", picture.pixels, longer)
    picture = dataclasses.replace(picture, pixels=pixels)
    inputs = region_files.with_alpha(inputs, path)
    return picture, region_files.read(inputs, path, picture, seen, read)


def resized(name: str, image: np.ndarray, longer: int) -> np.ndarray:
    """Resizes an image to a longer side.

    Args:
        name: Name of the image for the error, in quotes.
        image: Image, `(height, width, 3)`.
        longer: New longer side, in pixels.

    Raises:
        ValueError: It is too narrow.
    """
    height, width = image.shape[:2]
    try:
        shape = pyramid(height, width, longer)[-1]
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    same = shape == (height, width)
    return image if same else images.resize(image, *shape)


def describe(
    model: str, encoder_weights: str | None
) -> dict[str, str | list[str] | bool]:
    """Returns the hashes of a model's files, by part.

    Missing weights of a published encoder are downloaded.

    Args:
        model: Name of the model; see `tfstyle.adain.sources`.
        encoder_weights: File of its encoder's weights, or `None`.

    Returns:
        `"model"` and `"encoder"` -> hash, and `"published"` -> whether the
        encoder's weights are the published ones, as far as the model has
        these parts; empty for a hub handle, which identifies itself.

    Raises:
        ValueError: There is no such model, or a file is wrong.
        FileNotFoundError: A file is missing.
    """
    source = sources.find(model)
    source.check_encoder_weights(encoder_weights)
    if not source.files:
        return {}
    digests = [provenance.digest(file) for file in source.files]
    several = source.kind == "saved_model"
    found: dict[str, str | list[str] | bool] = {
        "model": digests if several else digests[0]
    }
    if source.encoder is not None:
        encoder = weights.resolve(
            source.encoder, encoder_weights, progressbar=True
        )
        found["encoder"] = encoder.digest
        found["published"] = encoder.published
    return found
