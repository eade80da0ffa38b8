"""A painter that inverts photographs, and does what it is told to."""

import dataclasses
import errno
import fcntl
import os
import pathlib
import signal
import time

import numpy as np

from tfstyle import images
from tfstyle.images import provenance


@dataclasses.dataclass(frozen=True)
class Inverting:
    """A loader, see `painting.Loader`.

    Attributes:
        strength: Setting of all pictures.
        kills: Names of photographs that kill the process.
        full: Folder in which the first process that writes leaves a mark; it
            finds its disk full.
        fails: Folder in which the first process that loads leaves a mark; it
            finds no model. "always": all of them.
        lacks: "disk" or "mount": what one machine lacks, that of the process
            which could lock a file in `machine`, and of those that replace it.
        machine: Folder of that file.
        pause: Seconds that a picture takes.
    """

    strength: float = 1.0
    kills: tuple[str, ...] = ()
    full: str = ""
    fails: str = ""
    lacks: str = ""
    machine: str = ""
    pause: float = 0.0

    def load(self, fetch):
        if self.fails and (self.fails == "always" or _first(self.fails)):
            raise FileNotFoundError("there is no model 'wave.h5' here")
        recipes = {}
        lacks = self.lacks if self.lacks and _locked(self.machine) else ""

        def painter(row):
            strength = row.settings.get("strength", self.strength)
            if not 0 <= strength <= 1:
                raise ValueError(f"`strength` is {strength}")
            return recipes.setdefault(strength, Recipe(self, strength, lacks))

        return painter


class Recipe:
    """A recipe, see `painting.Recipe`."""

    def __init__(self, loader, strength, lacks=""):
        self._lacks = lacks
        self._loader, self._strength = loader, strength
        self._record = provenance.describe({"strength": strength}, {})
        self._full = True if lacks == "disk" else None
        self.digest = provenance.recipe(self._record)

    def record(self, content):
        return provenance.with_input(self._record, "content", content)

    def read(self, item):
        if item.content.name in self._loader.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._lacks == "mount":
            raise FileNotFoundError(f"'{item.content}' does not exist")
        return images.load(item.content)

    def paint(self, given):
        time.sleep(self._loader.pause)
        if given.shape[0] == 17:
            raise MemoryError("17 rows are too many")
        return np.float32(self._strength) * (1 - given)

    def write(self, item, given, pixels, record):
        if self._full is None:
            full = self._loader.full
            self._full = bool(full) and _first(full)
        if self._full:
            name = os.fspath(item.output)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
        metadata = provenance.embed(record)
        images.save(item.output, pixels, metadata=metadata)


def _first(folder):
    """Whether no process left its mark in a folder yet; leaves it."""
    try:
        pathlib.Path(folder, "mark").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _locked(folder):
    """Whether no living process but this one has the lock of a folder."""
    file = open(pathlib.Path(folder, "lock"), "w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    _HELD.append(file)
    return True


_HELD = []  # Until the process ends.
