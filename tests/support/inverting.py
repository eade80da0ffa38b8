"""A painter that inverts photographs, and does what it is told to."""

import dataclasses
import errno
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
        kills: Name of a photograph that kills the process.
        full: Folder in which the first process that writes leaves a mark; it
            finds its disk full.
        fails: Folder in which the first process that loads leaves a mark; it
            finds no model. "always": all of them.
        pause: Seconds that a picture takes.
    """

    strength: float = 1.0
    kills: str = ""
    full: str = ""
    fails: str = ""
    pause: float = 0.0

    def load(self, fetch):
        if self.fails and (self.fails == "always" or _first(self.fails)):
            raise FileNotFoundError("there is no model 'wave.h5' here")
        recipes = {}

        def painter(row):
            strength = row.settings.get("strength", self.strength)
            if not 0 <= strength <= 1:
                raise ValueError(f"`strength` is {strength}")
            return recipes.setdefault(strength, Recipe(self, strength))

        return painter


class Recipe:
    """A recipe, see `painting.Recipe`."""

    def __init__(self, loader, strength):
        self._loader, self._strength = loader, strength
        self._record = provenance.describe({"strength": strength}, {})
        self._full = None
        self.digest = provenance.recipe(self._record)

    def record(self, content):
        return provenance.with_input(self._record, "content", content)

    def read(self, item):
        if item.content.name == self._loader.kills:
            os.kill(os.getpid(), signal.SIGKILL)
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
