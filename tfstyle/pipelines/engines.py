"""Engines that paint one picture after the other, behind one interface.

For programs that paint many pictures with other settings or files: all are
checked first, without TensorFlow, and what they share is read once.
"""

import functools
import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from tfstyle import images
from tfstyle.optimization.config import GatysConfig
from tfstyle.pipelines import preparation, transfer_inputs
from tfstyle.runtime.progress import OnStep


class Task(NamedTuple):
    """What to paint.

    Attributes:
        config: The settings, of the kind that the engine has.
        inputs: Role -> path, as in `job`.
    """

    config: Any
    inputs: Mapping[str, str]


class Engine(Protocol):
    """How tasks are checked and painted."""

    def check(self, task: Task) -> None:
        """Reads the files of a task; TensorFlow is not needed.

        Raises:
            ValueError: A file or a setting is not what it should be.
            FileNotFoundError: A file is missing.
        """

    def load(self, task: Task) -> None:
        """Loads what is needed to paint a task.

        Raises:
            ValueError: There is no such model.
            FileNotFoundError: Its weights are missing.
        """

    def paint(self, task: Task, on_step: OnStep) -> np.ndarray:
        """The picture; of engines of a single pass `on_step` is not called."""


# Settings that decide which files are read and whether a run is possible.
_DECISIVE = (
    *("size", "features", "feature_weights", "draft"),
    *("content_layers", "style_layers"),
)


class Optimizer:
    """The engine of tfstyle.optimize: tasks have a `GatysConfig`.

    Args:
        max_pixels: Larger images are refused.
    """

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._jobs: dict[str, preparation.Job] = {}

    def check(self, task):
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

    def load(self, task):
        """See `Engine`; raises `MemoryError` if the picture does not fit."""
        from tfstyle.optimization import gatys

        found, settings = self._ready(task)
        given = found.content.pixels, found.styles, settings
        gatys.check_memory(*given, found.regions)

    def paint(self, task, on_step):
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


class Model:
    """The engine of tfstyle.transfer: tasks have a `TransferConfig`.

    Args:
        max_pixels: Larger images are refused.
        encoder_weights: See `painters.load`.
    """

    def __init__(self, max_pixels: int, encoder_weights: str | None) -> None:
        self._max_pixels = max_pixels
        self._read = functools.cache(lambda path: images.read(path, max_pixels))
        self._painter = functools.cache(
            functools.partial(_painter, encoder_weights)
        )

    def check(self, task):
        """See `Engine`."""
        self._images(task)

    def load(self, task):
        """See `Engine`."""
        config = task.config
        return self._painter(config.model, config.precision, config.tile)

    def paint(self, task, on_step):
        """See `Engine`."""
        from tfstyle.adain import stylizers

        config = task.config
        content, styles, regions = self._images(task)
        painter = stylizers.FinishingPainter(self.load(task), config)
        style = painter.embed(
            styles, config.style_mix, config.style_detail, regions
        )
        return painter.paint(content, style, config.strength, regions)

    def _images(self, task):
        """Photograph and styles at the sizes they are seen at, and regions."""
        given = task.config, self._read
        styles = transfer_inputs.styles(preparation.styles(task.inputs), *given)
        path = task.inputs["content"]
        picture, regions = transfer_inputs.photograph(
            path, task.inputs, styles, *given, self._max_pixels
        )
        return picture.pixels, styles, regions


def _painter(encoder_weights, model, precision, tile):
    from tfstyle.adain import stylizers
    from tfstyle.runtime import devices

    return stylizers.load(
        model, encoder_weights, devices.precision(precision), tile
    )
