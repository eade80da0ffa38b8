"""Adam for pictures that are too large for copies of them, or for memory.

The arrays of a state are changed in place, strip by strip, and may be in files:
see `runtime.scratch`. All values are those of `Adam`, bit for bit.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfstyle.optimizers import resizing
from tfstyle.optimizers.adam import Adam, pyramid
from tfstyle.optimizers.adam_state import State
from tfstyle.runtime import scratch
from tfstyle.runtime.types import Shape


@dataclasses.dataclass(frozen=True, kw_only=True)
class InPlace(Adam):
    """Adam optimizer for a picture `(1, height, width, 3)`.

    Attributes:
        make: Function that makes arrays of the picture's size.
    """

    make: scratch.Make = scratch.zeros

    def init(self, x: Any, aux: Sequence[str] = ()) -> State:
        """Returns the state before the first step, see `Adam.init`."""
        start = self.make(x.shape)
        for rows in scratch.slices(start.shape[1]):
            start[:, rows] = np.clip(x[:, rows], 0, 1)
            scratch.release(start, x)
        mean, square, average = (self.make(start.shape) for _ in range(3))
        scalars = super().init(x[:, :1, :1], aux)
        return scalars._replace(
            x=start,
            mean=mean,
            square=square,
            coarse_mean=self._pyramid(mean),
            coarse_square=self._pyramid(square),
            average=average,
            best=start,
        )

    def step_in_place(
        self,
        state: State,
        value: tf.Tensor,
        gradient: np.ndarray,
        aux: dict[str, tf.Tensor],
    ) -> State:
        """Takes one step.

        Args:
            state: State from `writable`, or from an earlier step. Its arrays
                become those of the next state.
            value: Loss of the picture.
            gradient: Its gradient, `(1, height, width, 3)`; is changed.
            aux: Terms of the loss.

        Returns:
            The next state, as `step` would make it.
        """
        seen = state._replace(value=value, aux=aux)
        if value < state.best_value:
            scratch.copy(state.best, state.x)
            seen = seen._replace(best_value=value)
        if not np.isfinite(value + _scaled(gradient)):
            return seen._replace(value=tf.constant(np.nan))
        self._change_coarse(state, gradient)
        self._change_fine(state, gradient)
        return self._counted(seen)

    def writable(self, state: State) -> State:
        """Returns a state for `step_in_place`.

        Args:
            state: State of which the arrays are taken, if they can be written.
        """

        def own(array: Any) -> np.ndarray:
            return scratch.own(array, self.make)

        x, best = own(state.x), state.best
        if best is state.x:
            best = scratch.copied(x, self.make)
        return state._replace(
            x=x,
            mean=own(state.mean),
            square=own(state.square),
            coarse_mean=tuple(map(own, state.coarse_mean)),
            coarse_square=tuple(map(own, state.coarse_square)),
            average=own(state.average),
            best=own(best),
        )

    def resize(
        self, state: State, height: int, width: int, detail: Any = 0.0
    ) -> State:
        """Resizes the state, with its picture, see `Adam.resize`."""
        shape = (height, width)
        x = self._resize(self.picture(state), shape, "bicubic")
        average = self.make(x.shape)
        for rows in scratch.slices(height):
            more = detail[rows] if isinstance(detail, np.ndarray) else detail
            x[:, rows] = np.clip(x[:, rows] + more, 0, 1)
            average[:, rows] = x[:, rows] * np.float32(state.weight)
            scratch.release(x, average)
        mean = self._resize(state.mean, shape, "bicubic")
        means = self._pyramid(mean)
        return self._resized(state)._replace(
            x=x,
            mean=mean,
            square=self._positive(state.square, shape),
            coarse_mean=means,
            coarse_square=tuple(
                self._positive(old, new.shape[1:3])
                for old, new in zip(state.coarse_square, means, strict=True)
            ),
            average=average,
            best=x,
        )

    def picture(self, state: State) -> Any:
        """Returns the running average in an array of its own."""
        if not state.count:
            return scratch.copied(state.x, self.make)
        picture = self.make(state.average.shape)
        for rows in scratch.slices(picture.shape[1]):
            average = state.average[:, rows] / np.float32(state.weight)
            picture[:, rows] = np.clip(average, 0, 1)
            scratch.release(picture, state.average)
        return picture

    def _change_coarse(self, state: State, gradient: np.ndarray) -> None:
        """Changes the moments of the coarser images, channel by channel."""
        for channel in range(gradient.shape[-1]):
            one = np.s_[..., channel : channel + 1]
            slopes = pyramid(tf.constant(gradient[one]), self.levels)[1:]
            scratch.release(gradient)
            for mean, square, slope in zip(
                state.coarse_mean, state.coarse_square, slopes, strict=True
            ):
                mean[one], square[one] = self._moments(
                    mean[one], square[one], slope
                )
                scratch.release(mean, square)

    def _change_fine(self, state: State, gradient: np.ndarray) -> None:
        """Changes picture, moments and average, strip by strip."""
        arrays = state.x, state.mean, state.square, state.average
        count, rate = state.count + 1, self._rate(state)
        for rows in scratch.slices(gradient.shape[1]):
            parts = (array[:, rows] for array in (*arrays, gradient))
            coarse = self._coarse_direction(state, rows)
            given = (*parts, coarse, count, rate)
            found = self._fine(*given)
            for array, part in zip(arrays, found, strict=True):
                array[:, rows] = part
            scratch.release(*arrays, gradient)

    def _coarse_direction(self, state: State, rows: slice) -> np.ndarray:
        """Returns the direction of the coarser images, for rows of it."""
        _, height, width, _ = state.x.shape
        total = np.zeros_like(state.x[:, rows])
        for mean, square in zip(
            state.coarse_mean, state.coarse_square, strict=True
        ):
            between = resizing.Between(mean.shape[1], height, rows)
            parts = mean[:, between.seen], square[:, between.seen]
            move = self._direction(*parts, state.count + 1)
            scratch.release(mean, square)
            total += between.enlarged(move, width)
        return total

    def _pyramid(self, image: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns the coarser images of `pyramid`, channel by channel."""
        found: list[np.ndarray] = []
        channels = image.shape[-1]
        for channel in range(channels):
            one = np.s_[..., channel : channel + 1]
            parts = pyramid(tf.constant(image[one]), self.levels)[1:]
            scratch.release(image)
            if not channel:
                found = [
                    self.make((*part.shape[:3], channels)) for part in parts
                ]
            for whole, part in zip(found, parts, strict=True):
                whole[one] = part
                scratch.release(whole)
        return tuple(found)

    def _resize(self, image: Any, shape: Shape, method: str) -> np.ndarray:
        return resizing.resize(image, shape, method, self.make)

    def _positive(self, image: Any, shape: Shape) -> np.ndarray:
        """Enlarges running squares, which stay positive."""
        found = self._resize(image, shape, "bilinear")
        for rows in scratch.slices(shape[0]):
            found[:, rows] = np.maximum(found[:, rows], 0)
            scratch.release(found)
        return found


def _scaled(gradient: np.ndarray) -> Any:
    """Multiplies a gradient as in `Adam.step`; returns its energy."""
    energy: Any = np.float32(0)
    for rows in scratch.slices(gradient.shape[1]):
        part = gradient[:, rows]
        part *= gradient.size
        energy += np.vdot(part, part)
        scratch.release(gradient)
    return energy
