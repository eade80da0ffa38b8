"""Measures the memory of an optimization."""

import concurrent.futures
import multiprocessing
from collections.abc import Iterable, Iterator
from typing import Any

import psutil

from tfstyle.optimization.config import GatysConfig


def peaks(
    configs: Iterable[GatysConfig], path: str | None
) -> Iterator[dict[str, Any]]:
    """Yields the most memory of three steps, above that of an idle process.

    Each is measured in a process of its own: freed memory would be reused.

    Args:
        configs: What to measure.
        path: File of the network's weights; random ones if `None`.

    Raises:
        MemoryError: A process was killed.
    """
    spawn = multiprocessing.get_context("spawn")
    for config in configs:
        with concurrent.futures.ProcessPoolExecutor(1, spawn) as pool:
            try:
                yield pool.submit(_peak, config, path).result()
            except concurrent.futures.BrokenExecutor as error:
                raise MemoryError(f"at {config.size} pixels") from error


def _peak(config: GatysConfig, path: str | None) -> dict[str, Any]:
    from tfstyle.runtime import devices, memory

    devices.start("cpu")
    from tfstyle.benchmarks import steps

    network = steps.make_network(config, path)
    idle = psutil.Process().memory_info().rss
    with open("/proc/self/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")  # Resets VmHWM.
    steps.step_seconds(network, config, 3)
    taken = memory.peak() - idle
    return {
        "size": config.size,
        "features": config.features,
        "precision": config.precision,
        "peak_mb": round(taken / 1e6),
        "mb_per_megapixel": round(taken / config.size**2),
    }
