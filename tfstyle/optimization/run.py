"""Runs of `stylize` and `deep_dream`: stages, reports and checkpoints.

`resolve` replaces "auto" in the settings, once for a run. A `Run` tracks
the current stage and step, reports them to `on_step`, and saves checkpoints to
continue from.
"""

import dataclasses
import math
import time
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tfstyle.optimization.config import ADDED, GatysConfig, RunConfig
from tfstyle.pretrained import weights
from tfstyle.runtime import devices
from tfstyle.runtime.checkpoint import Checkpoints, DivergedError, Keep
from tfstyle.runtime.memory import peak
from tfstyle.runtime.progress import OnStep, Progress
from tfstyle.runtime.types import Shape

Config = TypeVar("Config", bound=RunConfig)


class Stage(NamedTuple):
    """Stage of a run: a number of steps at one size.

    Attributes:
        shape: Height and width of the picture, in pixels.
        steps: Number of steps, 1 or more.
    """

    shape: Shape
    steps: int


def stages(
    shapes: Sequence[Shape],
    steps: int,
    coarse_share: float,
    parts: int = 1,
    print_size: int = 0,
) -> list[Stage]:
    """Returns the stages of a run, coarse to fine.

    >>> [stage.steps for stage in stages([(10, 10), (20, 20)], 100, 0.125)]
    [50, 100]

    Args:
        shapes: Sizes of the picture, from `images.sizes.pyramid`.
        steps: Number of steps at the last size, and the most at the others.
        coarse_share: Work (steps times pixels) at each coarser size, relative
            to the last one.
        parts: Number of stages at each size, between which its steps are
            divided.
        print_size: Longer side in pixels above which sizes take fewer steps,
            in inverse proportion; 0 for no limit.
    """
    most = [float(steps)] * len(shapes)
    if print_size:
        most = [steps * min(1, print_size / max(shape)) for shape in shapes]
    work = coarse_share * most[-1] * math.prod(shapes[-1])
    counts = [
        *(
            min(count, work / math.prod(shape))
            for count, shape in zip(most[:-1], shapes[:-1], strict=True)
        ),
        most[-1],
    ]
    return [
        Stage(shape, max(1, math.ceil(round(count) / parts)))
        for shape, count in zip(shapes, counts, strict=True)
        for _ in range(parts)
    ]


def resolve(
    config: Config, weights_file: weights.Resolved | None = None
) -> tuple[Config, weights.Resolved]:
    """Replaces "auto" in settings, and finds the file of the network's weights.

    Args:
        config: Settings.
        weights_file: File of the weights, if it was found before.

    Returns:
        The settings without "auto", and the file.

    Raises:
        ValueError: The user's file does not fit the network.
        FileNotFoundError: There is no such file, or no published one at hand.
    """
    found = weights_file or weights.resolve(
        config.features, config.feature_weights
    )
    named = dataclasses.replace(config, features=found.name)
    return on_device(named), found


def on_device(config: Config) -> Config:
    """Replaces "auto" in precision and XLA by what suits this device.

    L-BFGS always gets float32: its line search needs exact values.
    """
    exact = isinstance(config, GatysConfig) and config.optimizer == "lbfgs"
    precision = "float32" if exact else devices.precision(config.precision)
    compiled = devices.jit_compile(config.jit_compile)
    return dataclasses.replace(
        config, precision=precision, jit_compile="on" if compiled else "off"
    )


def identity(
    config: RunConfig,
    weights_file: weights.Resolved,
    note: Any = None,
) -> list[Any]:
    """Returns what tells runs apart in checkpoints, in a form for JSON.

    Args:
        config: Settings as the caller of the engine gave them. Those in
            `config.ADDED` are left out while they change nothing, or older
            checkpoints would be refused.
        weights_file: File of the network's weights, known by its contents.
        note: Anything else that tells runs apart.
    """
    if isinstance(config, GatysConfig) and config.size <= config.print_size:
        config = dataclasses.replace(config, print_size=0)
    hints = typing.get_type_hints(type(config))
    named = {
        name: _floats(value) if "float" in str(hints[name]) else value
        for name, value in dataclasses.asdict(config).items()
        if (name, value) not in ADDED.items() and name not in config.resources
    }
    network = {"features": weights_file.name, "weights": weights_file.digest}
    return [named | network, note]


def _floats(value: Any) -> Any:
    """Returns numbers as floats: 80 and 80.0 are equal, but not in JSON."""
    if isinstance(value, Mapping):
        return {name: _floats(number) for name, number in value.items()}
    if isinstance(value, Sequence):
        return [_floats(number) for number in value]
    return None if value is None else float(value)


