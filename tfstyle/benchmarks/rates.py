"""Operations of networks, and the rate of the processor beside them."""

import re
import time
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfstyle.adain import decoder
from tfstyle.optimization.config import GatysConfig

_PRODUCT = 2048  # Side of the matrices whose product is timed.


def fastest(call: Callable[[], object], times: int) -> float:
    """Returns the seconds of the fastest call, which others disturb least."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found)


def product_rate() -> float:
    """Returns the operations per second of float32 matrix products."""
    matrix = tf.random.normal((_PRODUCT, _PRODUCT))
    product = tf.function(lambda a: tf.reduce_max(a @ a), autograph=False)
    product(matrix)
    return 2 * _PRODUCT**3 / fastest(lambda: float(product(matrix)), 20)


def operations(network: keras.Model, size: int) -> int:
    """Returns the operations of a network's convolutions, forward.

    Multiplications and additions count one each.

    Args:
        network: Encoder or decoder.
        size: Side of the square image, in pixels.
    """
    total, side = 0, size + 2 * decoder.MARGIN
    for layer in network.layers:
        found = re.match(r"(?:block|stage)(\d)_", layer.name)
        if found and layer.weights:
            height, width, inputs, outputs = layer.kernel.shape
            area = (side // 2 ** (int(found[1]) - 1)) ** 2
            total += 2 * height * width * inputs * outputs * area
    return total


def row(
    config: GatysConfig, name: str, seconds: float, work: int, rate: float
) -> dict[str, Any]:
    """Returns a time, the rate of operations, and its share of a product's.

    Args:
        config: What was measured.
        name: What to call the time.
        seconds: The time.
        work: Operations in that time.
        rate: Operations per second of products, from `product_rate`.
    """
    return {
        "size": config.size,
        "features": config.features,
        "precision": config.precision,
        name: round(seconds, 4),
        "gflops": round(work / seconds / 1e9, 1),
        "float32_product_gflops": round(rate / 1e9, 1),
        "share": round(work / seconds / rate, 3),
    }
