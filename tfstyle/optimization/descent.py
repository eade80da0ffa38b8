"""The step of `gatys`, compiled, and what it is made of.

One `tf.function` does all the work of a step: feature maps, losses, their
gradient by a `tf.GradientTape`, the optimizer, the clipping and the running
average.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar

import keras
import numpy as np
import tensorflow as tf

from tfstyle import features, images
from tfstyle.optimization import adam, lbfgs, objective
from tfstyle.optimization.config import GatysConfig
from tfstyle.pretrained.weights import Resolved

# Kept for further pictures: networks, and graphs of steps, one for each size.
_NETWORKS = 2
_STEPS = 16


class State(Protocol):
    """Where an optimizer is: nested tensors that a graph takes and gives."""

    @property
    def x(self) -> tf.Tensor:
        """The picture that the next step starts from, `(1, h, w, 3)`."""

    @property
    def value(self) -> tf.Tensor:
        """The loss that was found last, a scalar."""

    @property
    def aux(self) -> dict[str, tf.Tensor]:
        """The terms of that loss, scalars by name."""

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Flat dictionary for a checkpoint."""

    @classmethod
    def from_numpy(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Inverse of `to_numpy`, bit for bit."""


S = TypeVar("S", bound=State)


class Optimizer(Protocol[S]):
    """What the loop of `gatys` needs of a method."""

    def __hash__(self) -> int:
        """Graphs are kept by optimizers."""

    def init(self, x: tf.Tensor, aux: Sequence[str] = ()) -> S:
        """The state before the first step from a picture."""

    def step(
        self, value_and_gradient: Callable[[tf.Tensor], tuple], state: S
    ) -> S:
        """The state after one step; a graph is made of it."""

    def resize(self, state: S, height: int, width: int, detail: Any = 0.0) -> S:
        """The state at another size, with `detail` added to the picture."""

    def restore(self, arrays: Mapping[str, np.ndarray]) -> S:
        """The state of which `to_numpy` made `arrays`."""

    def picture(self, state: S) -> tf.Tensor:
        """The picture to show during the run."""

    def best(self, state: S) -> tf.Tensor:
        """The picture of the lowest loss so far; nothing is evaluated."""

    def result(self, step: Callable[[S], S], state: S) -> tf.Tensor:
        """The picture at the end of a size; `step` may evaluate others."""

    def converged(self, state: S) -> bool:
        """Whether further steps would be in vain."""

    def finite(self, state: S) -> bool:
        """Whether the last loss and its gradient were finite."""

    def age(self, state: S) -> int:
        """Steps at this size that did not fail."""


def make_optimizer(config: GatysConfig, steps: int) -> Optimizer[Any]:
    """The optimizer that the settings name.

    Args:
        config: The settings.
        steps: Over which Adam's rate falls.
    """
    if config.optimizer == "lbfgs":
        return lbfgs.LBFGS()
    return adam.Adam(
        learning_rate=config.learning_rate,
        beta_2=config.beta_2,
        steps=steps,
        levels=config.levels,
    )


def make_network(config: GatysConfig, weights_file: Resolved) -> keras.Model:
    """The feature extractor with all layers that the settings name.

    Args:
        config: The settings; with a precision, see `run.on_device`.
        weights_file: Says which network.
    """
    layers = (*config.content_layers, *config.style_layers)
    given = weights_file.name, layers, config.pooling
    kept = _kept_network(
        *given,
        weights_file.digest,
        config.precision,
        tf.distribute.get_strategy(),
    )
    if not kept:
        _traced.cache_clear()  # Graphs would keep networks that are let go.
        kept.append(
            features.extractor(
                *given, weights_file, border="mirror", dtype=config.precision
            )
        )
    return kept[0]


@functools.lru_cache(_NETWORKS)
def _kept_network(*key: Any) -> list[keras.Model]:
    """Where a network is kept that all of these determine."""
    return []


def compile_step(
    network: keras.Model,
    terms: Mapping[str, objective.Term],
    optimizer: Optimizer[S],
    config: GatysConfig,
) -> Callable[[S], S]:
    """The step at one size, as one graph.

    It is traced at the first call, but not again for pictures of the same
    size with the same network and terms: targets and weights are arguments of
    the graph.

    Args:
        network: From `make_network`.
        terms: From `objective.terms`, for the photograph at this size.
        optimizer: From `make_optimizer`.
        config: Says whether XLA compiles it, see `run.on_device`.

    Returns:
        A function from a state of the optimizer to the next.
    """
    weights = {name: _single(term.weight) for name, term in terms.items()}
    targets = {name: term.target for name, term in terms.items()}
    compares = tuple((name, term.compare) for name, term in terms.items())
    shapes = tuple(x.shape for x in tf.nest.flatten(targets) if x is not None)
    jit = config.jit_compile == "on"

    def step(state: S) -> S:
        given = (state, weights, targets)
        place = (state.x.shape, shapes, tf.distribute.get_strategy())
        traced = _traced(network, compares, optimizer, jit, place)
        if not traced:
            traced.append(_trace(network, compares, optimizer, jit, given))
        return traced[0](*given)

    return step


def _single(weight):
    """As float32: infinite, not refused, where it is too large for that."""
    return tf.cast(tf.constant(weight, tf.float64), tf.float32)


@functools.lru_cache(_STEPS)
def _traced(*key) -> list:
    """Where a graph is kept that all of these determine."""
    return []


def _trace(network, compares, optimizer, jit, given):
    def update(state, weights, targets):
        def evaluate(image):
            with tf.GradientTape() as tape:
                tape.watch(image)
                maps = network(image)
                values = {
                    name: weights[name] * compare(image, maps, targets[name])[0]
                    for name, compare in compares
                }
                value = tf.add_n(list(values.values()))
            return value, tape.gradient(value, image), values

        return optimizer.step(evaluate, state)

    strategy = tf.distribute.get_strategy()
    function = tf.function(
        lambda *given: strategy.run(update, given),
        autograph=False,
        jit_compile=jit,
    )
    # TensorFlow would warn of as many traces as there are sizes.
    return function.get_concrete_function(*given)


def compile_gradients(
    network: keras.Model, terms: Mapping[str, objective.Term]
) -> Callable[[tf.Tensor], dict[str, float]]:
    """How much each term pulls at a picture: the norm of its gradient.

    It is apart from the step, which stays what it is, and traced at the first
    call; without XLA, which would take longer to compile than to save here.
    Terms are taken one after the other, so that it needs no more memory than
    a step.

    Args:
        network: As for `compile_step`.
        terms: As for `compile_step`.

    Returns:
        A function from a picture `(1, height, width, 3)` to norms by name.
    """

    def norm(image, chosen):
        with tf.GradientTape() as tape:
            tape.watch(image)
            maps = network(image)
            values = [t.weight * t.loss(image, maps)[0] for t in terms.values()]
            value = tf.reduce_sum(chosen * tf.stack(values))
        return tf.norm(tape.gradient(value, image))

    strategy = tf.distribute.get_strategy()
    compiled = tf.function(
        lambda *arguments: strategy.run(norm, arguments), autograph=False
    )
    each = tf.eye(len(terms))
    return lambda image: {
        name: float(compiled(image, chosen))
        for name, chosen in zip(terms, each, strict=True)
    }


def initial_picture(
    photo: np.ndarray,
    styles: Sequence[np.ndarray],
    config: GatysConfig,
    init: np.ndarray | None,
) -> np.ndarray:
    """The picture before the first step.

    Args:
        photo: The photograph at the first size, `(height, width, 3)`.
        styles: The style images; the noise of `"style"` has their colours.
        config: Says where to start, and the seed.
        init: A picture to start from instead, of any size.

    Returns:
        Float32 array of the shape of `photo`, in [0, 1].
    """
    if init is not None:
        return images.resize(init, *photo.shape[:2])
    random = np.random.default_rng(config.seed)
    if config.init == "content":
        return photo
    if config.init == "grey":
        return np.full_like(photo, 0.5)
    if config.init == "noise":
        return random.random(photo.shape, np.float32)
    mean, covariance = _colours(styles, config.style_mix)
    noise = random.multivariate_normal(mean, covariance, photo.shape[:2])
    return np.clip(noise, 0, 1).astype(np.float32)


def _colours(styles, style_mix):
    """Mean and covariance of the colours of a blend."""
    shares = np.array(style_mix or [1.0] * len(styles), np.float64)
    flat = [style.reshape(-1, 3).astype(np.float64) for style in styles]
    means = np.array([colours.mean(0) for colours in flat])
    seconds = np.array([colours.T @ colours / len(colours) for colours in flat])
    mean, second = (np.average(x, 0, weights=shares) for x in (means, seconds))
    return mean, second - np.outer(mean, mean)
