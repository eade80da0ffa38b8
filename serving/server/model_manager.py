"""Which versions of which models are served: loaded and unloaded in time.

A model is a folder whose folders named by whole numbers are its versions. The
folder is looked at again and again: a new version is loaded, and only when it
is available the old one is let go, after its last request. A version that
does not load leaves the others alone, and is tried again when its files
change. States and texts are those of TensorFlow Serving.
"""

import contextlib
import logging
import pathlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from serving.server.config import ModelConfig
from serving.server.errors import StatusError

_LOG = logging.getLogger(__name__)


class Lease(NamedTuple):
    """A version in use."""

    number: int
    servable: Any


class VersionStatus(NamedTuple):
    """What `ModelManager.status` says of a version."""

    number: int
    state: str
    code: str
    text: str


class _Version:
    def __init__(self, number: int, path: pathlib.Path) -> None:
        self.number, self.path, self.state = number, path, "START"
        self.error: StatusError | None = None
        self.servable: Any = None
        self.users = 0
        self.files: set[tuple[pathlib.Path, int, int]] | None = None

    @property
    def available(self) -> bool:
        return self.state == "AVAILABLE"


class ModelManager:
    """The models of a server.

    Args:
        configs: Models to serve.
        load: Makes the servable of a path; raises `StatusError`.
    """

    def __init__(
        self,
        configs: Sequence[ModelConfig],
        load: Callable[[pathlib.Path], Any],
    ):
        self._load = load
        self._configs = {config.name: config for config in configs}
        self._versions: dict[str, dict[int, _Version]] = {}
        self._labels: dict[str, dict[str, int]] = {}
        # Guards the above; never held while a model loads or runs.
        self._changed = threading.Condition()
        self._updating = threading.Lock()
        self._stopping = threading.Event()
        self._pollers: list[threading.Thread] = []

    def reconfigure(self, configs: Sequence[ModelConfig]) -> None:
        """Serves other models from now on; the same ones change nothing.

        Raises:
            OSError: As `update`.
        """
        wanted = {config.name: config for config in configs}
        with self._changed:
            if wanted == self._configs:
                return
            self._configs = wanted
        self.update()

    def update(self) -> None:
        """Looks at the folders once; loads and unloads.

        Raises:
            OSError: A folder cannot be read; the others were.
        """
        with self._updating:
            with self._changed:
                configs = dict(self._configs)
                names = set(configs) | set(self._versions)
            failures = []
            for name in sorted(names):
                try:
                    self._update(name, configs.get(name))
                except OSError as error:
                    failures.append(error)
            if failures:
                raise failures[0]

    def start(
        self, interval: float, look: Callable[[], None] | None = None
    ) -> None:
        """Calls `look`, or `update`, each `interval` seconds, in a thread.

        What fails is logged when it begins to, not in each round.
        """
        thread = threading.Thread(
            target=self._poll, args=[interval, look or self.update], daemon=True
        )
        self._pollers.append(thread)
        thread.start()

    def _poll(self, interval: float, look: Callable[[], None]) -> None:
        known: str | None = None
        while not self._stopping.wait(interval):
            try:
                look()
                known = None
            except Exception as error:  # The next round may find better files.
                if repr(error) != known:
                    _LOG.exception("polling failed")
                known = repr(error)

    def close(self) -> None:
        """Ends the polling and unloads all; waits for requests."""
        self._stopping.set()
        for thread in self._pollers:
            thread.join()
        for name in list(self._versions):
            self._update(name, None)

    @contextlib.contextmanager
    def use(
        self, name: str, number: int | None = None, label: str | None = None
    ) -> Iterator[Lease]:
        """A version that stays loaded meanwhile; the newest one by default.

        Raises:
            StatusError: NOT_FOUND, or INVALID_ARGUMENT for a label.
        """
        with self._changed:
            version = self._find(name, number, label)
            version.users += 1
        try:
            yield Lease(version.number, version.servable)
        finally:
            with self._changed:
                version.users -= 1
                self._changed.notify_all()

    def status(
        self, name: str, number: int | None = None, label: str | None = None
    ) -> list[VersionStatus]:
        """States of all versions, or of one; the newest first.

        Raises:
            StatusError: NOT_FOUND, or INVALID_ARGUMENT for a label.
        """
        with self._changed:
            if label is not None:
                number = self._labelled(name, label)
            versions = self._versions.get(name, {})
            if number is not None and number not in versions:
                raise StatusError(
                    "NOT_FOUND",
                    f"Could not find version {number} of model {name}",
                )
            if not versions:
                raise StatusError(
                    "NOT_FOUND", f"Could not find any versions of model {name}"
                )
            return [
                VersionStatus(
                    n,
                    version.state,
                    version.error.code if version.error else "OK",
                    str(version.error or ""),
                )
                for n, version in sorted(versions.items(), reverse=True)
                if number in (None, n)
            ]

    def unavailable(self) -> list[str]:
        """Names of models without an available version."""
        with self._changed:
            return [
                name
                for name in sorted(self._configs)
                if not any(
                    version.available
                    for version in self._versions.get(name, {}).values()
                )
            ]

    def knows(self, name: str) -> bool:
        """Whether a model has the name."""
        with self._changed:
            return name in self._configs

    def first(self) -> str:
        """Name of the first model that was configured."""
        return next(iter(self._configs))

    def _find(
        self, name: str, number: int | None, label: str | None
    ) -> _Version:
        if label is not None:
            number = self._labelled(name, label)
        versions = self._versions.get(name, {})
        available = [n for n, version in versions.items() if version.available]
        if number is None:
            what, wanted = f"Latest({name})", max(available, default=-1)
        else:
            what, wanted = f"Specific({name}, {number})", number
        if wanted not in available:
            raise StatusError(
                "NOT_FOUND", f"Servable not found for request: {what}"
            )
        return versions[wanted]

    def _labelled(self, name: str, label: str) -> int:
        try:
            return self._labels[name][label]
        except KeyError:
            raise StatusError(
                "INVALID_ARGUMENT",
                f"Unrecognized servable version label: {label}",
            ) from None

    def _update(self, name: str, config: ModelConfig | None) -> None:
        found = config.find() if config else {}
        wanted = config.select(found) if config else set()
        for number in sorted(wanted):
            self._bring(name, number, found[number])
        with self._changed:
            versions = self._versions.get(name, {})
            served = any(versions[n].available for n in wanted)
            # Nothing at all in the folder is an accident, not an order.
            if config is None or served:
                old = [
                    version
                    for number, version in versions.items()
                    if number not in wanted and version.available
                ]
            else:
                old = []
            self._set_labels(name, config)
        for version in old:
            self._release(name, version)

    def _set_labels(self, name: str, config: ModelConfig | None) -> None:
        """Moves labels to versions that are available; others stay."""
        before = self._labels.get(name, {})
        versions = self._versions.get(name, {})
        after = {}
        for label, number in (config.labels if config else {}).items():
            if number in versions and versions[number].available:
                after[label] = number
            elif label in before:
                after[label] = before[label]
        self._labels[name] = after

    def _bring(self, name: str, number: int, path: pathlib.Path) -> None:
        with self._changed:
            versions = self._versions.setdefault(name, {})
            known = versions.get(number)
        if known and known.available:
            return
        files = _fingerprint(path)
        if known and known.files == files:
            return
        with self._changed:
            version = versions[number] = _Version(number, path)
            version.state, version.files = "LOADING", files
        _log("loading", name, version)
        try:
            servable = self._load(path)
        except StatusError as error:
            with self._changed:
                version.state, version.error = "END", error
            _log("failed", name, version, error=str(error))
        else:
            with self._changed:
                version.servable, version.state = servable, "AVAILABLE"
            _log("available", name, version)

    def _release(self, name: str, version: _Version) -> None:
        with self._changed:
            version.state = "UNLOADING"
            self._changed.wait_for(lambda: not version.users)
        version.servable.close()
        with self._changed:
            # Without its files known it is loaded again when wanted again.
            version.servable, version.files = None, None
            version.state = "END"
        _log("unloaded", name, version)


def _fingerprint(path: pathlib.Path) -> set[tuple[pathlib.Path, int, int]]:
    """Changes when files below `path` do."""
    files = set()
    for file in path.rglob("*"):
        # Links may lead nowhere, and files go while one looks.
        with contextlib.suppress(OSError):
            stat = file.stat()
            files.add((file, stat.st_mtime_ns, stat.st_size))
    return files


def _log(event: str, name: str, version: _Version, **more: object) -> None:
    _LOG.info(
        f"version {event}",
        extra={"fields": {"model": name, "version": version.number, **more}},
    )
