"""Reads and writes model files (.h5), such as those inside this package.

A file holds what this project trained, as float16: the decoder, and the
encoder if it was trained, too; `weights` finds the published encoders. The
settings of a model that was specialized hold its style images, as text.
"""

import base64
import io
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import PIL.Image

from tfstyle.pretrained import hdf5
from tfstyle.pretrained.hdf5 import Arrays
from tfstyle.runtime.types import Path

_SETTINGS = "tfstyle"  # Attribute of the file that holds the settings as JSON.

FILES: dict[str, str] = {
    "distilled": "adain_distilled.h5",
    "vgg16": "adain_vgg16.h5",
    "vgg19": "adain_vgg19.h5",
}
"""Name of a model -> its file in `pretrained/`. Models named like a published
network need its weights, too."""


def path(name: Path) -> pathlib.Path:
    """Returns the file of a model, given by its name or by a path.

    Raises:
        ValueError: There is no such model and no such file.
    """
    name = os.fspath(name)
    if name in FILES:
        return pathlib.Path(__file__).parent / FILES[name]
    if os.path.isdir(name):
        raise ValueError(
            f"'{name}' is a folder. Name a file or, for an exported model, "
            f"the folder of a version, such as '{os.path.join(name, '1')}'."
        )
    if not pathlib.Path(name).is_file():
        raise ValueError(
            f"There is no model '{name}'. Choose from {sorted(FILES)}, or name "
            "an existing file."
        )
    return pathlib.Path(name)


def load(name: Path) -> tuple[dict[str, Any], Arrays]:
    """Reads the settings of a model, and kernel and bias by layer.

    Args:
        name: Name of a model, or path of a file; see `path`.

    Raises:
        ValueError: There is no such model, or the file is damaged.
    """
    found = path(name)
    if found.suffix == ".keras":
        raise ValueError(
            f"'{found}' is a whole model, not a file of trained weights: name "
            "the .h5 file beside it."
        )
    arrays, attributes = hdf5.read(found)
    try:
        settings = json.loads(attributes[_SETTINGS])
        _ = settings["encoder"], settings["train_encoder"]  # In all versions.
        return settings, arrays
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"'{found}' is not a file of tfstyle.train: it does not say its "
            "settings. Name another file."
        ) from error


def save(path: Path, settings: Mapping[str, Any], arrays: Arrays) -> None:
    """Writes a model file for `load`.

    Args:
        path: The file to write (.h5).
        settings: Settings of the model; values that JSON can hold.
        arrays: Kernel and bias by layer.

    Raises:
        ValueError: A value is not finite as float16.
        OSError: The file cannot be written.
    """
    hdf5.save(path, arrays, {_SETTINGS: json.dumps(dict(settings))})


def pack_style(image: np.ndarray) -> str:
    """Returns a style image as text: a JPEG file in base64.

    Args:
        image: Array of shape `(height, width, 3)`, RGB in [0, 1].
    """
    data = io.BytesIO()
    pixels = np.rint(255 * image).astype(np.uint8)
    PIL.Image.fromarray(pixels).save(data, "JPEG", quality=95, subsampling=0)
    return base64.b64encode(data.getvalue()).decode("ascii")


def unpack_style(text: str) -> np.ndarray:
    """Returns the image of `pack_style`: float32, RGB in [0, 1].

    Raises:
        ValueError: The text is damaged.
    """
    try:
        data = io.BytesIO(base64.b64decode(text, validate=True))
        with PIL.Image.open(data) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"A style inside the model is damaged: {error}. Take an undamaged "
            "copy of the model."
        ) from error
    return pixels.astype(np.float32) / np.float32(255)
