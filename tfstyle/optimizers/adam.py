"""Adam for the pixels of a picture, within bounds and with a running average.

It can move a picture at several scales at once: the picture is then the sum of
a pyramid of images, each half as large as the one before, and each value of
each image has its own step length. Single pixels are slow to change what a
whole region has in common.

Everything is a function of a `State`, so that a run can be compiled, stored
and continued bit for bit; so it is in `lbfgs`.

    optimizer = Adam(learning_rate=0.02)
    state = optimizer.init(image, aux=("content", "style"))
    step = tf.function(lambda state: optimizer.step(value_and_gradient, state))
    state = step(state)

Reference: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015,
algorithm 1 and section 7.2 (averaging). Deviations: pixels are clipped to
[0, 1] after each step, and a step whose gradient is not finite is not taken.
The pyramid is our own; Olah et al. ("Feature Visualization", 2017) have the
same idea with Fourier coefficients.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfstyle.optimizers.adam_state import State


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adam:
    """Adam optimizer for values in [0, 1].

    Attributes:
        learning_rate: Learning rate at the first step of a size: with moments
            of 0, that step changes a value by at most this times `levels`.
        final: Fraction of the rate that is left after `steps` steps, to which
            it falls linearly.
        steps: Number of steps at a size.
        beta_1: Decay of the running mean of the gradient.
        beta_2: Decay of the running mean of its square.
        epsilon: Summand of the root of that square.
        decay: Decay of the running average of the picture.
        levels: Number of images in the pyramid; 1 for Adam as published.
    """

    learning_rate: float = 0.04
    final: float = 0.05
    steps: int = 100
    beta_1: float = 0.9
    beta_2: float = 0.99
    epsilon: float = 1e-8
    decay: float = 0.95
    levels: int = 1

    def init(self, x: tf.Tensor, aux: Sequence[str] = ()) -> State:
        """Returns the state before the first step.

        Args:
            x: Start, a float32 tensor of any shape; it is clipped to [0, 1].
            aux: Names of the scalars that come with each evaluation.
        """
        x = tf.clip_by_value(tf.convert_to_tensor(x, tf.float32), 0.0, 1.0)
        zeros = tf.zeros_like(x)
        return State(
            x=x,
            value=tf.constant(np.inf),
            aux={name: tf.constant(0.0) for name in aux},
            mean=zeros,
            square=zeros,
            coarse_mean=tuple(pyramid(zeros, self.levels)[1:]),
            coarse_square=tuple(pyramid(zeros, self.levels)[1:]),
            count=tf.constant(0),
            age=tf.constant(0),
            average=zeros,
            weight=tf.constant(0.0),
            best=x,
            best_value=tf.constant(np.inf),
        )

    def step(
        self, value_and_gradient: Callable[[tf.Tensor], tuple], state: State
    ) -> State:
        """Takes one step.

        Args:
            value_and_gradient: Function from `x` to a scalar, its gradient and
                a dictionary of scalars; all float32.
            state: State from `init` or an earlier step.

        Returns:
            The next state.
        """
        value, gradient, aux = value_and_gradient(state.x)
        better = value < state.best_value
        seen = state._replace(
            value=value,
            aux=aux,
            # Neither is copied.
            best=tf.cond(better, lambda: state.x, lambda: state.best),
            best_value=tf.where(better, value, state.best_value),
        )
        # Gradients of a mean over pixels shrink with their number, but
        # epsilon must mean the same at every size.
        gradient *= tf.cast(tf.size(gradient), tf.float32)
        # A sum is finite only if all terms are; squares may overflow earlier.
        energy = tf.reduce_sum(tf.square(gradient))
        finite = tf.math.is_finite(value + energy)
        return tf.cond(
            finite,
            lambda: self._move(seen, gradient),
            lambda: seen._replace(value=tf.constant(np.nan)),
        )

    def resize(
        self, state: State, height: int, width: int, detail: Any = 0.0
    ) -> State:
        """Resizes the state, with its picture `(1, height, width, 3)`.

        As in crowsonkb's style-transfer-pytorch, the moments are kept, and the
        picture continues from the running average, to which `detail` is added.
        """
        shape = (height, width)
        average = tf.image.resize(self.picture(state), shape, "bicubic")
        x = tf.clip_by_value(average + detail, 0.0, 1.0)
        mean = tf.image.resize(state.mean, shape, "bicubic")
        square = tf.image.resize(state.square, shape, "bilinear")
        means = pyramid(mean, self.levels)[1:]
        squares = [
            tf.image.resize(old, new.shape[1:3], "bilinear")
            for old, new in zip(state.coarse_square, means, strict=True)
        ]
        return self._resized(state)._replace(
            x=x,
            mean=mean,
            square=tf.nn.relu(square),
            coarse_mean=tuple(means),
            coarse_square=tuple(tf.nn.relu(square) for square in squares),
            average=x * state.weight,
            best=x,
        )

    def _resized(self, state: State) -> State:
        """Returns a state whose steps at a size begin."""
        return state._replace(
            age=tf.constant(0), best_value=tf.constant(np.inf)
        )

    def picture(self, state: State) -> tf.Tensor:
        """Returns the running average, which is less noisy than `x`."""
        if not state.count:
            return state.x
        return tf.clip_by_value(state.average / state.weight, 0.0, 1.0)

    def restore(self, arrays: Mapping[str, np.ndarray]) -> State:
        """Returns the state of which `to_numpy` made `arrays`."""
        return State.from_numpy(arrays)

    def best(self, state: State) -> tf.Tensor:
        """Returns the picture of the lowest loss so far."""
        return state.best

    def result(
        self, step: Callable[[State], State | None], state: State
    ) -> tf.Tensor:
        """Returns the running average, or the best picture if it is better."""
        average = self.picture(state)
        # A step evaluates the picture before it moves it.
        seen = step(state._replace(x=average))
        if seen is not None and seen.value <= state.best_value:
            return average
        return state.best

    def converged(self, state: State) -> bool:
        """Returns `False`: steps become shorter, but do not end."""
        return False

    def finite(self, state: State) -> bool:
        """Whether the last loss and its gradient were finite."""
        return bool(np.isfinite(state.value))

    def age(self, state: State) -> int:
        """Returns the number of steps taken at this size."""
        return int(state.age)

    def _move(self, state: State, gradient: tf.Tensor) -> State:
        slopes = pyramid(gradient, self.levels)[1:]
        means, squares, moves = self._coarse(state, slopes)
        coarse = tf.zeros(())
        for move in moves:
            coarse += tf.image.resize(move, tf.shape(gradient)[1:3])
        x, mean, square, average = self._fine(
            state.x,
            state.mean,
            state.square,
            state.average,
            gradient,
            coarse,
            state.count + 1,
            self._rate(state),
        )
        return self._counted(state)._replace(
            x=x,
            mean=mean,
            square=square,
            coarse_mean=means,
            coarse_square=squares,
            average=average,
        )

    def _counted(self, state: State) -> State:
        return state._replace(
            count=state.count + 1,
            age=state.age + 1,
            weight=self.decay * state.weight + 1 - self.decay,
        )

    def _rate(self, state: State) -> tf.Tensor:
        past = tf.cast(state.age, tf.float32) / self.steps
        return self.learning_rate * (1 - (1 - self.final) * past)

    def _coarse(
        self, state: State, slopes: Sequence[tf.Tensor]
    ) -> tuple[tuple[tf.Tensor, ...], ...]:
        """Moves the coarser images of the pyramid.

        Args:
            state: State before.
            slopes: Gradients by these images.

        Returns:
            Their running means and squares, and their directions.
        """
        found = []
        for mean, square, slope in zip(
            state.coarse_mean, state.coarse_square, slopes, strict=True
        ):
            mean, square = self._moments(mean, square, slope)
            move = self._direction(mean, square, state.count + 1)
            found.append((mean, square, move))
        return tuple(zip(*found, strict=True)) if found else ((), (), ())

    def _fine(
        self,
        x: tf.Tensor,
        mean: tf.Tensor,
        square: tf.Tensor,
        average: tf.Tensor,
        gradient: tf.Tensor,
        coarse: tf.Tensor,
        count: tf.Tensor,
        rate: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        """Moves a picture, or a part of it: each value by itself.

        Args:
            x: Picture.
            mean: Running mean of the gradient.
            square: Running mean of its square.
            average: Running mean of the picture.
            gradient: Gradient.
            coarse: Direction of the coarser images.
            count: Number of this step, from 1.
            rate: Learning rate.

        Returns:
            The first four after the step.
        """
        mean, square = self._moments(mean, square, gradient)
        direction = self._direction(mean, square, count) + coarse
        x = tf.clip_by_value(x - rate * direction, 0.0, 1.0)
        return x, mean, square, self.decay * average + (1 - self.decay) * x

    def _moments(
        self, mean: tf.Tensor, square: tf.Tensor, slope: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        change = (1 - self.beta_2) * tf.square(slope)
        return (
            self.beta_1 * mean + (1 - self.beta_1) * slope,
            self.beta_2 * square + change,
        )

    def _direction(
        self, mean: tf.Tensor, square: tf.Tensor, count: tf.Tensor
    ) -> tf.Tensor:
        steps = tf.cast(count, tf.float32)
        unbiased = mean / (1 - self.beta_1**steps)
        scale = tf.sqrt(square / (1 - self.beta_2**steps)) + self.epsilon
        return unbiased / scale


def pyramid(image: tf.Tensor, levels: int) -> list[tf.Tensor]:
    """Returns the gradients by the images of a pyramid.

    The sum of these images, each enlarged bilinearly, has the gradient `image`.
    """
    sides, channels = tf.shape(image)[1:3], image.shape[3]
    images = [image]
    for level in range(1, levels):
        shape = [1, *tf.unstack(tf.maximum(1, sides // 2**level)), channels]
        images.append(
            tf.raw_ops.ResizeBilinearGrad(
                grads=image,
                original_image=tf.zeros(shape),
                half_pixel_centers=True,
            )
        )
    return images
