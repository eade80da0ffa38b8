"""The interface of optimizers, as the loop of `stylize` uses it.

All that changes is in a `State`, so that a step can be compiled and a run
stored.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import tensorflow as tf


class State(Protocol):
    """State of an optimizer: nested tensors, so that graphs can pass it on."""

    @property
    def x(self) -> tf.Tensor:
        """The picture for the next step, `(1, height, width, 3)`."""

    @property
    def value(self) -> tf.Tensor:
        """The last loss, a scalar."""

    @property
    def aux(self) -> dict[str, tf.Tensor]:
        """The terms of that loss, scalars by name."""

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Returns a flat dictionary for a checkpoint."""

    @classmethod
    def from_numpy(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Returns the state of which `to_numpy` made `arrays`, bit for bit."""


S = TypeVar("S", bound=State)


class Optimizer(Protocol[S]):
    """Optimizer of a picture, as the loop of `stylize` uses it."""

    def __hash__(self) -> int:
        """Returns a hash, by which compiled steps are kept."""

    def init(self, x: tf.Tensor, aux: Sequence[str] = ()) -> S:
        """Returns the state before the first step from a picture."""

    def step(
        self, value_and_gradient: Callable[[tf.Tensor], tuple], state: S
    ) -> S:
        """Returns the state after one step; can be compiled to a graph."""

    def resize(self, state: S, height: int, width: int, detail: Any = 0.0) -> S:
        """Resizes the state, and adds `detail` to the picture."""

    def restore(self, arrays: Mapping[str, np.ndarray]) -> S:
        """Returns the state of which `to_numpy` made `arrays`."""

    def picture(self, state: S) -> tf.Tensor:
        """Returns the picture to show during the run."""

    def best(self, state: S) -> tf.Tensor:
        """Returns the best picture so far, without evaluating others."""

    def result(self, step: Callable[[S], S | None], state: S) -> tf.Tensor:
        """Returns the picture at the end of a size; may call `step` for it.

        If `step` returns `None`, the run ends: it is the best picture so far.
        """

    def converged(self, state: S) -> bool:
        """Whether further steps would not lower the loss."""

    def finite(self, state: S) -> bool:
        """Whether the last loss and its gradient were finite."""

    def age(self, state: S) -> int:
        """Returns the number of steps at this size that did not fail."""
