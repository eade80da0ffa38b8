"""What long runs on images have in common: checks, checkpoints, failure."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfstyle.pretrained import weights
from tfstyle.runtime import checkpoint

_SECONDS = 60.0  # From one checkpoint to the next.


class DivergedError(FloatingPointError):
    """A loss or a gradient was not finite.

    Attributes:
        picture: The last good picture, `(height, width, 3)`.
    """

    def __init__(self, message: str, picture: np.ndarray) -> None:
        super().__init__(message)
        self.picture = picture


class UnsavedError(OSError):
    """A checkpoint could not be kept, but the picture was painted.

    Attributes:
        picture: What was painted, `(height, width, 3)`.
    """

    def __init__(self, message: str, picture: np.ndarray) -> None:
        super().__init__(message)
        self.picture = picture


def check_images(arrays: Sequence[np.ndarray]) -> None:
    """Raises `ValueError` unless these are images; see `tfstyle.images`."""
    for image in arrays:
        if not isinstance(image, np.ndarray):
            raise ValueError(
                "Images must be NumPy arrays; `images.load` reads files. "
                f"Received: {type(image).__name__}"
            )
        shaped = image.ndim == 3 and image.shape[2] == 3 and image.size
        if not shaped or image.dtype != np.float32:
            raise ValueError(
                "Images must be float32 arrays of shape (height, width, 3). "
                f"Received: {image.dtype} of shape {image.shape}"
            )
        if not (image.min() >= 0 and image.max() <= 1):  # NaN is refused too.
            raise ValueError(
                "Images must hold values in [0, 1]. Received: values from "
                f"{image.min()} to {image.max()}"
            )


def with_network(config: Any) -> Any:
    """The settings with the name of the network that `"auto"` is here."""
    if config.features != "auto":
        return config
    name = weights.auto(config.feature_weights)
    return dataclasses.replace(config, features=name)


class Checkpoints:
    """The state of a run, kept in a folder every minute.

    Args:
        folder: Where, or `None` for nowhere.
        config: A dataclass: all that the run does, together with `images`.
        images: What it does it with.
        note: What else tells runs apart and JSON can hold.
    """

    def __init__(
        self,
        folder: str | None,
        config: Any,
        images: Sequence[np.ndarray],
        note: Any = None,
    ) -> None:
        self._folder = folder
        self._key = "" if folder is None else _key(config, images, note)
        self._saved = time.monotonic()
        self._error: OSError | None = None

    @property
    def due(self) -> bool:
        """Whether the last one is a minute old."""
        return time.monotonic() - self._saved > _SECONDS

    def save(
        self, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]
    ) -> None:
        """Replaces the checkpoint; see `checkpoint.save`.

        Where that fails the run goes on: it is worth more, see `deliver`.
        """
        self._saved = time.monotonic()
        if self._folder is None:
            return
        try:
            checkpoint.save(self._folder, arrays, {**meta, "key": self._key})
            self._error = None
        except OSError as error:
            self._error = error

    def deliver(self, picture: np.ndarray) -> np.ndarray:
        """The picture at the end of the run.

        Raises:
            UnsavedError: The last checkpoint could not be written.
        """
        if self._error:
            raise UnsavedError(
                f"The checkpoint in '{self._folder}' could not be written: "
                f"{self._error}",
                picture,
            ) from self._error
        return picture

    def load(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Arrays and metadata to go on from, or `None`.

        Raises:
            ValueError: They belong to other images or settings, or are
                damaged.
        """
        found = checkpoint.load(self._folder) if self._folder else None
        if found is not None and found[1].get("key") != self._key:
            raise ValueError(
                f"The checkpoint in '{self._folder}' belongs to other images "
                "or settings. Give those, another folder, or delete it."
            )
        return found


def _key(config: Any, images: Sequence[np.ndarray], note: Any) -> str:
    """Tells runs with other images or settings apart."""
    named = dataclasses.asdict(config)
    # A file by what is in it, wherever it is.
    path = named.pop("feature_weights")
    named["weights"] = weights.resolve(config.features, path).digest
    settings = [named, note]
    text = json.dumps(settings, sort_keys=True, default=np.generic.item)
    digest = hashlib.sha256(text.encode())
    for image in images:
        digest.update(str(image.shape).encode())
        digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()
