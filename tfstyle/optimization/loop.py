"""Loop of `stylize` over the sizes of a picture, and the steps at each."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfstyle import images
from tfstyle.controls.regions import Regions
from tfstyle.features import planning
from tfstyle.objective.term import Term
from tfstyle.optimization import descent, start, strength
from tfstyle.optimization.config import GatysConfig
from tfstyle.optimization.run import Run
from tfstyle.optimization.sight import Sight
from tfstyle.optimizers.interface import State
from tfstyle.pretrained import weights
from tfstyle.pretrained.weights import Resolved
from tfstyle.runtime import scratch
from tfstyle.runtime.types import Shape

_FETCH = 10  # Losses are fetched every 10 steps: that waits for the device.
_WINDOW = 2  # Number of fetches over which `tolerance` compares losses.


@dataclasses.dataclass(frozen=True, eq=False)
class Inputs:
    """Checked arguments of a call of `stylize`.

    Attributes:
        content: Photograph, `(height, width, 3)`.
        styles: Style images, of any size.
        init: Image to start from, of any size; `config.init` if `None`.
        regions: Regions of the photograph for each style.
        config: Settings, without "auto".
        weights_file: File of the network's weights.
        finish: Function applied to each picture before it is shown.
    """

    content: np.ndarray
    styles: list[np.ndarray]
    init: np.ndarray | None
    regions: Regions | None
    config: GatysConfig
    weights_file: Resolved
    finish: Callable[[np.ndarray], np.ndarray]

    def images(self) -> list[np.ndarray]:
        """Returns all images, by which checkpoints tell runs apart."""
        init = [] if self.init is None else [self.init]
        masks = [] if self.regions is None else self.regions.masks()
        return [self.content, *self.styles, *init, *masks]


class Optimization:
    """Loop of `stylize` over the sizes and the steps at each size.

    Args:
        inputs: Arguments of the call.
        run: Run with the stages at each size.
        plan: Plan of what is seen at once, from `sight.make_plan`.
        make: Function that makes arrays of a picture in tiles, see `Sight`.
    """

    state: State

    def __init__(
        self, inputs: Inputs, run: Run, plan: planning.Plan, make: scratch.Make
    ) -> None:
        self.inputs, self.run, self.config = inputs, run, inputs.config
        given = inputs.styles, inputs.config, inputs.regions
        self.make = make
        self.sight = Sight(*given, plan, make, self._pause)
        self.share = strength.Share(inputs.content, *given)
        # Whether the state is of this stage; a step in tiles may be cut off.
        self.begun = False
        # Whether the run was ended while a picture was evaluated.
        self.cut_off = False
        self.looks: list[float] = []

    @property
    def optimizer(self) -> Any:
        """The `Optimizer` for this size."""
        return self.sight.optimizer

    def optimize(self) -> np.ndarray:
        """Returns the picture of the size at which the run ends."""
        state = self._resume()
        networks = functools.cache(self._network)
        while True:
            shape = self.run.stage.shape
            coarse = shape != self.run.plan[-1].shape
            network = networks(self.config.draft and coarse)
            photo = self._photo(shape)
            self.sight.begin(self.run.stage, network)
            terms = self.sight.terms(photo, self.share.value)
            if state is not None and self.run.ask_again():
                return self._deliver(state, self.optimizer.best(state))
            self.sight.compile(terms)
            state = self._begin(state, photo, terms)
            self.begun = True
            state, ended = self._descend(state)
            if ended:
                return self._deliver(state, self.optimizer.best(state))
            if self.run.is_last:
                return self._deliver(state, self._result(state))
            if self.share.adaptive:
                picture = _array(self._result(state))
                if self.cut_off:
                    return self._deliver(state, self.optimizer.best(state))
                given = self.sight.side, self.make
                self.share.adapt(network, photo, picture, *given)
            self.run.advance()
            self.begun, self.looks = False, []

    def _photo(self, shape: Shape) -> np.ndarray:
        return images.resize(self.inputs.content, *shape, self.make)

    def _network(self, draft: bool) -> keras.Model:
        thin = weights.resolve("vgg_distilled") if draft else None
        return descent.make_network(
            self.config, thin or self.inputs.weights_file
        )

    def _update(self, state: State) -> State | None:
        """Takes a step; returns `None` if the run ends within it."""
        self.state = state
        return self.sight.update(state)

    def _evaluated(self, state: State) -> State | None:
        """Evaluates the picture; returns `None` if the run ends meanwhile."""
        self.state = state
        found = self.sight.evaluated(state)
        self.cut_off = found is None
        return found

    def _pause(self, part: float) -> bool:
        """Reports a part of a step; returns whether the run ends."""
        if self.run.step == self.run.stage.steps:
            part = 0.0  # The result is evaluated once more.
        return self.run.report({}, lambda: self._picture(self.state), part)

    def _begin(
        self,
        state: State | None,
        photo: np.ndarray,
        terms: Mapping[str, Term],
    ) -> State:
        """Returns the first state at this size: new, resized or resumed."""
        if state is None:
            given = self.inputs
            first = start.initial_picture(
                photo, given.styles, self.config, given.init, given.regions
            )
            return self.optimizer.init(first[None], tuple(terms))
        if self.begun:
            return state
        detail: Any = 0.0
        if self.share.adaptive:
            before = self._photo(self.run.plan[self.run.index - 1].shape)
            detail = self.share.lost_detail(photo, before, self.make)
        return self.optimizer.resize(state, *photo.shape[:2], detail)

    def _descend(self, state: State) -> tuple[State, bool]:
        """Takes the steps of one stage; returns whether the run ends, too."""
        run, steps = self.run, self.run.stage.steps
        while run.step < steps:
            following = self._update(state)
            if following is None:
                return state, True
            state = following
            run.step += 1
            fetch = run.step % _FETCH == 0 or run.step == steps
            losses = self._fetch(state) if fetch or run.step == 1 else {}
            # Decided before the report: if that ends the run, the checkpoint
            # must know of this loss.
            reached = bool(losses) and self._reached(losses["total"], state)
            ended = self._report(state, losses)
            if reached:
                run.step = steps
            if ended or reached:
                return state, ended
            if run.save_is_due:
                self._save(state)
        return state, False

    def _result(self, state: State) -> tf.Tensor:
        return self.optimizer.result(self._evaluated, state)

    def _deliver(self, state: State, picture: tf.Tensor) -> np.ndarray:
        self._save(state)
        return self.run.deliver(self.inputs.finish(_array(picture)))

    def _picture(self, state: State) -> np.ndarray:
        return self.inputs.finish(_array(self.optimizer.picture(state)))

    def _fetch(self, state: State) -> dict[str, float]:
        terms = {name: float(value) for name, value in state.aux.items()}
        if not self.optimizer.finite(state):
            raise self.run.diverged(
                "loss",
                # Losses are fetched at some steps: it may lie some back.
                self.optimizer.age(state) + 1,
                terms,
                "the learning rate or that weight",
                self._picture(state),
            )
        return {"total": float(state.value)} | _grouped(terms) | terms

    def _report(self, state: State, losses: Mapping[str, float]) -> bool:
        gradients = self.sight.gradients  # Of this size, even if called later.
        return self.run.report(
            losses,
            lambda: self._picture(state),
            gradients=lambda: gradients(state.x),
        )

    def _reached(self, loss: float, state: State) -> bool:
        """Whether this size ends before its last step."""
        self.looks.append(loss)
        # A `tolerance` or `loss_threshold` of 0 means never: losses may rise,
        # and may round to less than 0.
        tolerance = self.config.tolerance
        if 0 < self.config.loss_threshold >= loss:
            return True
        if self.optimizer.converged(state):
            return True
        if not tolerance or len(self.looks) <= _WINDOW:
            return False
        before = self.looks[-1 - _WINDOW]
        return before - loss < tolerance * before

    def _save(self, state: State) -> None:
        meta = {
            "looks": self.looks,
            "share": self.share.value,
            "found": self.share.found,
            "begun": self.begun,
            "side": self.sight.plan.side,
            "room": self.sight.plan.room,
        }
        self.run.save(state.to_numpy(), meta)

    def _resume(self) -> State | None:
        found = self.run.resume(self.sight.keep)
        if found is None:
            return None
        arrays, meta = found
        self.looks = meta["looks"]
        self.share.value, self.share.found = meta["share"], meta["found"]
        self.begun = meta.get("begun", self.run.step > 0)
        self.sight.take_plan(meta.get("side"), meta.get("room", 0))
        optimizer = descent.make_optimizer(self.config, self.run.stage.steps)
        return optimizer.restore(arrays)


def _array(picture: tf.Tensor | np.ndarray) -> np.ndarray:
    if isinstance(picture, np.ndarray):
        return np.asarray(picture)[0]
    return np.array(picture)[0]  # A copy, not the tensor's memory.


def _grouped(terms: Mapping[str, float]) -> dict[str, float]:
    """Sums terms by group, such as "style" for "style/block1_conv1"."""
    sums: dict[str, float] = {}
    for name, value in terms.items():
        group = name.split("/")[0]
        sums[group] = sums.get(group, 0.0) + value
    return sums
