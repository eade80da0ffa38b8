"""How much of a picture is seen at once: planned, and what follows from it.

The network sees a picture whole where memory suffices, else in tiles; the step
is that of `descent` or of `tiled_step`.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from tfstyle.controls.regions import Regions
from tfstyle.features import memory, planning, tiles
from tfstyle.images.sizes import pyramid
from tfstyle.objective.style_sizes import style_shapes
from tfstyle.objective.term import Term
from tfstyle.objective.terms import make_terms
from tfstyle.optimization import descent, tiled_loss, tiled_step
from tfstyle.optimization.config import GatysConfig
from tfstyle.optimization.run import Stage
from tfstyle.optimizers.interface import State
from tfstyle.runtime import checkpoint, checks, scratch
from tfstyle.runtime.types import Shape


def make_plan(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    config: GatysConfig,
    regions: Regions | None = None,
    checkpoint_dir: str | None = None,
) -> planning.Plan:
    """Plans whether `stylize` sees a picture at once or in tiles.

    Args:
        content: Photograph, `(height, width, 3)`.
        styles: Style images, of any size.
        config: Settings, without "auto".
        regions: Regions of the photograph for each style.
        checkpoint_dir: Folder for checkpoints, and for arrays that memory has
            no room for; these are in that for temporary files if `None`.

    Raises:
        ValueError: `tile` does not suit the network's layers.
        MemoryError: The picture does not fit, in tiles neither.
        OSError: The disk has no room for these arrays and the checkpoints.
    """
    height, width = content.shape[:2]
    shape = pyramid(height, width, config.size, config.start_size)[-1]
    plan = planning.plan(
        shape,
        _style_shapes(styles, config, shape),
        config.content_layers,
        config.style_layers,
        _work(config, config.features, regions),
        config.tile,
        None if config.memory is None else checks.amount(config.memory),
    )
    if plan.filed:
        # Those of the size before are still there when a size begins.
        needed = 1.5 * plan.filed + _checkpoints(config, shape, checkpoint_dir)
        scratch.Folder(checkpoint_dir).check_space(needed)
    return plan


def _checkpoints(config: GatysConfig, shape: Shape, folder: str | None) -> int:
    """Returns the bytes that checkpoints will add to a folder.

    The next one is written beside the last.
    """
    if folder is None:
        return 0
    more = 1 if checkpoint.file_of(folder).exists() else 2
    return more * config.checkpoint_bytes * math.prod(shape)


class Sight:
    """Step at the current size, on as much at once as memory has room for.

    Args:
        styles: Style images, of any size.
        config: Settings, without "auto".
        regions: Regions of the photograph for each style.
        plan: Plan from `make_plan`.
        make: Function that makes the arrays of a picture in tiles.
        pause: Function called after each tile with the part of the step that
            is done; a true result ends the step.

    Attributes:
        plan: The plan, of smaller tiles after memory ran out.
        side: Longest side that the network sees at once at this size; `None`
            for no limit.
        optimizer: Optimizer for this size.
        gradients: Function from a picture to the norms of its gradients.
    """

    plan: planning.Plan
    side: int | None
    optimizer: Any  # An `Optimizer`.
    gradients: Callable[[tf.Tensor], dict[str, float]]
    _step: Callable[[Any], Any]
    _evaluated: Callable[[Any], Any]

    def __init__(
        self,
        styles: Sequence[np.ndarray],
        config: GatysConfig,
        regions: Regions | None,
        plan: planning.Plan,
        make: scratch.Make,
        pause: tiled_loss.Pause,
    ) -> None:
        self._styles, self._config, self._regions = styles, config, regions
        self.plan, self._make, self._pause = plan, make, pause

    def begin(self, stage: Stage, network: keras.Model) -> None:
        """Goes to a stage, and finds how much is seen at once there."""
        self._stage, self._network = stage, network
        self.side = self._planned()

    def terms(self, photo: np.ndarray, share: float) -> dict[str, Term]:
        """Makes the terms of the loss, see `make_terms`."""
        given = self._styles, self._config, self._regions, share
        return self._tried(
            lambda: make_terms(
                self._network, photo, *given, self.side, self._make
            )
        )

    def compile(self, terms: Mapping[str, Term]) -> None:
        """Makes the optimizer, and compiles the step with these terms."""
        network, steps = self._network, self._stage.steps
        self._terms, self._seen = terms, self.side
        if self.side is not None:
            tiling = tiles.Tiling(
                network.name, network.output, self._stage.shape, self.side
            )
            if len(tiling.tiles) > 1:
                self._compile_tiles(tiling)
                return
        config = self._config
        self.optimizer = descent.make_optimizer(config, steps)
        if self.side is not None:  # As it was planned.
            config = dataclasses.replace(config, jit_compile="off")
        self._step = self._evaluated = descent.compile_step(
            network, terms, self.optimizer, config
        )
        self.gradients = descent.compile_gradients(network, terms)

    def _compile_tiles(self, tiling: tiles.Tiling) -> None:
        network, terms, make = self._network, self._terms, self._make
        given = self._config, self._stage.steps, make
        self.optimizer = descent.make_in_place(*given)
        loss = tiled_loss.Loss(network, terms, tiling, self._pause, make)
        step = tiled_step.Step(loss, self.optimizer)
        self._step, self._evaluated = step, step.evaluated
        self.gradients = tiled_step.gradient_norms(network, terms, tiling, make)

    def update(self, state: State) -> State | None:
        """Takes a step; returns `None` if `pause` ends it."""
        return self._tried(lambda: self._compiled()._step(state))

    def evaluated(self, state: State) -> State | None:
        """Evaluates the picture; returns `None` if `pause` ends that."""
        return self._tried(lambda: self._compiled()._evaluated(state))

    def take_plan(self, side: int | None, room: int) -> None:
        """Sees the picture as before, if memory still suffices for that."""
        if self._config.tile is not None or side is None:
            return
        if self.plan.side is None or side <= self.plan.side:
            self.plan = self.plan._replace(
                side=side, room=min(room, self.plan.room)
            )

    def keep(self, array: np.ndarray) -> np.ndarray:
        """Returns an array of a checkpoint, in a file if those are planned."""
        if self.plan.filed and array.ndim == 4:
            return scratch.copied(array, self._make)
        return array

    def _planned(self) -> int | None:
        plan, shape = self.plan, self._stage.shape
        if plan.side is None or not plan.room:
            return plan.side
        work = _work(self._config, self._network.name, self._regions)
        given = self._styles, self._config, shape
        needed = memory.estimate(shape, _style_shapes(*given), work)
        return None if needed <= plan.room else plan.side

    def _compiled(self) -> Self:
        """Compiles the step again if the tiles have changed."""
        if self._seen != self.side:
            self.compile(self._terms)
        return self

    def _tried(self, function: Callable[[], Any]) -> Any:
        """Calls a function until memory suffices for it."""
        while True:
            try:
                return function()
            except tf.errors.ResourceExhaustedError as error:
                self._see_less(error)

    def _see_less(self, error: Exception) -> None:
        """Halves the tiles after memory ran out, as it may on a GPU."""
        config, shape = self._config, self._stage.shape
        work = _work(config, config.features, self._regions)
        self.side = planning.halved(_layers(config), work, shape, self.side)
        self.plan = self.plan._replace(side=self.side, room=0)
        if self.side is None:
            raise MemoryError(
                f"Memory ran out at {shape[1]}x{shape[0]} pixels, and no "
                "smaller tiles are possible. Lower `size`."
            ) from error


def _layers(config: GatysConfig) -> list[str]:
    return [*config.content_layers, *config.style_layers]


def _style_shapes(
    styles: Sequence[np.ndarray], config: GatysConfig, shape: Shape
) -> list[Shape]:
    """Returns the shapes of what is compared with a picture of this shape."""
    found = style_shapes(
        [style.shape[:2] for style in styles], shape, config.style_scale
    )
    if config.strength < 1:
        found.append(shape)  # That of the photograph, whose moments are needed.
    return found


def _work(
    config: GatysConfig, features: str, regions: Regions | None
) -> memory.Work:
    parts = [] if regions is None else regions.parts
    return memory.Work(
        config.precision,
        config.optimizer,
        config.jit_compile == "on",
        features,
        max(len(parts), 1),
        config.histogram_weight > 0,
        sum(part.mask is not None for part in parts),
        tuple(config.content_layers),
    )
