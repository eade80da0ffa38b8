"""Starts TensorFlow quietly; chooses device, precision and compilation.

`start` comes first: it imports TensorFlow without the notices that it writes
to every terminal, and chooses the device. The other functions return what
suits that device.

The functions import TensorFlow, not this module, so that `start` can come
first. The TPU paths have not been run by this project.
"""

import contextlib
import gc
import logging
import os
import re
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tfstyle.runtime import chatter, processor

if TYPE_CHECKING:
    import tensorflow as tf

PRECISIONS = ("auto", "float32", "bfloat16")
JIT_COMPILE = ("auto", "on", "off")

_DEVICE = re.compile(r"auto|cpu|gpu(:\d+)?|tpu")

# First compute capabilities with matrix products in bfloat16 and in float16.
_AMPERE = (8, 0)
_VOLTA = (7, 0)


def check(device: str, several: bool = True) -> None:
    """Raises `ValueError` unless `start` knows such a device.

    Args:
        device: Name of a device; see `start`.
        several: Whether several devices are allowed: `"gpus"`, `"workers"`.
    """
    more = ["gpus", "workers"] if several else []
    if not _DEVICE.fullmatch(device) and device not in more:
        names = ", ".join(["auto", "cpu", "gpu", "gpu:N", *more])
        raise ValueError(
            f"`device` must be {names} or tpu. Received: device={device!r}"
        )


def check_backend() -> None:
    """Raises `ValueError` unless Keras runs on TensorFlow."""
    import keras

    _check_backend(keras.backend.backend())


def _check_backend(name: str) -> None:
    if name != "tensorflow":
        raise ValueError(
            f"This needs Keras on TensorFlow. Received: KERAS_BACKEND={name}"
            "; unset it."
        )


