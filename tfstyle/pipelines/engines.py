"""Engines: one interface to optimization and one-pass models.

For programs that make many pictures with varied settings or files: all are
checked first, without TensorFlow, and shared files are read once.
"""

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from tfstyle import images
from tfstyle.adain.config import TransferConfig
from tfstyle.controls.regions import Regions
from tfstyle.optimization.config import GatysConfig
from tfstyle.pipelines import preparation, transfer_inputs
from tfstyle.runtime.progress import OnStep

if TYPE_CHECKING:
    from tfstyle.adain.stylizers import ControlledStylizer


class Task(NamedTuple):
    """Settings and input files of one picture to make.

    Attributes:
        config: Settings, of the class that the engine takes.
        inputs: Role -> path of each input file; see `preparation`.
    """

    config: Any
    inputs: Mapping[str, str]


class Engine(Protocol):
    """Interface that checks tasks and makes their pictures."""

    def check(self, task: Task) -> None:
        """Reads and checks the files of a task, without TensorFlow.

        Raises:
            ValueError: A file or a setting is wrong.
            FileNotFoundError: A file is missing.
        """

    def load(self, task: Task) -> object:
        """Loads the model of a task, or checks that its picture fits.

        Raises:
            ValueError: There is no such model.
            FileNotFoundError: Its weights are missing.
        """

    def stylize(self, task: Task, on_step: OnStep) -> np.ndarray:
        """Makes the picture; one-pass engines do not call `on_step`."""


# Settings that decide which files are read and whether they fit.
_DECISIVE = (
    *("size", "features", "feature_weights", "draft"),
    *("content_layers", "style_layers"),
)


class OptimizeEngine:
    """Engine of tfstyle.optimize: tasks have a `GatysConfig`.

    Args:
        max_pixels: Maximum number of pixels of an input image.
    """

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._prepared: dict[str, preparation.Prepared] = {}

    def check(self, task: Task) -> None:
        """Reads and checks the files of a task; see `Engine.check`."""
        self.prepared(task)

    def prepared(self, task: Task) -> preparation.Prepared:
        """Returns the decoded files of a task; tasks with equal files share."""
        values = [getattr(task.config, name) for name in _DECISIVE]
        key = json.dumps([values, task.inputs])
        if key not in self._prepared:
            self._prepared[key] = preparation.prepare(
                task.config, task.inputs, self._max_pixels
            )
        return self._prepared[key]

    def load(self, task: Task) -> None:
        """Raises `MemoryError` if the picture does not fit; loads nothing."""
        from tfstyle.optimization import sight

        prepared, settings = self._resolved(task)
        given = prepared.content.pixels, prepared.styles, settings
        sight.make_plan(*given, prepared.regions)

    def stylize(self, task: Task, on_step: OnStep) -> np.ndarray:
        """Optimizes the picture of a task; see `Engine.stylize`."""
        from tfstyle.optimization import gatys

        prepared, settings = self._resolved(task)
        return gatys.stylize(
            prepared.content.pixels,
            prepared.styles,
            settings,
            on_step,
            regions=prepared.regions,
            weights_file=prepared.weights_file,
        )

    def _resolved(self, task: Task) -> tuple[preparation.Prepared, GatysConfig]:
        """The files of a task, and its settings without "auto"."""
        from tfstyle.optimization import run

        prepared = self.prepared(task)
        settings, _ = run.resolve(task.config, prepared.weights_file)
        return prepared, settings


class TransferEngine:
    """Engine of tfstyle.transfer: tasks have a `TransferConfig`.

    Args:
        max_pixels: Maximum number of pixels of an input image.
        encoder_weights: File of the encoder's weights; see
            `tfstyle.adain.loading.load`.
    """

    def __init__(self, max_pixels: int, encoder_weights: str | None) -> None:
        self._read = functools.cache(lambda path: images.read(path, max_pixels))
        self._stylizer = functools.cache(
            functools.partial(_load, encoder_weights=encoder_weights)
        )

    def check(self, task: Task) -> None:
        """Reads and checks the files of a task; see `Engine.check`."""
        self._images(task)

    def load(self, task: Task) -> "ControlledStylizer":
        """Loads the model of a task, once; see `Engine.load`."""
        return self._stylizer(task.config.of_model())

    def stylize(self, task: Task, on_step: OnStep) -> np.ndarray:
        """Stylizes the photograph in one pass; see `Engine.stylize`."""
        photo, styles, regions = self._images(task)
        stylizer = self.load(task)
        style = stylizer.embed(styles, task.config, regions)
        return stylizer.stylize(photo, style, task.config.strength)

    def _images(
        self, task: Task
    ) -> tuple[np.ndarray, list[np.ndarray], Regions | None]:
        """Photograph and styles, resized, and regions."""
        given = task.config, self._read
        styles = transfer_inputs.styles(preparation.styles(task.inputs), *given)
        path = task.inputs["content"]
        picture, regions = transfer_inputs.photograph(
            path, task.inputs, styles, *given
        )
        return picture.pixels, styles, regions


def _load(
    config: TransferConfig, encoder_weights: str | None
) -> "ControlledStylizer":
    from tfstyle.adain import loading

    return loading.load_controlled(config, encoder_weights)
