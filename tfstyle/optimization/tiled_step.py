"""Steps of style transfer on pictures that are too large to be seen at once.

In place of those of `descent`. A step gets the loss and the gradient of the
whole picture from `tiled_loss`, and moves the pixels where they are.
"""

from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from tfstyle.features import tiles
from tfstyle.objective.term import Term
from tfstyle.optimization.tiled_loss import Loss
from tfstyle.optimizers.adam_in_place import InPlace
from tfstyle.optimizers.adam_state import State
from tfstyle.runtime import scratch


class Step:
    """Step at one size, which sees the picture in tiles.

    Args:
        loss: Loss of the picture.
        optimizer: Optimizer.
    """

    def __init__(self, loss: Loss, optimizer: InPlace) -> None:
        self._loss, self._optimizer = loss, optimizer

    def __call__(self, state: State) -> State | None:
        """Returns the next state; `None` if the run ends within the step.

        The arrays of `state` become those of the next, see
        `InPlace.step_in_place`.
        """
        found = self._loss(np.asarray(state.x)[0])
        if found is None:
            return None
        state = self._optimizer.writable(state)
        try:
            return self._optimizer.step_in_place(state, *found)
        except tf.errors.ResourceExhaustedError as error:
            # The step cannot be tried again: some arrays are those after it.
            raise MemoryError(
                "Memory ran out within a step. Lower `memory` or `size`."
            ) from error

    def evaluated(self, state: State) -> State | None:
        """Returns the state with the loss of its picture, else unchanged."""
        found = self._loss(np.asarray(state.x)[0])
        return None if found is None else state._replace(value=found[0])


def gradient_norms(
    network: keras.Model,
    terms: Mapping[str, Term],
    tiling: tiles.Tiling,
    make: scratch.Make = scratch.zeros,
) -> Callable[[tf.Tensor], dict[str, float]]:
    """Returns what `descent.compile_gradients` does, for pictures in tiles.

    It takes about a step for each term, and is not ended within it.
    """

    def norm(image: tf.Tensor, name: str) -> float:
        given = {name: terms[name]}, tiling, lambda part: False, make
        alone = Loss(network, *given)
        found = alone(np.asarray(image)[0])
        return 0.0 if found is None else float(np.linalg.norm(found[1]))

    return lambda image: {name: norm(image, name) for name in terms}
