"""Files of tfstyle.transfer, as what its models are given."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tfstyle import images
from tfstyle.adain.config import TransferConfig
from tfstyle.controls import region_files
from tfstyle.controls.regions import Regions
from tfstyle.images import provenance
from tfstyle.images.sizes import pyramid
from tfstyle.pretrained import presets, weights

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
    max_pixels: int,
) -> tuple[images.Picture, Regions | None]:
    """A photograph at the size at which it is painted, and its regions.

    Args:
        path: Of its file.
        inputs: Role -> path of the other files; see `region_files`.
        seen: From `styles`.
        config: Has the size.
        read: Gives the image of a file.
        max_pixels: Masks and maps of more pixels are refused.

    Raises:
        ValueError: A file is not what it should be.
        FileNotFoundError: There is no such file.
    """
    picture = read(path)
    longer = config.size or max(picture.pixels.shape[:2])
    pixels = _resized(f"'{path}'", picture.pixels, longer)
    picture = dataclasses.replace(picture, pixels=pixels)
    inputs = region_files.with_alpha(inputs, path)
    return picture, region_files.read(inputs, path, picture, seen, max_pixels)


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
        model: As of `painters.load`.
        encoder_weights: As of `painters.load`.

    Returns:
        Empty for the handle of a hub, which says itself which model it is;
        of an encoder also whether its weights are the `"published"` ones.

    Raises:
        ValueError: There is no such model, or a file is not what it should be.
        FileNotFoundError: A file is missing.
    """
    graph = pathlib.Path(model, "saved_model.pb")
    whole = "://" in model or graph.is_file() or model.endswith(".keras")
    stored: dict[str, Any] = {"train_encoder": True}
    if not whole:
        stored = presets.load(model)[0]
    if stored["train_encoder"] and encoder_weights is not None:
        raise ValueError(
            f"The model '{model}' holds its encoder's weights: leave out "
            "`encoder_weights`."
        )
    if "://" in model:
        return {}
    if graph.is_file():
        files = [graph, *sorted(graph.parent.glob("variables/*"))]
        return {"model": [provenance.digest(file) for file in files]}
    found: dict[str, str | list[str] | bool] = {
        "model": provenance.digest(presets.path(model))
    }
    if not stored["train_encoder"]:
        encoder = weights.resolve(
            stored["encoder"], encoder_weights, progressbar=True
        )
        found["encoder"] = encoder.digest
        found["published"] = encoder.published
    return found
