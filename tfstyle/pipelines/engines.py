"""Engines that make one picture after the other, behind one interface.

For programs that make many pictures with other settings or files: all are
checked first, without TensorFlow, and what they share is read once.
"""

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from tfstyle import images
from tfstyle.controls.regions import Regions
from tfstyle.optimization.config import GatysConfig
from tfstyle.pipelines import preparation, transfer_inputs
from tfstyle.runtime.progress import OnStep

if TYPE_CHECKING:
    from tfstyle.adain.stylizers import ControlledStylizer


class Task(NamedTuple):
    """The picture to make.

    Attributes:
        config: The settings, of the kind that the engine has.
        inputs: Role -> path, as in `preparation`.
    """

    config: Any
    inputs: Mapping[str, str]


class Engine(Protocol):
    """Checks tasks, and makes their pictures."""

    def check(self, task: Task) -> None:
        """Reads the files of a task; TensorFlow is not needed.

        Raises:
            ValueError: A file or a setting is not what it should be.
            FileNotFoundError: A file is missing.
        """

    def load(self, task: Task) -> object:
        """Loads what is needed for a task.

        Raises:
            ValueError: There is no such model.
            FileNotFoundError: Its weights are missing.
        """

    def stylize(self, task: Task, on_step: OnStep) -> np.ndarray:
        """The picture; engines of a single pass do not call `on_step`."""


# Settings that decide which files are read and whether a run is possible.
_DECISIVE = (
    *("size", "features", "feature_weights", "draft"),
    *("content_layers", "style_layers"),
)


class OptimizeEngine:
    """The engine of tfstyle.optimize: tasks have a `GatysConfig`.

    Args:
        max_pixels: Larger images are refused.
    """

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._jobs: dict[str, preparation.Job] = {}

    def check(self, task: Task) -> None:
        """See `Engine`."""
        self.prepared(task)

    def prepared(self, task: Task) -> preparation.Job:
        """The files of a task; read once for all that have the same."""
        values = [getattr(task.config, name) for name in _DECISIVE]
        key = json.dumps([values, task.inputs])
        if key not in self._jobs:
            self._jobs[key] = preparation.prepare(
                task.config, task.inputs, self._max_pixels
            )
        return self._jobs[key]

    def load(self, task: Task) -> None:
        """See `Engine`; raises `MemoryError` if the picture does not fit."""
        from tfstyle.optimization import gatys

        found, settings = self._ready(task)
        given = found.content.pixels, found.styles, settings
        gatys.check_memory(*given, found.regions)

    def stylize(self, task: Task, on_step: OnStep) -> np.ndarray:
        """See `Engine`."""
        from tfstyle.optimization import gatys

        found, settings = self._ready(task)
        return gatys.stylize(
            found.content.pixels,
            found.styles,
            settings,
            on_step,
            regions=found.regions,
            weights_file=found.weights_file,
        )

    def _ready(self, task: Task) -> tuple[preparation.Job, GatysConfig]:
        """The files of a task, and its settings without "auto"."""
        from tfstyle.optimization import run

        found = self.prepared(task)
        settings, _ = run.resolve(task.config, found.weights_file)
        return found, settings


class TransferEngine:
    """The engine of tfstyle.transfer: tasks have a `TransferConfig`.

    Args:
        max_pixels: Larger images are refused.
        encoder_weights: See `loading.load`.
    """

    def __init__(self, max_pixels: int, encoder_weights: str | None) -> None:
        self._read = functools.cache(lambda path: images.read(path, max_pixels))
        self._stylizer = functools.cache(
            functools.partial(_stylizer, encoder_weights)
        )

    def check(self, task: Task) -> None:
        """See `Engine`."""
        self._images(task)

    def load(self, task: Task) -> "ControlledStylizer":
        """See `Engine`; the model, which is loaded once."""
        config = task.config
        return self._stylizer(config.model, config.precision, config.tile)

    def stylize(self, task: Task, on_step: OnStep) -> np.ndarray:
        """See `Engine`."""
        photo, styles, regions = self._images(task)
        stylizer = self.load(task)
        style = stylizer.embed(styles, task.config, regions)
        return stylizer.stylize(photo, style, task.config.strength)

    def _images(
        self, task: Task
    ) -> tuple[np.ndarray, list[np.ndarray], Regions | None]:
        """Photograph and styles at the sizes they are seen at, and regions."""
        given = task.config, self._read
        styles = transfer_inputs.styles(preparation.styles(task.inputs), *given)
        path = task.inputs["content"]
        picture, regions = transfer_inputs.photograph(
            path, task.inputs, styles, *given
        )
        return picture.pixels, styles, regions


def _stylizer(
    encoder_weights: str | None, model: str, precision: str, tile: int
) -> "ControlledStylizer":
    from tfstyle.adain import loading
    from tfstyle.adain.stylizers import ControlledStylizer
    from tfstyle.runtime import devices

    return ControlledStylizer(
        loading.load(model, encoder_weights, devices.precision(precision), tile)
    )