class Run:
    """Run through stages, with its place, reports and checkpoints.

    Args:
        plan: Stages of the run.
        checkpoints: Checkpoints of the run.
        on_step: Function that gets the progress; a true result ends the run.

    Attributes:
        plan: Stages of the run.
        index: Number of the current stage, from 0.
        step: Number of steps done in it.
    """

    def __init__(
        self,
        plan: Sequence[Stage],
        checkpoints: Checkpoints,
        on_step: OnStep | None = None,
    ) -> None:
        self.plan = plan
        self.index = self.step = 0
        self._checkpoints, self._on_step = checkpoints, on_step
        self._started = time.monotonic()
        self._last: tuple[Progress, Callable[[], np.ndarray]] | None = None

    @property
    def stage(self) -> Stage:
        """The stage that the run is in."""
        return self.plan[self.index]

    @property
    def is_last(self) -> bool:
        """Whether no stage follows."""
        return self.index + 1 == len(self.plan)

    def advance(self) -> None:
        """Goes to the beginning of the next stage."""
        self.index, self.step = self.index + 1, 0

    def report(
        self,
        losses: Mapping[str, float],
        picture: Callable[[], np.ndarray],
        part: float = 0,
        gradients: Callable[[], Mapping[str, float]] = dict,
    ) -> bool:
        """Reports the progress; returns whether `on_step` ends the run.

        Args:
            losses: Losses by name; empty where they were not fetched.
            picture: Function that makes the current picture.
            part: Fraction of the next step that is done, from 0 to 1.
            gradients: Function that computes norms, see `Progress`.
        """
        if self._on_step is None:
            return False
        (height, width), steps = self.stage
        work = [math.prod(stage.shape) * stage.steps for stage in self.plan]
        progress = Progress(
            size=max(height, width),
            height=height,
            width=width,
            step=self.step,
            steps=steps,
            done=sum(work[: self.index]) + height * width * (self.step + part),
            total=sum(work),
            losses=losses,
            seconds=self._seconds(),
            memory=peak() if losses else 0,
            gradients=gradients,
        )
        self._last = progress, picture
        return bool(self._on_step(progress, picture))

    def ask_again(self) -> bool:
        """Repeats the last report; returns whether `on_step` ends the run.

        Targets, compilation and first step take so long that Ctrl-C must also
        be noticed before them.
        """
        if self._on_step is None or self._last is None:
            return False
        progress, picture = self._last
        again = dataclasses.replace(progress, losses={}, memory=0)
        return bool(self._on_step(again, picture))

    def diverged(
        self,
        what: str,
        step: int,
        losses: Mapping[str, float],
        to_lower: str,
        picture: np.ndarray,
    ) -> DivergedError:
        """Returns the error to raise when values are not finite.

        Args:
            what: Name of the value, such as "loss".
            step: Number of the step that failed, from 1.
            losses: Losses by name; the message names those that are not finite.
            to_lower: Names of settings that the user may lower.
            picture: Last good picture.
        """
        height, width = self.stage.shape
        bad = [name for name, x in losses.items() if not np.isfinite(x)]
        return DivergedError(
            f"The {what} was not finite at {width}x{height}, step {step}: "
            f"{', '.join(bad) or 'the gradient'}. Lower {to_lower}, or use "
            "float32.",
            picture,
        )

    @property
    def save_is_due(self) -> bool:
        """Whether the last checkpoint is a minute old."""
        return self._checkpoints.due

    def save(
        self, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]
    ) -> None:
        """Saves a checkpoint with the place of the run.

        Args:
            arrays: State, as arrays by name.
            meta: Other values that JSON can hold; may override `index`.
        """
        place = {"index": self.index, "step": self.step}
        self._checkpoints.save(
            arrays, {**place, "seconds": self._seconds(), **meta}
        )

    def resume(
        self, keep: Keep = np.asarray
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Goes to the place of the last checkpoint.

        Args:
            keep: Function that moves each array to where it is kept.

        Returns:
            The arrays and values given to `save`; `None` without a checkpoint.

        Raises:
            ValueError: The checkpoint belongs to another run, or is damaged.
        """
        found = self._checkpoints.load(keep)
        if found is not None:
            meta = found[1]
            self.index, self.step = meta["index"], meta["step"]
            self._started -= meta["seconds"]
        return found

    def deliver(self, picture: np.ndarray) -> np.ndarray:
        """Returns the final picture.

        Raises:
            UnsavedError: The last checkpoint could not be written.
        """
        return self._checkpoints.deliver(picture)

    def _seconds(self) -> float:
        return time.monotonic() - self._started