def start(device: str = "auto") -> "tf.distribute.Strategy":
    """Imports TensorFlow and Keras without notices and chooses the device.

    Sets `KERAS_BACKEND` if it is unset. To see all messages of TensorFlow,
    set `TF_CPP_MIN_LOG_LEVEL=0`.

    Args:
        device: `"cpu"`, `"gpu"` (the first), `"gpu:1"`, `"gpus"` (all),
            `"tpu"`, `"workers"` (the hosts of `TF_CONFIG`), or `"auto"`: the
            first GPU if there is one, else the processor.

    Returns:
        The strategy to run under: `tf.distribute.TPUStrategy` on a TPU,
        `MirroredStrategy` on all GPUs, `MultiWorkerMirroredStrategy` on
        several hosts, else the default one.

    Raises:
        ValueError: There is no such device, or `KERAS_BACKEND` names another
            backend.
        RuntimeError: TensorFlow was already used with another device.
    """
    check(device)
    _check_backend(os.environ.setdefault("KERAS_BACKEND", "tensorflow"))
    with quietly():
        import keras  # noqa: F401 (its import loads TensorFlow's last parts)
        import tensorflow as tf

        # GPUs would take 10 bits of products in float32, of which roots of
        # covariances make noise; for convolutions `precision` chooses.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        return _choose(tf, device)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Hides the notices of a TensorFlow that the block imports.

    Unless `TF_CPP_MIN_LOG_LEVEL` is 0. Chooses no device.
    """
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    quiet = contextlib.nullcontext() if level == "0" else chatter.hidden()
    with quiet, _signals_held(), _without_collection():
        yield
        tf: Any = sys.modules.get("tensorflow")  # Not on other backends.
        if tf is not None:
            tf.config.list_physical_devices()  # Prints notices, too.
            # Each size has a function of its own; to TensorFlow that looks
            # like one function that is traced again and again.
            tf.get_logger().addFilter(_is_no_retracing)
            tf.get_logger().setLevel(logging.WARNING)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Holds signals back: exceptions raised within an import get lost."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows.
        yield
        return
    held = {signal.SIGINT, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Disables garbage collection: imports are a quarter faster without."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _is_no_retracing(record: logging.LogRecord) -> bool:
    return "triggered tf.function retracing" not in record.getMessage()


def kind() -> str:
    """Returns the best device that TensorFlow may use: TPU, GPU or CPU."""
    import tensorflow as tf

    for best in ("TPU", "GPU"):
        if tf.config.list_logical_devices(best):
            return best
    return "CPU"


def replicas() -> int:
    """Number of model replicas trained at once: 1 except on several GPUs.

    Needs no TensorFlow if Keras runs on another backend.
    """
    if not sys.modules.get("tensorflow"):
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def precision(name: str = "auto") -> str:
    """Returns the dtype of feature maps that suits the device.

    Args:
        name: `"float32"`, `"bfloat16"`, or `"auto"`: bfloat16 if the device
            calculates in it, see `quickest`.

    Returns:
        `"float32"` or `"bfloat16"`. Never float16: VGG's maps reach 24,000
        of the 65,504 that it holds, and the losses made from them exceed it.
    """
    if name != "auto":
        return name
    found = quickest(*_device())
    return found if found == "bfloat16" else "float32"


def policy(name: str = "auto") -> str:
    """Returns the Keras dtype policy for training on the device.

    Args:
        name: `"float32"`, `"mixed_bfloat16"`, `"mixed_float16"`, which needs
            loss scaling, or `"auto"`: the policy of the dtype of `quickest`.
    """
    if name != "auto":
        return name
    found = quickest(*_device())
    return found if found == "float32" else f"mixed_{found}"


def quickest(kind: str, capability: tuple[int, int], bfloat16: bool) -> str:
    """Returns the shortest dtype that is faster than float32 on a device.

    Args:
        kind: `"TPU"`, `"GPU"` or `"CPU"`.
        capability: Compute capability of a GPU; (0, 0) if it has none.
        bfloat16: Whether the processor multiplies bfloat16 in hardware.

    Returns:
        `"float32"`, `"bfloat16"`, or `"float16"` for a GPU without bfloat16
        (V100, T4).

    >>> quickest("GPU", (7, 5), False)
    'float16'
    """
    if kind == "GPU":
        if capability >= _AMPERE:
            return "bfloat16"
        return "float16" if capability >= _VOLTA else "float32"
    return "bfloat16" if kind == "TPU" or bfloat16 else "float32"


def jit_compile(choice: str = "auto") -> bool:
    """Whether XLA should compile the step.

    Args:
        choice: `"on"`, `"off"`, or `"auto"`: off on a processor, where it
            measured slower (0.51 s against 0.41 s per step), else on.
    """
    if choice != "auto":
        return choice == "on"
    return kind() != "CPU"


def _choose(tf: Any, device: str) -> "tf.distribute.Strategy":
    gpus = tf.config.list_physical_devices("GPU")
    if device == "tpu":
        return _tpu_strategy(tf)
    if device == "workers":
        return tf.distribute.MultiWorkerMirroredStrategy()
    if device == "gpus" and gpus:
        return tf.distribute.MirroredStrategy()
    if device == "auto":
        device = "gpu" if gpus else "cpu"
    chosen = []
    if device != "cpu":
        index = int(device.partition(":")[2] or 0)
        if index >= len(gpus):
            raise _not_there(tf, device)
        chosen = [gpus[index]]
        tf.config.experimental.set_memory_growth(gpus[index], True)
    tf.config.set_visible_devices(chosen, "GPU")
    tf.config.list_logical_devices()  # The first use prints notices, too.
    return tf.distribute.get_strategy()


def _tpu_strategy(tf: Any) -> "tf.distribute.Strategy":
    # Local TPUs are listed; TPU_NAME names one on the network.
    if not (
        os.environ.get("TPU_NAME") or tf.config.list_physical_devices("TPU")
    ):
        raise _not_there(tf, "tpu")
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
        os.environ.get("TPU_NAME", "local")
    )
    tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
    return tf.distribute.TPUStrategy(resolver)


def _not_there(tf: Any, device: str) -> ValueError:
    gpus = len(tf.config.list_physical_devices("GPU"))
    found = ["cpu", *(f"gpu:{index}" for index in range(gpus))]
    if tf.config.list_physical_devices("TPU"):
        found.append("tpu")
    return ValueError(
        f"TensorFlow finds no device '{device}' here. "
        f"Found: {', '.join(found)}. TF_CPP_MIN_LOG_LEVEL=0 shows why."
    )


def _device() -> tuple[str, tuple[int, int], bool]:
    """Arguments of `quickest` for the device that Keras calculates on."""
    import keras

    if keras.backend.backend() == "jax":
        return (*_device_of_jax(), processor.has_bfloat16())
    capability = (0, 0)
    if kind() == "GPU":
        import tensorflow as tf

        (gpu, *_) = tf.config.get_visible_devices("GPU")
        details = tf.config.experimental.get_device_details(gpu)
        capability = details.get("compute_capability", capability)
    return kind(), capability, processor.has_bfloat16()


def _device_of_jax() -> tuple[str, tuple[int, int]]:
    import jax

    device = jax.devices()[0]
    # Such as "7.5"; only CUDA devices have one.
    found = re.match(
        r"(\d+)\.(\d+)$", getattr(device, "compute_capability", "")
    )
    capability = (int(found[1]), int(found[2])) if found else (0, 0)
    return device.platform.upper(), capability
