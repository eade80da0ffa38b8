"""The compiled step of style transfer by optimization, and its parts.

One `tf.function` does all the work of a step: feature maps, losses, their
gradient by a `tf.GradientTape`, the optimizer, the clipping and the running
average.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfstyle import features
from tfstyle.objective.term import Term
from tfstyle.optimization import tiled_graphs
from tfstyle.optimization.config import GatysConfig
from tfstyle.optimizers import adam, lbfgs
from tfstyle.optimizers.adam_in_place import InPlace
from tfstyle.optimizers.interface import Optimizer, S
from tfstyle.pretrained.weights import Resolved
from tfstyle.runtime import scratch

# Networks and graphs of steps that are kept for later pictures.
_NETWORKS = 2
_STEPS = 16


def make_optimizer(config: GatysConfig, steps: int) -> Optimizer[Any]:
    """Makes the optimizer that the settings name.

    Args:
        config: Settings.
        steps: Number of steps over which Adam's learning rate falls.
    """
    if config.optimizer == "lbfgs":
        return lbfgs.LBFGS()
    return adam.Adam(**_rates(config, steps))


def make_in_place(
    config: GatysConfig, steps: int, make: scratch.Make
) -> InPlace:
    """Makes the optimizer of pictures in tiles.

    Args:
        config: Settings.
        steps: Number of steps over which Adam's learning rate falls.
        make: Function that makes arrays of the picture's size.
    """
    return InPlace(**_rates(config, steps), make=make)


def _rates(config: GatysConfig, steps: int) -> dict[str, Any]:
    return {
        "learning_rate": config.learning_rate,
        "beta_2": config.beta_2,
        "steps": steps,
        "levels": config.levels,
    }


def make_network(config: GatysConfig, weights_file: Resolved) -> keras.Model:
    """Makes the feature extractor, or returns the one made before.

    Args:
        config: Settings without "auto", see `run.on_device`: layers, pooling,
            precision.
        weights_file: File of the weights; names the network.
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
        # Graphs would keep discarded networks alive.
        _traced.cache_clear()
        tiled_graphs.forget()
        kept.append(
            features.extractor(
                *given, weights_file, border="mirror", dtype=config.precision
            )
        )
    return kept[0]


@functools.lru_cache(_NETWORKS)
def _kept_network(*key: Any) -> list[keras.Model]:
    """Returns the list that holds the network for this key, if it was made."""
    return []


def compile_step(
    network: keras.Model,
    terms: Mapping[str, Term],
    optimizer: Optimizer[S],
    config: GatysConfig,
) -> Callable[[S], S]:
    """Compiles the step to one graph.

    It is traced at the first call, but not again for other pictures and sizes
    with the same network and terms: targets and weights are arguments of the
    graph, and images may have any size. XLA needs a graph for each size, and
    so do regions and histograms, which list positions.

    Args:
        network: Network from `make_network`.
        terms: Terms of the loss, from `make_terms` for this size.
        optimizer: Optimizer from `make_optimizer`.
        config: Settings without "auto", see `run.on_device`: whether XLA
            compiles the step.

    Returns:
        A function from a state of the optimizer to the next.
    """
    weights = {name: _single(term.weight) for name, term in terms.items()}
    targets = {name: term.target for name, term in terms.items()}
    compares = tuple((name, term.compare) for name, term in terms.items())
    jit = config.jit_compile == "on"

    def step(state: S) -> S:
        given = (state, weights, targets)
        specs = _specs(given, free=not jit)
        place = (*tf.nest.flatten(specs), tf.distribute.get_strategy())
        traced = _traced(network, compares, optimizer, jit, place)
        if not traced:
            traced.append(_trace(network, compares, optimizer, jit, specs))
        return traced[0](*given)

    return step


def _single(weight: float) -> tf.Tensor:
    """Converts to float32; a weight that is too large becomes infinite."""
    return tf.cast(tf.constant(weight, tf.float64), tf.float32)


def _specs(given: Any, free: bool) -> Any:
    """Returns the shapes of tensors; with `free`, images may be of any size."""

    def spec(x: tf.Tensor | None) -> tf.TensorSpec | None:
        if x is None:
            return None
        shape = list(x.shape)
        if free and len(shape) == 4:  # (batch, height, width, channels)
            shape[1:3] = None, None
        return tf.TensorSpec(shape, x.dtype)

    return tf.nest.map_structure(spec, given)


@functools.lru_cache(_STEPS)
def _traced(*key: Any) -> list[Any]:
    """Returns the list that holds the graph for this key, if it was traced."""
    return []


def _trace(
    network: keras.Model,
    compares: Sequence[tuple[str, Callable[..., Any]]],
    optimizer: Optimizer[S],
    jit: bool,
    specs: tuple,
) -> Callable[..., S]:
    def update(
        state: S, weights: Mapping[str, tf.Tensor], targets: Mapping[str, Any]
    ) -> S:
        def evaluate(image: tf.Tensor) -> tuple:
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
    # TensorFlow would warn of retracing: other terms have graphs of their own.
    return function.get_concrete_function(*specs)


def compile_gradients(
    network: keras.Model, terms: Mapping[str, Term]
) -> Callable[[tf.Tensor], dict[str, float]]:
    """Compiles the norms of the gradients of all terms, for reports.

    The graph is separate from the step and traced at the first call; without
    XLA, whose compilation would take longer than it saves here. Terms are
    evaluated one after the other, so that it needs no more memory than a step.

    Args:
        network: Network, see `compile_step`.
        terms: Terms of the loss, see `compile_step`.

    Returns:
        A function from a picture `(1, height, width, 3)` to norms by name.
    """

    def norm(image: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
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
