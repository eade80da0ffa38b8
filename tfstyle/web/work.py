"""The queue: one thread that paints jobs, one after the other."""

import collections
import contextlib
import logging
import pathlib
import threading
import time
from typing import Any

from tfstyle.runtime import memory
from tfstyle.web import jobs
from tfstyle.web.events import Events
from tfstyle.web.jobs import Job, Jobs
from tfstyle.web.live import Live
from tfstyle.web.painting import Painter
from tfstyle.web.recipes import Recipe
from tfstyle.web.uploads import Uploads

_LOG = logging.getLogger("tfstyle.studio")
_MOST_WAITING = 50


class Worker:
    """Queue and thread that paint jobs and tell all pages about them.

    Args:
        uploads: The images.
        jobs: The jobs.
        events: Receives what changes.
    """

    def __init__(self, uploads: Uploads, jobs: Jobs, events: Events) -> None:
        self._uploads, self._jobs, self._events = uploads, jobs, events
        self.painter = Painter(uploads, jobs)
        self._waiting: collections.deque[Job] = collections.deque()
        self._changed = threading.Condition()
        self._closed = False
        self._running: tuple[Job, Live] | None = None
        self._thread = threading.Thread(target=self._work, name="painter")
        self.device = ""
        self.trouble = ""

    def start(self) -> None:
        """Loads the model in the background, then paints what is asked for."""
        self._thread.start()

    def close(self) -> None:
        """Stops the running job, keeps its checkpoint, and ends the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            if self._running:
                self._running[1].stop()
        if self._thread.is_alive():
            self._thread.join()

    def state(self) -> dict[str, Any]:
        """Returns what the page should know of the machine."""
        return {"device": self.device, "trouble": self.trouble}

    def submit(self, recipe: Recipe, kept: bool) -> Job:
        """Adds a job; one that is not kept takes the place of the last.

        Raises:
            ValueError: Too many jobs wait.
        """
        if len(self._waiting) >= _MOST_WAITING:
            raise ValueError(
                f"{_MOST_WAITING} pictures are waiting already. Wait, or "
                "remove some."
            )
        job = self._jobs.add(recipe, kept)
        self._queue(job)
        if not kept:
            self._make_room(job)
        return job

    def resume(self, job: Job) -> None:
        """Queues an ended job again; it goes on from its checkpoint."""
        if job.status in (jobs.STOPPED, jobs.FAILED):
            self._queue(job)

    def stop(self, job: Job) -> None:
        """Ends a job; what is painted is kept."""
        with self._changed:
            if self._running and self._running[0] is job:
                self._running[1].stop()
            elif job in self._waiting:
                self._waiting.remove(job)
                self._set(job, jobs.STOPPED, "Stopped before it began.")

    def keep(self, job: Job) -> None:
        """Keeps a job in the history."""
        with self._changed:
            job.kept = True
            self._set(job, job.status, job.message)

    def remove(self, job: Job, heir: Job | None = None) -> None:
        """Removes a job that does not run.

        Args:
            job: The job.
            heir: The job that pages show in its place.

        Raises:
            ValueError: It runs, or pictures wait that need its model.
        """
        with self._changed:
            if job.status == jobs.RUNNING:
                raise ValueError("This is being painted. Stop it first.")
            if any(not other.ended for other in self._jobs.users(job.id)):
                raise ValueError("Pictures wait that need this model.")
            if job in self._waiting:
                self._waiting.remove(job)
            self._jobs.remove(job)
        message = {"id": job.id, "heir": heir and heir.id}
        self._events.publish("removed", job.id, message)

    def frame(self, job: Job) -> bytes:
        """Returns the newest picture of a job, a JPEG; empty without one."""
        running = self._running
        if running and running[0] is job and running[1].frame:
            return running[1].frame
        path = self._jobs.frame(job)
        return path.read_bytes() if path.exists() else b""

    def _make_room(self, heir: Job) -> None:
        """Removes the jobs before `heir` that nobody kept or needs."""
        for job in self._jobs.every():
            # One that runs, or whose model is waited for, goes next time.
            with self._changed, contextlib.suppress(ValueError):
                if job is not heir and not job.kept:
                    self.remove(job, heir)

    def _queue(self, job: Job) -> None:
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()
            self._set(job, jobs.WAITING)

    def _set(self, job: Job, status: str, message: str = "") -> None:
        """Changes, tells and saves the status of a job."""
        with self._changed:  # Both threads call it.
            job.status, job.message = status, message
            job.version += 1
            self._events.publish("job", job.id, job.to_json())
            self._jobs.save(job)

    def _work(self) -> None:
        """The thread: warms up, then paints until `close`."""
        try:
            self.device = self.painter.warm_up()
        except Exception as error:
            self.trouble = _told(error)
        self._events.publish("machine", "", self.state())
        while found := self._next():
            self._paint(*found)

    def _next(self) -> tuple[Job, Live] | None:
        """Waits for the next job; `None` when the studio closes."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            job = self._waiting.popleft()
            job.status = jobs.RUNNING  # From here on it cannot be removed.
            live = Live(lambda message: self._tell(job, message))
            live.losses = job.losses  # So that a reload finds all of them.
            self._running = job, live
            return self._running

    def _tell(self, job: Job, message: dict[str, Any]) -> None:
        kind = "frame" if "frame" in message else "progress"
        self._events.publish(kind, job.id, {"id": job.id, **message})

    def _paint(self, job: Job, live: Live) -> None:
        began, before = time.monotonic(), job.seconds
        status, message = jobs.DONE, ""
        try:
            self._set(job, jobs.RUNNING)
            self.painter.paint(job, live)
            if live.stopped:
                status, message = jobs.STOPPED, "Stopped."
            else:
                self._jobs.forget(job)
        except Exception as error:
            status, message = jobs.FAILED, self._plain(job, _told(error))
        job.seconds = before + time.monotonic() - began
        job.done = 1.0 if status == jobs.DONE else live.done
        with self._changed:
            self._running = None
            try:
                self._set(job, status, message)
            except OSError as error:  # The pages know; the queue goes on.
                _LOG.warning("%s", _told(error))

    def _plain(self, job: Job, text: str) -> str:
        """A message with names in place of the paths of images."""
        for id in filter(self._uploads.__contains__, job.recipe.images()):
            path, name = self._uploads.path(id), self._uploads.get(id).name
            text = text.replace(f"'{path}'", f"“{name}”")
        return text


def _told(error: Exception) -> str:
    """What to say about an error; those of bugs go to the log, too."""
    text = " ".join(str(error).split())
    if isinstance(error, memory.shortages()):
        return f"Memory ran out. Try a smaller size. ({text[:200]})"
    if isinstance(error, OSError) and error.strerror:
        return f"The disk refuses: {error.strerror}"
    if isinstance(error, (ValueError, OSError, FloatingPointError)):
        return text
    _LOG.error("A picture failed.", exc_info=error)
    return (
        f"This failed by a mistake in the program ({type(error).__name__}: "
        f"{text[:200]}). Its terminal has the details."
    )


def folders(root: pathlib.Path) -> tuple[Uploads, Jobs]:
    """Opens the folder of a studio."""
    return Uploads(root / "images"), Jobs(root / "jobs")
