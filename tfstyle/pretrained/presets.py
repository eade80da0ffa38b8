"""Models of any style that come with this package, and files like theirs.

A file holds what this project trained, as float16: the decoder, and the
encoder where it was trained, too; the published encoders are found by
`weights`.
"""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfstyle.pretrained import weights

Arrays = dict[str, tuple[np.ndarray, np.ndarray]]

_SETTINGS = "tfstyle"  # Attribute of the file that holds them as JSON.

FILES: dict[str, str] = {
    "distilled": "adain_distilled.h5",
    "vgg16": "adain_vgg16.h5",
    "vgg19": "adain_vgg19.h5",
}
"""Name of a model -> its file in `pretrained/`. Those that are named as a
published network need its weights, too."""


def path(name: str | os.PathLike[str]) -> pathlib.Path:
    """The file of a model of this package, or of the user.

    Raises:
        ValueError: It is no file, and no model has this name.
    """
    name = os.fspath(name)
    if name in FILES:
        return pathlib.Path(__file__).parent / FILES[name]
    if os.path.isdir(name):
        raise ValueError(
            f"'{name}' is a folder. Name a file, or of an exported model the "
            f"folder of a version, such as '{os.path.join(name, '1')}'."
        )
    if not pathlib.Path(name).is_file():
        raise ValueError(
            f"There is no model '{name}'. Choose from {sorted(FILES)}, or name "
            "a file that is there."
        )
    return pathlib.Path(name)


def load(name: str | os.PathLike[str]) -> tuple[dict[str, Any], Arrays]:
    """The settings of a model, and kernel and bias by layer.

    Args:
        name: As of `path`.

    Raises:
        ValueError: There is no such model, or the file is damaged.
    """
    found = path(name)
    if found.suffix == ".keras":
        raise ValueError(
            f"'{found}' is a whole model: read it with "
            "`keras.saving.load_model`, or name the .h5 file beside it."
        )
    arrays, attributes = weights.read(found)
    try:
        return json.loads(attributes[_SETTINGS]), arrays
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"'{found}' holds no model of any style: it does not say its "
            "settings."
        ) from error


def save(
    path: str | os.PathLike[str], settings: Mapping[str, Any], arrays: Arrays
) -> None:
    """Writes a file for `load`.

    Args:
        path: The file to write (.h5).
        settings: What JSON can hold.
        arrays: Kernel and bias by layer.

    Raises:
        ValueError: A value is not finite as float16.
        OSError: The file cannot be written.
    """
    weights.save(path, arrays, {_SETTINGS: json.dumps(dict(settings))})
