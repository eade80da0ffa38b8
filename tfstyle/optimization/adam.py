"""Adam for the pixels of one picture, with a box and a running average.

It can move a picture at several scales at once: the picture is then the sum of
a pyramid of images, each half as large as the one before, and each value of
each of them has its own step length. Alone, pixels are slow to change what all
of a region has in common.

Everything is a function of a `State`, so that a run can be compiled, stored
and continued bit for bit; `lbfgs` has the same shape.

    optimizer = Adam(learning_rate=0.02)
    state = optimizer.init(image, aux=("content", "style"))
    step = tf.function(lambda state: optimizer.step(value_and_gradient, state))
    state = step(state)

Reference: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015,
algorithm 1 and section 7.2 (averaging). Deviations: pixels are clipped to
[0, 1] after each step, and a step whose gradient is not finite is not taken.
The pyramid is of this project; Olah et al. ("Feature Visualization", 2017) have
the idea, with Fourier coefficients.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf


class State(NamedTuple):
    """Where a run is; float32 but for `count`.

    Attributes:
        x: The picture that the next step starts from.
        value: Loss at the picture before; not finite if that step failed.
        aux: The terms of `value`: scalars by name.
        mean: Running mean of the gradient.
        square: Running mean of its square.
        coarse_mean: As `mean`, of the gradient by the coarser images of the
            pyramid.
        coarse_square: As `square`, of the same.
        count: Steps taken; int32.
        age: Steps taken at this size; int32.
        average: Running mean of `x`, not yet divided by `weight`.
        weight: Sum of the weights in `average`, 1 in the long run.
        best: The picture of the lowest loss so far.
        best_value: That loss.
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
        """Flat dictionary for a checkpoint: also `aux/<name>` and such."""
        arrays = self._asdict()
        aux = arrays.pop("aux")
        arrays |= {f"aux/{name}": value for name, value in aux.items()}
        for field in _COARSE:
            images = arrays.pop(field)
            arrays |= {f"{field}/{i}": x for i, x in enumerate(images)}
        return {name: np.array(value) for name, value in arrays.items()}

    @classmethod
    def from_numpy(cls, arrays: Mapping[str, np.ndarray]) -> "State":
        """Inverse of `to_numpy`."""
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
    """Adam within [0, 1].

    Attributes:
        learning_rate: Largest change of a value per step, nearly, at the
            first step of a size.
        final: Share of it that is left after `steps` steps; in between it
            falls linearly.
        steps: Steps at a size.
        beta_1: Decay of the mean of the gradient.
        beta_2: Decay of the mean of its square.
        epsilon: Added to the root of the latter.
        decay: Of the running average of the picture.
        levels: Images in the pyramid; 1 for Adam as published.
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
        """State before the first step.

        Args:
            x: Float32 tensor of any shape; clipped to [0, 1].
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
        """The state after one step.

        Args:
            value_and_gradient: From `x` to a scalar, its gradient and a
                dictionary of scalars; float32.
            state: From `init` or an earlier step.
        """
        value, gradient, aux = value_and_gradient(state.x)
        better = value < state.best_value
        seen = state._replace(
            value=value,
            aux=aux,
            best=tf.where(better, state.x, state.best),
            best_value=tf.where(better, value, state.best_value),
        )
        # A mean over pixels has gradients that shrink with their number;
        # epsilon must mean the same at every size.
        gradient *= tf.cast(tf.size(gradient), tf.float32)
        # A sum is finite only if its terms are; squares may overflow first.
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
        """The state at another size of the picture `(1, height, width, 3)`.

        As in crowsonkb's style-transfer-pytorch the moments go along, and the
        picture continues from the running average; `detail` is added to it.
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
        """The running average: `x` is noisier by a step to and fro."""
        if not state.count:
            return state.x
        return tf.clip_by_value(state.average / state.weight, 0.0, 1.0)

    def restore(self, arrays: Mapping[str, np.ndarray]) -> State:
        """The state of which `to_numpy` made `arrays`."""
        return State.from_numpy(arrays)

    def best(self, state: State) -> tf.Tensor:
        """The picture of the lowest loss so far."""
        return state.best

    def result(self, step: Callable[[State], State], state: State) -> tf.Tensor:
        """The running average, or the best picture if its loss is lower."""
        average = self.picture(state)
        # A step evaluates before it moves.
        if step(state._replace(x=average)).value <= state.best_value:
            return average
        return state.best

    def converged(self, state: State) -> bool:
        """Never: steps become shorter, but do not end."""
        return False

    def finite(self, state: State) -> bool:
        """Whether the last loss and its gradient were: `step` marks it."""
        return bool(np.isfinite(state.value))

    def age(self, state: State) -> int:
        """Steps taken at this size."""
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
    """The gradient by each image of a pyramid whose sum has that of `image`.

    The images are enlarged by bilinear interpolation before they are added.
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
