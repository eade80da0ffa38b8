"""Takes from a process what Windows or macOS do not have.

Python runs this file by its name at the start of a process that finds it on
its path. Names of `os` and `signal` are deleted, modules cannot be imported,
and files of /proc and /sys are missing, for this project and not for psutil,
which has other ways elsewhere. As on Windows, an open file can be neither
replaced nor deleted, and only what is open for writing can be flushed.
"""

import asyncio
import builtins
import errno
import io
import os
import signal
import sys

OURS = ("tfstyle.", "serving.", "pathlib", "__main__")
NAMES = {
    os: (
        "fork",
        "killpg",
        "mkfifo",
        "posix_fallocate",
        "sched_getaffinity",
    ),
    signal: ("SIGHUP", "SIGKILL", "SIGPIPE", "SIGUSR1", "pthread_sigmask"),
}
_open, _fsync = io.open, os.fsync


def ours():
    """Whether the function that calls one of these here is the project's."""
    return sys._getframe(2).f_globals["__name__"].startswith(OURS)


def opened(path):
    descriptors = os.listdir("/proc/self/fd")
    links = [f"/proc/self/fd/{number}" for number in descriptors]
    real = os.path.realpath(path)
    return any(os.path.realpath(x) == real for x in links if os.path.lexists(x))


def open_without_proc(file, *words, **flags):
    if isinstance(file, str | os.PathLike):
        hidden = os.fspath(file).startswith(("/proc/", "/sys/"))
        if hidden and ours():
            raise FileNotFoundError(errno.ENOENT, "not here", os.fspath(file))
    return _open(file, *words, **flags)


def refusing(function, arguments):
    """As `function`, but for files that are open."""

    def refuse(*paths, **flags):
        if ours() and any(map(opened, paths[:arguments])):
            raise PermissionError(errno.EACCES, "in use", os.fspath(paths[0]))
        return function(*paths, **flags)

    return refuse


def fsync(descriptor):
    os.write(descriptor, b"")  # Fails unless it is open for writing.
    _fsync(descriptor)


def add_signal_handler(*unused):
    raise NotImplementedError


for module, names in NAMES.items():
    for name in names:
        delattr(module, name)
sys.modules.update(dict.fromkeys(["fcntl", "pwd"]))
builtins.open = io.open = open_without_proc
for name in ("remove", "unlink"):
    setattr(os, name, refusing(getattr(os, name), 1))
for name in ("rename", "replace"):
    setattr(os, name, refusing(getattr(os, name), 2))
os.fsync = fsync
asyncio.unix_events.SelectorEventLoop.add_signal_handler = add_signal_handler
