"""Compares a server with the bare signature of its model in this process."""

import functools
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from serving.server.config import ModelConfig

if TYPE_CHECKING:
    import psutil


def newest(base_path: str) -> str:
    """Returns the folder of a model's newest version.

    Raises:
        ValueError: There is none.
    """
    versions = ModelConfig(name="", base_path=base_path).find()
    if not versions:
        raise ValueError(f"There is no version in '{base_path}'.")
    return str(versions[max(versions)])


def bare(
    version: str, signature: str, inputs: Mapping[str, Any]
) -> Callable[[], list[np.ndarray]]:
    """Returns a function that runs a signature of a SavedModel.

    Args:
        version: Folder of the SavedModel, which is loaded once.
        signature: Name of the signature.
        inputs: Values of its inputs by name.
    """
    import tensorflow as tf

    loaded = _loaded(version)
    tensors = {name: tf.constant(value) for name, value in inputs.items()}

    def call() -> list[np.ndarray]:
        answers = loaded.signatures[signature](**tensors)
        return [answer.numpy() for answer in answers.values()]

    return call


def compare(
    server: Callable[[], object],
    alone: Callable[[], object],
    seconds: float,
    process: "psutil.Process | None" = None,
) -> dict[str, tuple[float, float]]:
    """Times two functions in turns, and so under the same load.

    On a busy machine the processor time is more reliable.

    Args:
        server: Function that asks the server.
        alone: Function that does the same without it.
        seconds: How long to go on.
        process: Process of the server, for the processor time.

    Returns:
        Seconds of a call of each: the median as `"time"`, and with `process`
        the mean of the processor as `"processor"`.
    """
    alone()
    ours, bare = _Timer(server), _Timer(alone)
    before = _used(process) if process else 0.0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        ours.run()
        bare.run()
    found = {"time": (ours.median(), bare.median())}
    if process:
        used = (_used(process) - before) / len(ours.times)
        found["processor"] = (used + ours.processor(), bare.processor())
    return found


class _Timer:
    """Measures wall and processor time of calls in this process."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call, self._used = call, 0.0
        self.times: list[float] = []

    def run(self) -> None:
        begin, used = time.perf_counter(), time.process_time()
        self._call()
        self._used += time.process_time() - used
        self.times.append(time.perf_counter() - begin)

    def median(self) -> float:
        return float(np.median(self.times))

    def processor(self) -> float:
        return self._used / len(self.times)


def _used(process: "psutil.Process") -> float:
    """Returns the processor time of a process so far, in seconds."""
    times = process.cpu_times()
    return times.user + times.system


@functools.cache
def _loaded(path: str) -> Any:
    import tensorflow as tf

    return tf.saved_model.load(path)
