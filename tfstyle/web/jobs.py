"""Jobs: what was asked for, what became of it, and where its files are.

Each job is a folder: `job.json`, `picture.png` or `model.keras`, `frame.jpg`,
and, while it is not done, a checkpoint.
"""

import dataclasses
import json
import pathlib
import secrets
import shutil
import time
from collections.abc import Iterator
from typing import Any

from tfstyle.runtime import files
from tfstyle.web import recipes
from tfstyle.web.recipes import Recipe

WAITING, RUNNING, DONE = "waiting", "running", "done"
STOPPED, FAILED = "stopped", "failed"

_CUT_OFF = {
    WAITING: "The program ended before this was painted.",
    RUNNING: "The program ended while this was painted.",
}
_DAMAGED = (OSError, ValueError, KeyError, TypeError)


@dataclasses.dataclass(kw_only=True)
class Job:
    """A picture to paint, or a model to specialize.

    Attributes:
        id: Its id.
        recipe: What it is made of.
        kept: Whether it stays in the history when the next one comes.
        status: `WAITING`, `RUNNING`, `DONE`, `STOPPED` or `FAILED`.
        message: What the user should know, such as why it failed.
        created: When it was asked for, in seconds since 1970.
        seconds: Time that it has taken.
        width: Width of its picture, in pixels; 0 without one.
        height: Height of its picture, in pixels.
        done: Share of the work that is done, from 0 to 1.
        losses: Pairs of `done` and the total loss there.
        version: Number that grows with each change of its pictures.
    """

    id: str
    recipe: Recipe
    kept: bool = True
    status: str = WAITING
    message: str = ""
    created: float = dataclasses.field(default_factory=time.time)
    seconds: float = 0.0
    width: int = 0
    height: int = 0
    done: float = 0.0
    losses: list[list[float]] = dataclasses.field(default_factory=list)
    version: int = 0

    @property
    def ended(self) -> bool:
        """Whether it neither waits nor runs."""
        return self.status not in (WAITING, RUNNING)

    def to_json(self) -> dict[str, Any]:
        """Returns all values, for the page and for `job.json`."""
        return vars(self) | {"recipe": self.recipe.to_json()}


class Jobs:
    """Folder of all jobs.

    Those that waited or ran when the program ended are stopped.

    Args:
        folder: The folder; it is created if it does not exist.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        found = sorted(self._stored(), key=lambda job: job.created)
        self._jobs = {job.id: job for job in found}
        for job in found:
            if not job.ended:
                job.status, job.message = STOPPED, _CUT_OFF[job.status]
                self.save(job)

    def every(self) -> list[Job]:
        """Returns all jobs, the oldest first."""
        return list(self._jobs.values())

    def get(self, id: str) -> Job:
        """Returns a job; raises `KeyError` if there is none of this id."""
        return self._jobs[id]

    def add(self, recipe: Recipe, kept: bool) -> Job:
        """Adds a job that waits."""
        job = Job(id=secrets.token_hex(12), recipe=recipe, kept=kept)
        self.folder(job).mkdir()
        self.save(job)
        self._jobs[job.id] = job
        return job

    def save(self, job: Job) -> None:
        """Writes a job's values."""
        with files.atomic(self.folder(job) / "job.json", "w") as file:
            json.dump(job.to_json(), file)

    def remove(self, job: Job) -> None:
        """Removes a job and its files."""
        del self._jobs[job.id]
        shutil.rmtree(self.folder(job), ignore_errors=True)

    def folder(self, job: Job) -> pathlib.Path:
        """Returns the folder of a job."""
        return self._folder / job.id

    def picture(self, job: Job) -> pathlib.Path:
        """Returns the file of a job's picture; it need not exist."""
        return self.folder(job) / "picture.png"

    def frame(self, job: Job) -> pathlib.Path:
        """Returns the JPEG to show for a job; it need not exist."""
        return self.folder(job) / "frame.jpg"

    def model(self, id: str) -> pathlib.Path:
        """Returns the file of the model that a job made, or will make."""
        return self.folder(self.get(id)) / "model.keras"

    def checkpoint(self, job: Job) -> pathlib.Path:
        """Returns the folder of a job's checkpoint; it need not exist."""
        return self.folder(job) / "checkpoint"

    def forget(self, job: Job) -> None:
        """Removes the checkpoint of a finished job."""
        shutil.rmtree(self.checkpoint(job), ignore_errors=True)

    def users(self, model: str) -> list[Job]:
        """Returns the jobs that paint with a model, by its id."""
        return [job for job in self.every() if job.recipe.model == model]

    def _stored(self) -> Iterator[Job]:
        """Jobs of the folder, but those whose files are damaged."""
        for path in self._folder.glob("*/job.json"):
            try:
                values = json.loads(path.read_text())
                values["recipe"] = recipes.parse(values["recipe"])
                job = Job(**values)
            except _DAMAGED:
                continue
            if path.parent.name == job.id:
                yield job
