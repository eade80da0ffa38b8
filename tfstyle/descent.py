"""The step of `gatys`, compiled, and what it is made of.

One `tf.function` does all the work of a step: feature maps, losses, their
gradient by a `tf.GradientTape`, the optimiser, the clipping and the running
average.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfstyle import adam, devices, features, images, lbfgs, objective
from tfstyle.config import GatysConfig

State = Any  # `adam.State` or `lbfgs.State`, as the optimizer is.
Optimizer = adam.Adam | lbfgs.LBFGS


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
    return features.extractor(
        name,
        [*config.content_layers, *config.style_layers],
        config.pooling,
        path or "imagenet",
        border="mirror",
        dtype=precision(config),
    )


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

    Args:
        network: From `make_network`.
        terms: From `objective.terms`, for the photograph at this size.
        optimizer: From `make_optimizer`.
        config: Says whether XLA compiles it.

    Returns:
        A `tf.function` from a state of the optimiser to the next.
    """

    def evaluate(image):
        with tf.GradientTape() as tape:
            tape.watch(image)
            maps = network(image)
            values = {
                name: term.weight * term.loss(image, maps)[0]
                for name, term in terms.items()
            }
            value = tf.add_n(list(values.values()))
        return value, tape.gradient(value, image), values

    def update(state):
        return optimizer.step(evaluate, state)

    strategy = tf.distribute.get_strategy()
    return tf.function(
        lambda state: strategy.run(update, (state,)),
        autograph=False,
        jit_compile=devices.jit_compile(config.jit_compile),
    )


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
