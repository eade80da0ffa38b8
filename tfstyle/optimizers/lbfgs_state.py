"""State of L-BFGS between two steps, and how it is stored."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf


class State(NamedTuple):
    """State of L-BFGS between two steps; float32 unless said otherwise.

    Attributes:
        x: Best point so far, within the box.
        value: Value at `x`, a scalar; infinite before the first step.
        gradient: Gradient at `x`.
        aux: Other scalars evaluated at `x`, by name.
        steps: Differences between successive points, newest first.
        changes: Differences between the gradients at these points.
        pairs: Number of `steps` and `changes` in use; int32.
        evaluations: Number of evaluations so far; int32.
        converged: Whether further steps would not lower the value; bool. Also
            true if the value or the gradient of the start is not finite.
    """

    x: tf.Tensor
    value: tf.Tensor
    gradient: tf.Tensor
    aux: dict[str, tf.Tensor]
    steps: tuple[tf.Tensor, ...]
    changes: tuple[tf.Tensor, ...]
    pairs: tf.Tensor
    evaluations: tf.Tensor
    converged: tf.Tensor

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Returns a flat dictionary for a checkpoint, with keys as `aux/tv`."""
        fields = self._asdict()
        for name, value in fields.pop("aux").items():
            fields[f"aux/{name}"] = value
        return {k: tf.convert_to_tensor(v).numpy() for k, v in fields.items()}

    @classmethod
    def from_numpy(cls, arrays: Mapping[str, np.ndarray]) -> "State":
        """Returns the state of which `to_numpy` made `arrays`, bit for bit."""
        fields: dict[str, Any] = {"aux": {}}
        for name, array in arrays.items():
            if name.startswith("aux/"):
                fields["aux"][name.removeprefix("aux/")] = tf.constant(array)
            elif name in ("steps", "changes"):
                fields[name] = tuple(tf.constant(row) for row in array)
            else:
                fields[name] = tf.constant(array)
        return cls(**fields)
