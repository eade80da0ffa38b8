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
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf


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
        return {name: np.array(value) for name, value in arrays.items()}

    @classmethod
    def from_numpy(cls, arrays: Mapping[str, np.ndarray]) -> "State":
        """Returns the state of which `to_numpy` made `arrays`."""
        fields: dict[str, Any] = {"aux": {}} | dict.fromkeys(_COARSE, ())
        for name, array in arrays.items():
            field, _, key = name.partition("/")
            if field == "aux":
                fields["aux"][key] = tf.constant(array)
            elif field in _COARSE:
                fields[field] += (tf.constant(array),)
            else:
                fields[name] = tf.constant(array)
        return cls(**fields)


_COARSE = ("coarse_mean", "coarse_square")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adam:
    """Adam optimizer for values in [0, 1].

    Attributes:
        learning_rate: Learning rate at the first step of a size: about the
            largest change of a value by that step.
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
            coarse_mean=tuple(_pyramid(zeros, self.levels)[1:]),
            coarse_square=tuple(_pyramid(zeros, self.levels)[1:]),
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
            best=tf.where(better, state.x, state.best),
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
        square = tf.image.resize(state.square, shape, "bilinear")
        mean = tf.image.resize(state.mean, shape, "bicubic")
        means = _pyramid(mean, self.levels)[1:]
        squares = [
            tf.image.resize(old, new.shape[1:3], "bilinear")
            for old, new in zip(state.coarse_square, means, strict=True)
        ]
        return state._replace(
            x=x,
            mean=mean,
            square=tf.nn.relu(square),
            coarse_mean=tuple(means),
            coarse_square=tuple(tf.nn.relu(square) for square in squares),
            age=tf.constant(0),
            average=x * state.weight,
            best=x,
            best_value=tf.constant(np.inf),
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

    def result(self, step: Callable[[State], State], state: State) -> tf.Tensor:
        """Returns the running average, or the best picture if it is better."""
        average = self.picture(state)
        # A step evaluates the picture before it moves it.
        if step(state._replace(x=average)).value <= state.best_value:
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
        count = state.count + 1
        means, squares, moves = [], [], []
        for mean, square, slope in zip(
            (state.mean, *state.coarse_mean),
            (state.square, *state.coarse_square),
            _pyramid(gradient, self.levels),
            strict=True,
        ):
            means.append(self.beta_1 * mean + (1 - self.beta_1) * slope)
            change = (1 - self.beta_2) * tf.square(slope)
            squares.append(self.beta_2 * square + change)
            moves.append(self._direction(means[-1], squares[-1], count))
        direction = moves[0]
        for move in moves[1:]:
            direction += tf.image.resize(move, direction.shape[1:3])
        past = tf.cast(state.age, tf.float32) / self.steps
        rate = self.learning_rate * (1 - (1 - self.final) * past)
        x = state.x - rate * direction
        x = tf.clip_by_value(x, 0.0, 1.0)
        return state._replace(
            x=x,
            mean=means[0],
            square=squares[0],
            coarse_mean=tuple(means[1:]),
            coarse_square=tuple(squares[1:]),
            count=count,
            age=state.age + 1,
            average=self.decay * state.average + (1 - self.decay) * x,
            weight=self.decay * state.weight + 1 - self.decay,
        )

    def _direction(
        self, mean: tf.Tensor, square: tf.Tensor, count: tf.Tensor
    ) -> tf.Tensor:
        steps = tf.cast(count, tf.float32)
        unbiased = mean / (1 - self.beta_1**steps)
        scale = tf.sqrt(square / (1 - self.beta_2**steps)) + self.epsilon
        return unbiased / scale


def _pyramid(image: tf.Tensor, levels: int) -> list[tf.Tensor]:
    """Returns the gradients by the images of a pyramid.

    The sum of these images, each enlarged bilinearly, has the gradient `image`.
    """
    _, height, width, channels = image.shape
    images = [image]
    for level in range(1, levels):
        shape = (1, max(1, height >> level), max(1, width >> level), channels)
        images.append(
            tf.raw_ops.ResizeBilinearGrad(
                grads=image,
                original_image=tf.zeros(shape),
                half_pixel_centers=True,
            )
        )
    return images
