"""What runs of `stylize` and `deep_dream` have in common.

`resolve` says what "auto" is, once for a run; a `Run` knows where it is, tells
`on_step`, and keeps checkpoints that it can be continued from.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tfstyle.optimization.config import DreamConfig, GatysConfig
from tfstyle.pretrained import weights
from tfstyle.runtime import devices
from tfstyle.runtime.checkpoint import Checkpoints, DivergedError
from tfstyle.runtime.memory import peak
from tfstyle.runtime.progress import OnStep, Progress

Config = TypeVar("Config", GatysConfig, DreamConfig)


class Stage(NamedTuple):
    """Steps that are taken at a size.

    Attributes:
        shape: Rows and columns.
        steps: One or more.
    """

    shape: tuple[int, int]
    steps: int


def stages(
    shapes: Sequence[tuple[int, int]],
    steps: int,
    coarse_share: float,
    parts: int = 1,
) -> list[Stage]:
    """The steps of a run, coarse to fine.

    >>> [stage.steps for stage in stages([(10, 10), (20, 20)], 100, 0.125)]
    [50, 100]

    Args:
        shapes: From `images.sizes`.
        steps: At the last shape, and the most at the others.
        coarse_share: Work at each of these, steps times pixels, relative to
            that at the last.
        parts: Stages that the steps of each shape are divided into.
    """
    work = steps * math.prod(shapes[-1])
    counts = [
        min(steps, coarse_share * work / math.prod(shape))
        for shape in shapes[:-1]
    ]
    return [
        Stage(shape, max(1, math.ceil(round(count) / parts)))
        for shape, count in zip(shapes, [*counts, steps], strict=True)
        for _ in range(parts)
    ]


def resolve(
    config: Config, weights_file: weights.Resolved | None = None
) -> tuple[Config, weights.Resolved]:
    """Settings without "auto", and the file of the network's weights.

    Args:
        config: The settings.
        weights_file: The file, where it was found already.

    Raises:
        ValueError: The user's file fits no network.
        FileNotFoundError: There is no such file, or no published one at hand.
    """
    found = weights_file or weights.resolve(
        config.features, config.feature_weights
    )
    named = dataclasses.replace(config, features=found.name)
    return on_device(named), found


def on_device(config: Config) -> Config:
    """The settings with what "auto" is on this device, for precision and XLA.

    L-BFGS always gets float32: its line search needs exact values.
    """
    exact = isinstance(config, GatysConfig) and config.optimizer == "lbfgs"
    precision = "float32" if exact else devices.precision(config.precision)
    compiled = devices.jit_compile(config.jit_compile)
    return dataclasses.replace(
        config, precision=precision, jit_compile="on" if compiled else "off"
    )


def identity(
    config: GatysConfig | DreamConfig,
    weights_file: weights.Resolved,
    note: Any = None,
) -> list[Any]:
    """The settings that tell runs apart, as JSON can hold them.

    Args:
        config: The settings as they were given: on another device "auto" is
            the same run.
        weights_file: The network, known by what is in the file.
        note: What else tells runs apart.
    """
    named = dataclasses.asdict(config)
    del named["feature_weights"]
    network = {"features": weights_file.name, "weights": weights_file.digest}
    return [named | network, note]


class Run:
    """A long run through stages: its place, reports and checkpoints.

    Args:
        plan: The stages: sizes, and the steps at each.
        checkpoints: Where the state is kept.
        on_step: Told of the progress; true ends the run. `None` for nobody.

    Attributes:
        plan: The stages.
        index: Number of the stage, from 0.
        step: Steps done in it.
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
        """Tells `on_step` where the run is; whether the run should end.

        Args:
            losses: By name; empty where they were not fetched.
            picture: Makes the picture of now.
            part: Share of the next step that is done.
            gradients: See `Progress`.
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
        """Repeats the last report, without losses, before what takes long.

        Targets, the compilation and the first step take too long together
        for anyone who presses Ctrl-C.
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
        lower: str,
        picture: np.ndarray,
    ) -> DivergedError:
        """The error to raise when values are not finite.

        Args:
            what: What is not finite.
            step: The step that failed, from 1.
            losses: By name; those that are not finite are named.
            lower: What the user may lower.
            picture: The last good picture.
        """
        height, width = self.stage.shape
        bad = [name for name, x in losses.items() if not np.isfinite(x)]
        return DivergedError(
            f"The {what} was not finite at {width}x{height}, step {step}: "
            f"{', '.join(bad) or 'the gradient'}. Lower {lower}, or take "
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
        """Keeps a state, with the place of the run.

        Args:
            arrays: The state.
            meta: What else JSON can hold; it may name another `index`.
        """
        place = {"index": self.index, "step": self.step}
        self._checkpoints.save(
            arrays, {**place, "seconds": self._seconds(), **meta}
        )

    def resume(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Goes to where a checkpoint was kept: what `save` got, or `None`.

        Raises:
            ValueError: It belongs to another run, or is damaged.
        """
        found = self._checkpoints.load()
        if found is not None:
            meta = found[1]
            self.index, self.step = meta["index"], meta["step"]
            self._started -= meta["seconds"]
        return found

    def deliver(self, picture: np.ndarray) -> np.ndarray:
        """The picture at the end.

        Raises:
            UnsavedError: The last checkpoint could not be written.
        """
        return self._checkpoints.deliver(picture)

    def _seconds(self) -> float:
        return time.monotonic() - self._started
