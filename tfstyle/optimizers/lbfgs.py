"""L-BFGS with bounds (a box), as one compiled TensorFlow graph.

It minimizes a smooth function of one tensor, such as the pixels of an image, in
float32. A step is a function from `State` to `State`:

>>> def value_and_gradient(x):
...     return tf.reduce_sum(tf.square(x - 2.0)), 2.0 * (x - 2.0)
>>> optimizer = LBFGS(lower=0.0, upper=1.0)
>>> step = tf.function(lambda state: optimizer.step(value_and_gradient, state))
>>> state = optimizer.init(tf.zeros(3))
>>> while not state.converged:
...     state = step(state)
>>> state.x.numpy().tolist()
[1.0, 1.0, 1.0]

An evaluation is assumed to cost far more than everything else. It is in the
graph once, in the body of the line search; the length 1 is tried first and
nearly always kept, so that most steps take one evaluation.

References: Nocedal and Wright, "Numerical Optimization", 2006 (algorithm 7.4,
two loops; equation 7.20, scaling; 3.6, Wolfe; section 3.5, interpolation);
Byrd, Lu, Nocedal and Zhu, "A limited memory algorithm for bound constrained
optimization", 1995 (L-BFGS-B). Deviations:

* One scaled gradient step decides which bounds are active, not a generalized
  Cauchy point. Entries that leave the box by it go to the border; the others
  follow the two loops on their part of the history, as in Schmidt's
  minConf_TMP, not a minimization in the subspace. For images that is as good;
  where a curved valley meets the border (Rosenbrock, 2-D) it can take ten times
  the evaluations of L-BFGS-B.
* The search follows the path `clip(x + length * direction)` (Bertsekas, 1982),
  not the straight line to the nearest bound.
* The curvature condition only lengthens steps that were too short at first: no
  evaluation is spent to meet it between two known lengths. Instead, pairs
  without positive curvature do not enter the history.
* The first step is scaled by its largest entry, not by its norm, which grows
  with the image.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfstyle.optimizers.lbfgs_state import State

# Nocedal and Wright's constants for quasi-Newton directions.
_DECREASE = 1e-4
_CURVATURE = 0.9
# Two roundings in float32: a smaller relative decrease cannot be observed.
_ROUNDING = 2.0**-22
# Cosine below which the sign of a float32 inner product is not reliable.
_COSINE = 1e-6


class _Point(NamedTuple):
    x: tf.Tensor
    value: tf.Tensor
    gradient: tf.Tensor
    aux: dict[str, tf.Tensor]


class _Search(NamedTuple):
    best: _Point
    trial: tf.Tensor  # The point to evaluate next.
    length: tf.Tensor
    lowered: tf.Tensor  # Some trial was good enough,
    failed: tf.Tensor  # and some was not.
    trials: tf.Tensor
    done: tf.Tensor


@dataclasses.dataclass(frozen=True, kw_only=True)
class LBFGS:
    """Limited-memory BFGS optimizer with bounds.

    Attributes:
        history: Number of pairs (step, change of gradient) that are kept; each
            takes twice the memory of `x`. Nocedal and Wright advise 3 to 20.
        lower: Least value of an entry of `x`; `-inf` for none.
        upper: Largest value of an entry of `x`; `inf` for none.
        first_change: Largest change of an entry of `x` in the first trial, and
            after the history was discarded.
        max_trials: Number of evaluations after which a line search ends.
    """

    history: int = 10
    lower: float = 0.0
    upper: float = 1.0
    first_change: float = 0.1
    max_trials: int = 10

    def init(self, x: tf.Tensor, aux: Sequence[str] = ()) -> State:
        """Returns the state before the first step, which only evaluates `x`.

        Args:
            x: Start, a float32 tensor of any shape; it is clipped to the box.
            aux: Names of the scalars that come with every evaluation.
        """
        x = self._clip(tf.convert_to_tensor(x, tf.float32))
        zeros = tf.zeros_like(x)
        return State(
            x=x,
            value=tf.constant(np.inf, tf.float32),
            gradient=zeros,
            aux={name: tf.constant(0.0) for name in aux},
            steps=(zeros,) * self.history,
            changes=(zeros,) * self.history,
            pairs=tf.constant(0),
            evaluations=tf.constant(0),
            converged=tf.constant(False),
        )

    def step(
        self, value_and_gradient: Callable[[tf.Tensor], tuple], state: State
    ) -> State:
        """Takes one step: finds a direction and searches along it.

        The value never rises. A search that finds nothing lower keeps the point
        and discards the history, so that the next step follows the gradient; if
        that finds nothing either, or no entry can move, the state is marked as
        converged. A step from a converged state evaluates nothing.

        Args:
            value_and_gradient: Function from `x` to a scalar, its gradient and,
                if `init` was given names, a dictionary of scalars; all float32.
                The search backs away from points where it is not finite.
            state: State from `init` or an earlier step.

        Returns:
            The next state.
        """
        first = tf.equal(state.evaluations, 0)
        direction = self._direction(state)
        trial = self._clip(state.x + direction)
        search = _Search(
            best=_Point(state.x, state.value, state.gradient, state.aux),
            trial=trial,
            length=tf.constant(1.0),
            lowered=tf.constant(False),
            failed=tf.constant(False),
            trials=tf.constant(0),
            done=state.converged | (~first & _equal(trial, state.x)),
        )

        def evaluate(*fields: Any) -> _Search:
            search = _Search(*fields)
            value, gradient, *aux = value_and_gradient(search.trial)
            point = _Point(search.trial, value, gradient, aux[0] if aux else {})
            return self._judge(state, direction, search, point)

        search = _Search(
            *tf.while_loop(lambda *s: ~_Search(*s).done, evaluate, search)
        )
        return self._advance(state, search)

    def resize(
        self, state: State, height: int, width: int, detail: Any = 0.0
    ) -> State:
        """Returns a first state at another size of `(1, height, width, 3)`.

        The history is discarded: its curvature belongs to the old pixels.
        `detail` is added to the picture.
        """
        x = tf.image.resize(state.x, (height, width), "bicubic") + detail
        return self.init(x, tuple(state.aux))

    def picture(self, state: State) -> tf.Tensor:
        """Returns the best point so far, which is the last one."""
        return state.x

    def restore(self, arrays: Mapping[str, np.ndarray]) -> State:
        """Returns the state of which `to_numpy` made `arrays`."""
        return State.from_numpy(arrays)

    def best(self, state: State) -> tf.Tensor:
        """Returns the best point so far, like `picture`."""
        return state.x

    def result(
        self, step: Callable[[State], State | None], state: State
    ) -> tf.Tensor:
        """Returns the best point so far, like `picture`."""
        return state.x

    def converged(self, state: State) -> bool:
        """Whether further steps would not lower the value."""
        return bool(state.converged)

    def finite(self, state: State) -> bool:
        """Whether the value and the gradient at the best point are finite."""
        return bool(_is_finite(state))

    def age(self, state: State) -> int:
        """Returns 0: only the first step can fail; later ones back away."""
        return 0

    def _clip(self, x: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(x, self.lower, self.upper)

    def _downhill(self, x: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
        """Returns the gradient, but 0 where a bound is in the way."""
        down = (gradient > 0) & (x > self.lower)
        up = (gradient < 0) & (x < self.upper)
        return tf.where(down | up, gradient, 0.0)

    def _direction(self, state: State) -> tf.Tensor:
        """Returns the quasi-Newton direction of the free entries.

        It is minus the gradient times their inverse Hessian.
        """
        step, change = state.steps[0], state.changes[0]
        downhill = self._downhill(state.x, state.gradient)
        scale = tf.where(
            state.pairs > 0,
            _ratio(_dot(step, change), _dot(change, change)),
            _ratio(self.first_change, tf.reduce_max(tf.abs(downhill))),
        )
        # Entries that a scaled gradient step carries out of the box: not free.
        descent = -scale * state.gradient
        free = tf.equal(state.x + descent, self._clip(state.x + descent))
        mask = tf.cast(free, tf.float32)

        q, pairs = mask * state.gradient, []
        for i in range(self.history):
            step, change = mask * state.steps[i], mask * state.changes[i]
            used = (state.pairs > i) & _is_convex(step, change)
            rho = tf.where(used, _ratio(1.0, _dot(step, change)), 0.0)
            alpha = rho * _dot(step, q)
            q -= alpha * change
            pairs.append((step, change, rho, alpha))
        q *= scale
        for step, change, rho, alpha in reversed(pairs):
            q += (alpha - rho * _dot(change, q)) * step
        return tf.where(free, -q, descent)

    def _judge(
        self, state: State, direction: tf.Tensor, search: _Search, point: _Point
    ) -> _Search:
        """Ends the search after a trial, or sets a shorter or longer one."""
        step = point.x - state.x
        slope = _dot(state.gradient, step)
        end_slope = _dot(point.gradient, step)
        finite = _is_finite(point)
        bound = state.value + _DECREASE * slope
        enough = finite & (slope <= 0) & (point.value <= bound)
        first = tf.equal(state.evaluations, 0)  # Nothing to compare with.
        better = first | (enough & (point.value <= search.best.value))
        lowered, failed = search.lowered | enough, search.failed | ~enough

        # The minimum of the parabola through both values and the first slope.
        shorter = _ratio(-slope, 2 * (point.value - state.value - slope))
        shorter = tf.where(finite, tf.clip_by_value(shorter, 0.1, 0.5), 0.1)
        length = search.length * tf.where(enough, 4.0, shorter)
        trial = self._clip(state.x + length * direction)

        trials = search.trials + 1
        long_enough = enough & (end_slope >= _CURVATURE * slope)
        hopeless = finite & (-slope <= _ROUNDING * tf.abs(state.value))
        done = first | long_enough | hopeless | (lowered & failed)
        done |= (trials >= self.max_trials) | _equal(trial, point.x)
        # Not tf.where: a branch passes its tensors on without copying them.
        best = tf.cond(better, lambda: point, lambda: search.best)
        return _Search(best, trial, length, lowered, failed, trials, done)

    def _advance(self, state: State, search: _Search) -> State:
        """Returns the state after a search, with the new pair."""
        best = search.best
        step, change = best.x - state.x, best.gradient - state.gradient
        keep = _is_convex(step, change)
        old = state.steps, state.changes
        new = (step, *old[0][:-1]), (change, *old[1][:-1])
        steps, changes = tf.cond(keep, lambda: new, lambda: old)
        pairs = tf.minimum(state.pairs + tf.cast(keep, tf.int32), self.history)
        failed = (state.evaluations > 0) & _equal(best.x, state.x)
        downhill = self._downhill(best.x, best.gradient)
        stuck = (failed & tf.equal(state.pairs, 0)) | _equal(downhill, 0.0)
        return State(
            **best._asdict(),
            steps=steps,
            changes=changes,
            pairs=tf.where(failed, 0, pairs),
            evaluations=state.evaluations + search.trials,
            converged=state.converged | stuck | ~_is_finite(best),
        )


def _dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(a * b)


def _ratio(a: Any, b: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(a, b)


def _equal(a: tf.Tensor, b: Any) -> tf.Tensor:
    return tf.reduce_all(tf.equal(a, b))


def _is_finite(point: State | _Point) -> tf.Tensor:
    # A sum is finite only if all its terms are.
    return tf.math.is_finite(point.value + tf.reduce_sum(point.gradient))


def _is_convex(step: tf.Tensor, change: tf.Tensor) -> tf.Tensor:
    """Whether the function curves upwards along a step, beyond rounding."""
    return _dot(step, change) > _COSINE * tf.norm(step) * tf.norm(change)
