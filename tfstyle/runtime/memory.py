"""Memory of the device in use: the peak so far, and the rest."""

import contextlib
import os
import re
import subprocess
import sys
from typing import Any

import psutil

from tfstyle.runtime import devices, host_memory


def peak() -> int:
    """Peak memory so far, in bytes: TensorFlow's on a GPU, or the process's."""
    # TensorFlow need not be installed for training.
    if sys.modules.get("tensorflow") and devices.kind() == "GPU":
        import tensorflow as tf

        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    # getrusage() would count what the parent held when it started us.
    with contextlib.suppress(FileNotFoundError):
        with open("/proc/self/status", encoding="utf-8") as file:
            if found := re.search(r"VmHWM:\s*(\d+) kB", file.read()):
                return int(found[1]) * 1024
    return psutil.Process().memory_info().rss


def available() -> int:
    """Bytes that this process can still allocate.

    On a GPU, the free memory that its driver reports, or `sys.maxsize` if
    `nvidia-smi` does not answer; else what the system and the control groups
    leave, and so a container's limit.
    """
    if sys.modules.get("tensorflow") and devices.kind() == "GPU":
        return _free_gpu_memory()
    return host_memory.available()


def shortages() -> tuple[type[Exception], ...]:
    """Returns the types of errors that say that memory ran out."""
    # Looked up, not imported: it may not be needed, nor installed.
    tensorflow: Any = sys.modules.get("tensorflow")
    if tensorflow is None:
        return (MemoryError,)
    return MemoryError, tensorflow.errors.ResourceExhaustedError


def _free_gpu_memory() -> int:
    import tensorflow as tf

    (gpu, *_) = tf.config.get_visible_devices("GPU")
    index = int(gpu.name.rpartition(":")[2])
    # TensorFlow numbers only the GPUs that this variable lets it see.
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    name = visible.split(",")[index] if visible else str(index)
    command = ["nvidia-smi", "--query-gpu=memory.free", f"--id={name}"]
    try:
        output = subprocess.check_output(
            [*command, "--format=csv,noheader,nounits"], timeout=10
        )
        return int(output) * 2**20
    except (OSError, ValueError, subprocess.SubprocessError):
        return sys.maxsize
