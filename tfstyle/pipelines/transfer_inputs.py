"""Images of tfstyle.transfer as its models see them, and which model it is."""

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


def styles(
    paths: Sequence[str], config: TransferConfig, read: Read
) -> list[np.ndarray]:
    """Style images at the sizes that they are seen at.

    Args:
        paths: Of their files.
        config: Has the sizes and scales.
        read: Gives the image of a file, such as `images.read`.

    Raises:
        ValueError: A file is no image, or narrow.
        FileNotFoundError: There is no such file.
    """
    scales = config.scales(len(paths))
    seen = []
    for path, scale in zip(paths, scales, strict=True):
        image = read(path).pixels
        longer = config.style_size or max(image.shape[:2])
        scaled = "" if scale == 1 else f" at a `style_scale` of {scale}"
        seen.append(_resized(f"'{path}'{scaled}", image, round(longer * scale)))
    return seen


def photograph(
    path: str,
    inputs: Mapping[str, str],
    seen: Sequence[np.ndarray],
    config: TransferConfig,
    read: Read,
) -> tuple[images.Picture, Regions | None]:
    """A photograph at the size of its picture, and its regions.

    Args:
        path: Of its file.
        inputs: Role -> path of the other files; see `region_files`.
        seen: From `styles`.
        config: Has the size.
        read: Gives the image of a file, such as `images.read`.

    Raises:
        ValueError: A file is not what it should be.
        FileNotFoundError: There is no such file.
    """
    picture = read(path)
    longer = config.size or max(picture.pixels.shape[:2])
    pixels = _resized(f"'{path}'", picture.pixels, longer)
    picture = dataclasses.replace(picture, pixels=pixels)
    inputs = region_files.with_alpha(inputs, path)
    return picture, region_files.read(inputs, path, picture, seen, read)


def _resized(name: str, image: np.ndarray, longer: int) -> np.ndarray:
    """An image with a longer side of `longer` pixels, if it is not narrow."""
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
    """Digests of what a model is made of, by part.

    The weights of a published encoder are downloaded where they are missing.

    Args:
        model: Its name, see `sources`.
        encoder_weights: File of the weights of its encoder, or `None`.

    Returns:
        Empty for the handle of a hub, which says itself which model it is;
        of an encoder also whether its weights are the `"published"` ones.

    Raises:
        ValueError: There is no such model, or a file is not what it should be.
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
