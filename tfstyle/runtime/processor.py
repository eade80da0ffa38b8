"""Cores and instruction sets of the processor; enables oneDNN.

TensorFlow has two libraries for processors: Eigen, and oneDNN, which is its
default only on processors with instructions for neural networks. On others
with AVX2, oneDNN is the faster one for this package: see "oneDNN" in
docs/decisions/process.md. TensorFlow decides once, when it is imported, so
`prefer_onednn` comes before.
"""

import contextlib
import functools
import math
import os
import re
import sys
from collections.abc import Iterator

_SWITCH = "TF_ENABLE_ONEDNN_OPTS"
# Instruction sets with which oneDNN is TensorFlow's default.
_NEURAL = {
    "avx512_vnni",
    "avx512_bf16",
    "avx_vnni",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
}
_BFLOAT16 = {"avx512_bf16", "amx_bf16"}
# Files of the time in each period, and of the period.
_CGROUP_1 = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
_CGROUP_2 = ("cpu.max",)
# Values of oneDNN's ONEDNN_MAX_CPU_ISA that exclude AVX-512.
_SMALL = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2"}


def prefer_onednn() -> None:
    """Enables oneDNN for a TensorFlow that will be imported.

    Leaves `TF_ENABLE_ONEDNN_OPTS` as it is if it is set.
    """
    if "tensorflow" not in sys.modules and "avx2" in flags():
        os.environ.setdefault(_SWITCH, "1")


def has_onednn() -> bool:
    """Whether TensorFlow computes with oneDNN here."""
    default = not _NEURAL.isdisjoint(_all_flags())
    switch = os.environ.get(_SWITCH, str(default))
    return bool(flags()) and switch.lower() in ("1", "true")


def has_avx512() -> bool:
    """Whether vectors have 512 bits."""
    return "avx512f" in flags()


def has_bfloat16() -> bool:
    """Whether TensorFlow multiplies bfloat16 values in hardware here.

    Eigen does not: without oneDNN a step takes 12 times as long in bfloat16.
    """
    return has_onednn() and not _BFLOAT16.isdisjoint(flags())


def flags() -> frozenset[str]:
    """Instruction sets of an x86 processor, as Linux names them.

    `ONEDNN_MAX_CPU_ISA` limits them, as it does for oneDNN.

    Returns:
        The names; empty on other processors and systems.
    """
    found = _all_flags()
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in _SMALL:
        return frozenset(
            name for name in found if not name.startswith(("avx512", "amx"))
        )
    return found


def cores() -> int:
    """Number of processors that this process may use.

    A container may have the time of fewer than it sees.
    """
    found = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # Linux: not all, under `taskset`.
        found = len(os.sched_getaffinity(0))
    return min([found, *_quotas()])


def _quotas(*places: str) -> Iterator[int]:
    """Processors whose time each control group of this process has."""
    from tfstyle.runtime import host_memory

    for version, group in host_memory.groups("cpu", *places):
        with contextlib.suppress(OSError):
            names = _CGROUP_2 if version == 2 else _CGROUP_1
            texts = [(group / name).read_text("utf-8") for name in names]
            quota, period = " ".join(texts).split()
            if quota not in ("max", "-1"):
                yield math.ceil(int(quota) / int(period))


@functools.cache
def _all_flags() -> frozenset[str]:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            found = re.search(r"^flags\s*:(.*)$", file.read(), re.MULTILINE)
    except FileNotFoundError:
        return frozenset()
    return frozenset(found[1].split() if found else ())
