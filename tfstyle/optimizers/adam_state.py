"""State of Adam between two steps, and how it is stored."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

_COARSE = ("coarse_mean", "coarse_square")


class State(NamedTuple):
    """State of Adam between two steps; float32 unless said otherwise.

    Attributes:
        x: Picture that the next step starts from.
        value: Loss of the picture before; not finite if that step failed.
        aux: Terms of `value`, scalars by name.
        mean: Running mean of the gradient.
        square: Running mean of the squared gradient.
        coarse_mean: Running means of the gradients by the coarser images of
            the pyramid.
        coarse_square: Running means of the squares of these.
        count: Steps taken; int32.
        age: Steps taken at this size; int32.
        average: Running mean of `x`, not yet divided by `weight`.
        weight: Sum of the weights in `average`, which tends to 1.
        best: Picture of the lowest loss so far.
        best_value: Lowest loss so far.
    """

    x: tf.Tensor
    value: tf.Tensor
    aux: dict[str, tf.Tensor]
    mean: tf.Tensor
    square: tf.Tensor
    coarse_mean: tuple[tf.Tensor, ...]
    coarse_square: tuple[tf.Tensor, ...]
    count: tf.Tensor
    age: tf.Tensor
    average: tf.Tensor
    weight: tf.Tensor
    best: tf.Tensor
    best_value: tf.Tensor

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Returns a flat dictionary for a checkpoint, with keys as `aux/tv`."""
        arrays = self._asdict()
        aux = arrays.pop("aux")
        arrays |= {f"aux/{name}": value for name, value in aux.items()}
        for field in _COARSE:
            images = arrays.pop(field)
            arrays |= {f"{field}/{i}": x for i, x in enumerate(images)}
        return {name: np.asanyarray(value) for name, value in arrays.items()}

    @classmethod
    def from_numpy(cls, arrays: Mapping[str, np.ndarray]) -> "State":
        """Returns the state of which `to_numpy` made `arrays`.

        It has these arrays themselves: they may be large.
        """
        fields: dict[str, Any] = {"aux": {}} | dict.fromkeys(_COARSE, ())
        for name, array in arrays.items():
            if not array.ndim:
                array = tf.constant(array)
            field, _, key = name.partition("/")
            if field == "aux":
                fields["aux"][key] = array
            elif field in _COARSE:
                fields[field] += (array,)
            else:
                fields[name] = array
        return cls(**fields)
