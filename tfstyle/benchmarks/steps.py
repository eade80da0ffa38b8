"""Times steps of an optimization: at once, and in tiles."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from tfstyle import features
from tfstyle.benchmarks import rates
from tfstyle.features import tiles
from tfstyle.objective.terms import make_terms
from tfstyle.optimization import descent, run, tiled_loss, tiled_step
from tfstyle.optimization.config import GatysConfig
from tfstyle.runtime import devices, scratch


def speeds(
    configs: Iterable[GatysConfig], path: str | None, steps: int
) -> Iterator[dict[str, Any]]:
    """Yields the time of a step, its operations per second and their share.

    Args:
        configs: What to measure.
        path: File of the network's weights; random ones if `None`.
        steps: Number of steps to time; the fastest counts.
    """
    for config in configs:
        network = make_network(config, path)
        rate = rates.product_rate()
        seconds = step_seconds(network, config, steps)
        # The gradient takes as much as the way forward.
        work = 2 * rates.operations(network, config.size)
        measured = rates.row(config, "seconds_per_step", seconds, work, rate)
        yield {"style_loss": config.style_loss, **measured}


def in_tiles(
    configs: Iterable[GatysConfig], path: str | None, steps: int, tile: int
) -> Iterator[dict[str, Any]]:
    """Yields times of a step at once and in tiles, and their ratio.

    Args:
        configs: What to measure.
        path: See `speeds`.
        steps: See `speeds`.
        tile: Side of the tiles, in pixels.
    """
    for config in configs:
        network = make_network(config, path)
        given = network.name, network.output
        tiles.check_side(*given, tile)
        whole = step_seconds(network, config, steps)
        seconds = step_seconds(
            network, dataclasses.replace(config, tile=tile), steps
        )
        tiling = tiles.Tiling(*given, (config.size, config.size), tile)
        yield {
            "features": config.features,
            "size": config.size,
            "precision": config.precision,
            "tiles": len(tiling.tiles),
            "tile": tiling.window,
            "seconds_at_once": round(whole, 4),
            "seconds_in_tiles": round(seconds, 4),
            "ratio": round(seconds / whole, 3),
        }


def make_network(config: GatysConfig, path: str | None) -> keras.Model:
    """Returns the network that the losses of an optimization compare."""
    return features.extractor(
        config.features,
        [*config.content_layers, *config.style_layers],
        config.pooling,
        path,
        border="mirror",
        dtype=devices.precision(config.precision),
    )


def step_seconds(
    network: keras.Model, config: GatysConfig, steps: int
) -> float:
    """Returns the seconds of the fastest step."""
    config = run.on_device(config)
    content, style = noise(config.size)
    terms = make_terms(network, content, [style], config, side=config.tile)
    optimizer: Any
    step: Any
    if config.tile is None:
        optimizer = descent.make_optimizer(config, config.steps)
        step = descent.compile_step(network, terms, optimizer, config)
    else:
        optimizer = descent.make_in_place(config, config.steps, scratch.zeros)
        shape = config.size, config.size
        seen = network.name, network.output, shape, config.tile
        loss = tiled_loss.Loss(
            network, terms, tiles.Tiling(*seen), lambda part: False
        )
        step = tiled_step.Step(loss, optimizer)
    state = step(optimizer.init(content[None], tuple(terms)))

    def again() -> None:
        nonlocal state
        state = step(state)
        float(state.value)  # Waits for a GPU.

    return rates.fastest(again, steps)


def noise(size: int) -> np.ndarray:
    """Returns two square images, `(2, size, size, 3)`."""
    return np.random.default_rng(0).random((2, size, size, 3), np.float32)
