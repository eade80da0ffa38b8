"""Keeps what a training must not lose, by the weight of its loss.

Runs on any backend of Keras.
"""

from collections.abc import Callable

import keras
import numpy as np

PATIENCE = 4
"""Epochs without improvement after which a training ends."""

_GROWTH = 1.05  # Of the content distance, where the weight settles.
_GAIN = 0.01  # Least relative improvement.
_POWER = 1.5  # Exponent by which the weight follows what is kept.


class Balance:
    """Callback after each epoch: weighs the style, and ends a training.

    Args:
        weight: Weight of the style loss.
        measure: Function that returns content and style distance of pictures
            that are held out.
        epoch: Number of steps of an epoch.
        weigh: Whether the weight follows the content.

    Attributes:
        before: Content and style distance before the training.
        state: Variables that belong to a checkpoint.
    """

    def __init__(
        self,
        weight: keras.Variable,
        measure: Callable[[], tuple[float, float]],
        epoch: int,
        weigh: bool = True,
    ) -> None:
        self._weight, self._measure = weight, measure
        self._epoch, self._weigh = epoch, weigh
        self._best = keras.Variable(np.float32(np.inf), trainable=False)
        self._waited = keras.Variable(np.int32(0), trainable=False)
        self._followed = keras.Variable(np.int32(0), trainable=False)
        self.state = {
            "style_weight": weight,
            "best": self._best,
            "waited": self._waited,
            "followed": self._followed,
        }
        self.before = measure()

    def __call__(self, done: int) -> bool:
        """Returns whether the last epochs have brought no improvement."""
        if int(self._waited) >= PATIENCE:
            return True
        # Interrupted, and measured later; or measured before it was continued.
        if done % self._epoch or done <= int(self._followed):
            return False
        self._followed.assign(done)
        return self.follow(*self._measure())

    def follow(self, content: float, style: float) -> bool:
        """Changes the weight by distances of pictures that are held out.

        Returns:
            Whether `PATIENCE` epochs have brought no improvement: less style
            distance at the same content distance.
        """
        grown = content / self.before[0]
        if self._weigh:
            ratio = (grown / _GROWTH) ** -_POWER
            self._weight.assign(self._weight * ratio)
        score = style * grown
        if score < (1 - _GAIN) * float(self._best):
            self._best.assign(score)
            self._waited.assign(0)
        else:
            self._waited.assign_add(1)
        return int(self._waited) >= PATIENCE
