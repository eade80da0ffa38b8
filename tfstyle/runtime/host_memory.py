"""Free memory of the machine, and checks that something fits into it.

Needs no TensorFlow, so that a program can refuse a size before loading it.
"""

import contextlib
import pathlib
import re
from collections.abc import Iterator

import psutil

from tfstyle.runtime.checks import units

# Files of the limit and of the usage; line of `memory.stat`.
_CGROUP_1 = (
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "total_inactive_file",
)
_CGROUP_2 = ("memory.max", "memory.current", "inactive_file")


def available() -> int:
    """Bytes left by the system and by control groups such as a container."""
    return min([psutil.virtual_memory().available, *_control_groups()])


def check(what: str, needed: int) -> None:
    """Raises `MemoryError` if something does not fit into free memory.

    Args:
        what: Subject of the message, such as `"An image of 8x8 pixels"`.
        needed: Memory that it needs, in bytes.

    Raises:
        MemoryError: It does not fit; names it, the need and the free memory.
    """
    refuse(what, needed, available())


def refuse(what: str, needed: int, left: int) -> None:
    """Like `check`, given the free memory `left`, in bytes."""
    if needed > left:
        raise MemoryError(
            f"{what} needs about {units(needed)} of memory. Available: "
            f"{units(left)}."
        )


def groups(
    controller: str,
    listing: str = "/proc/self/cgroup",
    root: str = "/sys/fs/cgroup",
) -> Iterator[tuple[int, pathlib.Path]]:
    """Yields version and folder of each control group that holds this process.

    Args:
        controller: What is limited, such as `"memory"`.
        listing: File that names the groups of this process.
        root: Folder of all groups.
    """
    try:
        lines = pathlib.Path(listing).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from ((2, group) for group in _upwards(root, path))
        elif controller in controllers.split(","):
            top = f"{root}/{controller}"
            yield from ((1, group) for group in _upwards(top, path))


def _upwards(root: str, path: str) -> Iterator[pathlib.Path]:
    """A group and its parents; `root` is the outermost.

    A container may show only its own group, as `root`.
    """
    top = pathlib.Path(root)
    group = top / path.lstrip("/")
    while group.is_relative_to(top):
        yield group
        group = group.parent


def _control_groups(*places: str) -> Iterator[int]:
    """Bytes that each control group of this process leaves to it."""
    for version, group in groups("memory", *places):
        with contextlib.suppress(OSError):
            yield from _left(group, _CGROUP_2 if version == 2 else _CGROUP_1)


def _left(group: pathlib.Path, names: tuple[str, str, str]) -> Iterator[int]:
    """Bytes left by a group, if it has a limit."""
    limit_name, usage_name, cache_name = names
    limit = (group / limit_name).read_text("utf-8").strip()
    usage = int((group / usage_name).read_text("utf-8"))
    stat = (group / "memory.stat").read_text("utf-8")
    # Cached files count as used but can be dropped.
    cache = re.search(rf"^{cache_name} (\d+)", stat, re.MULTILINE)
    usage -= int(cache[1]) if cache else 0
    if limit != "max":
        yield max(0, int(limit) - usage)
