"""Memory of the device that is used: what was taken, and what is left."""

import contextlib
import os
import re
import subprocess
import sys

import psutil

from tfstyle.runtime import devices, host_memory


def peak() -> int:
    """Most bytes held so far: by TensorFlow on a GPU, else by the process."""
    # Training may run where TensorFlow is not installed.
    if sys.modules.get("tensorflow") and devices.kind() == "GPU":
        import tensorflow as tf

        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    # getrusage() would count what the parent held when it started us.
    with contextlib.suppress(FileNotFoundError):
        with open("/proc/self/status") as file:
            if found := re.search(r"VmHWM:\s*(\d+) kB", file.read()):
                return int(found[1]) * 1024
    return psutil.Process().memory_info().rss


def available() -> int:
    """Bytes that this process can still take.

    On a GPU what its driver calls free, or `sys.maxsize` where `nvidia-smi`
    does not answer; else what the system and the control groups, so also a
    container's limit, leave.
    """
    if sys.modules.get("tensorflow") and devices.kind() == "GPU":
        return _free_gpu_memory()
    return host_memory.available()


def _free_gpu_memory() -> int:
    import tensorflow as tf

    (gpu, *_) = tf.config.get_visible_devices("GPU")
    index = int(gpu.name.rpartition(":")[2])
    # TensorFlow counts only the GPUs that this variable lets it see.
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
