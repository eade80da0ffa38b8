"""Memory of the device in use: the peak so far, and what is left."""

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
    if _on_gpu():
        import tensorflow as tf

        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    # getrusage() would count what the parent held when it started us.
    with contextlib.suppress(FileNotFoundError):
        with open("/proc/self/status", encoding="utf-8") as file:
            if found := re.search(r"VmHWM:\s*(\d+) kB", file.read()):
                return int(found[1]) * 1024
    return resident()


def available() -> int:
    """Bytes that this process can still allocate.

    On a GPU, the free memory that its driver reports, or `sys.maxsize` if
    `nvidia-smi` does not answer; else what the system and the control groups
    leave, and so a container's limit.
    """
    if _on_gpu():
        return _free_gpu_memory()
    return host_memory.available()


def left(limit: int | None = None) -> int:
    """Bytes that the next run may take: also what earlier runs have taken.

    TensorFlow gives hardly any of it back to the system, but uses it again.

    Args:
        limit: Most memory that the process may have, in bytes; `None` for what
            the system leaves. A GPU's memory has no such limit.
    """
    held = _RUNS.held()
    free = available() + held
    if limit is None or _on_gpu():
        return free
    return min(free, max(0, limit - (resident() - held)))


def limit_for(needed: int) -> int:
    """Returns the limit with which `left` is `needed`, in bytes."""
    return needed + resident() - _RUNS.held()


def take(needed: int) -> None:
    """Notes that a run which needs so many bytes begins."""
    _RUNS.take(needed)


def resident() -> int:
    """Returns the memory of this process, in bytes."""
    return psutil.Process().memory_info().rss


class _Runs:
    """The runs of this process so far."""

    def __init__(self) -> None:
        self._before = 0  # Memory of the process before the first of them.
        self._largest = 0  # Need of the largest, in bytes.

    def take(self, needed: int) -> None:
        if not self._largest:
            self._before = resident()
        self._largest = max(self._largest, needed)

    def held(self) -> int:
        """Bytes that they have taken; on a GPU 0, since that is not known."""
        if not self._largest or _on_gpu():
            return 0
        # More than the largest needed is what the user has loaded since.
        return min(max(0, resident() - self._before), self._largest)


_RUNS = _Runs()


def shortages() -> tuple[type[Exception], ...]:
    """Returns the types of errors that say that memory ran out."""
    # Looked up, not imported: it may not be needed, nor installed.
    tensorflow: Any = sys.modules.get("tensorflow")
    if tensorflow is None:
        return (MemoryError,)
    return MemoryError, tensorflow.errors.ResourceExhaustedError


def _on_gpu() -> bool:
    # TensorFlow need not be installed for training.
    return bool(sys.modules.get("tensorflow")) and devices.kind() == "GPU"


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
