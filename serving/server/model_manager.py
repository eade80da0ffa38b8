"""Loads and unloads versions of models as their folders change.

The versions of a model are folders named by whole numbers in its folder, which
is polled. A new version is loaded; when it is available, the old one is
unloaded after its last request. A version that fails to load does not affect
the others, and is tried again when its files change. States and texts are
those of TensorFlow Serving.
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
    """A version that a request uses; it stays loaded meanwhile."""

    number: int
    servable: Any


class VersionStatus(NamedTuple):
    """State of a version, from `ModelManager.status`."""

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
        configs: Settings of the models to serve.
        load: Function that loads the servable in a folder; raises
            `StatusError`.
    """

    def __init__(
        self,
        configs: Sequence[ModelConfig],
        load: Callable[[pathlib.Path], Any],
    ):
        self._load = load
        self._configs = {config.name: config for config in configs}
        self._applied = True  # Else `reconfigure` failed, and is repeated.
        self._versions: dict[str, dict[int, _Version]] = {}
        self._labels: dict[str, dict[str, int]] = {}
        # Guards the above; never held while a model loads or runs.
        self._changed = threading.Condition()
        self._updating = threading.Lock()
        self._stopping = threading.Event()
        self._pollers: list[threading.Thread] = []

    def reconfigure(self, configs: Sequence[ModelConfig]) -> None:
        """Replaces the settings of the models, if they have changed.

        Settings that led to an error are tried again.

        Raises:
            OSError: A folder cannot be read; the others were.
        """
        wanted = {config.name: config for config in configs}
        with self._changed:
            if wanted == self._configs and self._applied:
                return
            self._configs, self._applied = wanted, False
        self.update()
        self._applied = True

    def update(self) -> None:
        """Checks the folders once; loads and unloads versions.

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
        """Calls `look`, or `update`, every `interval` seconds in a thread.

        A failure that repeats is logged once.
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
            except Exception as error:  # The files may be right next time.
                if repr(error) != known:
                    _LOG.exception("polling failed")
                known = repr(error)

    def close(self) -> None:
        """Stops polling and unloads all versions after their requests."""
        self._stopping.set()
        for thread in self._pollers:
            thread.join()
        for name in list(self._versions):
            self._update(name, None)

    @contextlib.contextmanager
    def use(
        self, name: str, number: int | None = None, label: str | None = None
    ) -> Iterator[Lease]:
        """Keeps a version loaded in a context, by default the newest one.

        Raises:
            StatusError: NOT_FOUND, or INVALID_ARGUMENT for a label or an
                empty name.
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
        """Returns the states of all versions or of one, the newest first.

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
        """Returns the names of models without an available version."""
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
        """Returns whether there is a model of this name."""
        with self._changed:
            return name in self._configs

    def first(self) -> str:
        """Returns the name of the first model in the settings."""
        return next(iter(self._configs))

    def _find(
        self, name: str, number: int | None, label: str | None
    ) -> _Version:
        if not name:
            raise StatusError(
                "INVALID_ARGUMENT", "ModelSpec has no name specified."
            )
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
            # An empty folder is taken for an accident: keep the old versions.
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
        """Moves labels to versions that are available; leaves the others."""
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
            # Forgetting its files lets the version be loaded again later.
            version.servable, version.files = None, None
            version.state = "END"
        _log("unloaded", name, version)


def _fingerprint(path: pathlib.Path) -> set[tuple[pathlib.Path, int, int]]:
    """Returns names, times and sizes of all files in a folder."""
    files = set()
    for file in path.rglob("*"):
        # Links may be broken, and files may be deleted meanwhile.
        with contextlib.suppress(OSError):
            stat = file.stat()
            files.add((file, stat.st_mtime_ns, stat.st_size))
    return files


def _log(event: str, name: str, version: _Version, **more: object) -> None:
    _LOG.info(
        f"version {event}",
        extra={"fields": {"model": name, "version": version.number, **more}},
    )
