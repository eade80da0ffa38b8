"""The step of `gatys`, compiled, and what it is made of.

One `tf.function` does all the work of a step: feature maps, losses, their
gradient by a `tf.GradientTape`, the optimiser, the clipping and the running
average.
"""

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfstyle import features, images
from tfstyle.optimization import adam, lbfgs, objective
from tfstyle.optimization.config import GatysConfig
from tfstyle.runtime import devices

State = Any  # `adam.State` or `lbfgs.State`, as the optimizer is.
Optimizer = adam.Adam | lbfgs.LBFGS

# Kept for further pictures: networks, and graphs of steps, one for each size.
_NETWORKS = 2
_STEPS = 16


def make_optimizer(config: GatysConfig, steps: int) -> Optimizer:
    """The optimiser that the settings name.

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


def make_network(config: GatysConfig, draft: bool = False) -> keras.Model:
    """The feature extractor that the settings name, with all their layers.

    Args:
        config: The settings; name a network, not `"auto"`.
        draft: Whether it should be the thin network instead.
    """
    name, path = config.features, config.feature_weights
    if draft:
        name, path = "vgg_distilled", None
    layers = (*config.content_layers, *config.style_layers)
    return _network(
        name,
        layers,
        config.pooling,
        path,
        _stamp(path),
        precision(config),
        tf.distribute.get_strategy(),
    )


@functools.lru_cache(_NETWORKS)
def _network(name, layers, pooling, path, stamp, dtype, strategy):
    """Of a file as it was at `stamp`."""
    _traced.cache_clear()  # Graphs would keep networks that are let go.
    return features.extractor(
        name,
        layers,
        pooling,
        path or "imagenet",
        border="mirror",
        dtype=dtype,
    )


def _stamp(path: str | None) -> tuple[int, int] | None:
    """Changes when the file does."""
    if path is None or not os.path.exists(path):
        return None
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size


def precision(config: GatysConfig) -> str:
    """Type of the feature maps: `"float32"` or `"bfloat16"`."""
    if config.optimizer == "lbfgs":  # Its line search needs exact values.
        return "float32"
    return devices.precision(config.precision)


def compile_step(
    network: keras.Model,
    terms: Mapping[str, objective.Term],
    optimizer: Optimizer,
    config: GatysConfig,
) -> Callable[[State], State]:
    """The step at one size, as one graph.

    It is traced at the first call, but not again for pictures of the same
    size with the same network and terms: targets and weights are arguments of
    the graph.

    Args:
        network: From `make_network`.
        terms: From `objective.terms`, for the photograph at this size.
        optimizer: From `make_optimizer`.
        config: Says whether XLA compiles it.

    Returns:
        A function from a state of the optimiser to the next.
    """
    weights = {name: _single(term.weight) for name, term in terms.items()}
    targets = {name: term.target for name, term in terms.items()}
    compares = tuple((name, term.compare) for name, term in terms.items())
    shapes = tuple(x.shape for x in tf.nest.flatten(targets) if x is not None)
    jit = devices.jit_compile(config.jit_compile)

    def step(state):
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
