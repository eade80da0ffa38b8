"""Places of photographs and pictures: folders, and object stores by fsspec.

`InPlace` is for one process that writes pictures where they belong. `Store` is
for workers of which any may be killed: pictures are written in a folder for
drafts, and appear under their name when they are whole.
"""

import atexit
import concurrent.futures
import contextlib
import dataclasses
import functools
import io
import os
import pathlib
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import fsspec

# File systems that show an upload only when it is complete.
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"}
_DRAFTS = "_manifest/drafts"
_AT_ONCE = 16  # Requests to an object store.


class Place(Protocol):
    """Where `painting.paint` finds photographs and leaves pictures."""

    def fetch(self, address: str) -> pathlib.Path:
        """Returns a file with the content of an address."""

    def find(self, name: str) -> pathlib.Path:
        """Returns the file of a picture; there may be none."""

    def draft(self, name: str) -> pathlib.Path:
        """Returns the file to write a picture to; its folder may be missing."""

    def publish(self, draft: pathlib.Path, name: str) -> None:
        """Puts a written draft under its name."""

    def discard(self, path: pathlib.Path) -> None:
        """Removes what `fetch` or `find` copied."""


class InPlace:
    """Local files, each written beside its name and renamed."""

    def fetch(self, address: str) -> pathlib.Path:
        """See `Place`."""
        return pathlib.Path(address)

    find = draft = fetch

    def publish(self, draft: pathlib.Path, name: str) -> None:
        """See `Place`; `images.save` has renamed it already."""

    def discard(self, path: pathlib.Path) -> None:
        """See `Place`; nothing was copied."""


@dataclasses.dataclass(frozen=True)
class Store:
    """A folder or a prefix of an object store, for any number of workers.

    Attributes:
        root: Path, or an address such as `"s3://bucket/painted"`.
        run: Name of the run, for its drafts.
    """

    root: str
    run: str

    def fetch(self, address: str) -> pathlib.Path:
        """See `Place`.

        Raises:
            FileNotFoundError: There is nothing.
            PermissionError: It may not be read.
            ConnectionError: It cannot be reached, or not copied.
        """
        if not is_address(address):
            return pathlib.Path(address)
        system, path = filesystem(address)
        copy = _scratch(_own()) / pathlib.PurePosixPath(path).name
        with reaching(address):
            copy.parent.mkdir()
            system.get_file(path, os.fspath(copy))
        return copy

    def find(self, name: str) -> pathlib.Path:
        """See `Place`."""
        return self.fetch(join(self.root, name))

    def draft(self, name: str) -> pathlib.Path:
        """See `Place`."""
        return _scratch(self._drafts()) / pathlib.PurePosixPath(name).name

    def publish(self, draft: pathlib.Path, name: str) -> None:
        """See `Place`; an older picture is replaced as a whole."""
        target = join(self.root, name)
        if not is_address(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.replace(draft, target)
        else:
            with reaching(target):
                _upload(draft, target)
        self.discard(draft)

    def discard(self, path: pathlib.Path) -> None:
        """See `Place`."""
        discard(path)
        if self._drafts() in path.parents:
            shutil.rmtree(path.parent, ignore_errors=True)

    def exist(self, names: Iterable[str]) -> list[bool]:
        """Whether each picture exists."""
        paths = [join(self.root, name) for name in names]
        if not is_address(self.root):
            return [os.path.exists(path) for path in paths]
        system, _ = filesystem(self.root)
        with (
            reaching(self.root),
            concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as threads,
        ):
            return [*threads.map(system.exists, paths)]

    def read_text(self, name: str) -> str:
        """Returns the text of a file; raises `FileNotFoundError` without."""
        path = self.find(name)
        text = path.read_text(encoding="utf-8")
        self.discard(path)
        return text

    def write_text(self, name: str, text: str | IO[str]) -> None:
        """Writes a file as a whole: a text, or what another file has."""
        source = io.StringIO(text) if isinstance(text, str) else text
        draft = self.draft(name)
        draft.parent.mkdir(parents=True)
        with draft.open("w", encoding="utf-8") as file:
            shutil.copyfileobj(source, file)
        self.publish(draft, name)

    def clear(self) -> None:
        """Removes the drafts of this and of earlier, killed runs."""
        if not is_address(self.root):
            shutil.rmtree(self._drafts().parent, ignore_errors=True)

    def _drafts(self) -> pathlib.Path:
        if is_address(self.root):
            return _own()
        # On the disk of the pictures: only there a rename is atomic.
        return pathlib.Path(self.root, _DRAFTS, self.run)


def discard(copy: pathlib.Path) -> None:
    """Removes a copy that `Store.fetch` made in this process."""
    if copy.parent.parent == _own():
        shutil.rmtree(copy.parent, ignore_errors=True)


def discard_all() -> None:
    """Removes all copies of this process, and its drafts for addresses."""
    shutil.rmtree(_own(), ignore_errors=True)


@functools.cache
def _own() -> pathlib.Path:
    """A private folder for copies; it goes with the process."""
    atexit.register(discard_all)
    return pathlib.Path(tempfile.mkdtemp(prefix="tfstyle-"))


def _scratch(folder: pathlib.Path) -> pathlib.Path:
    return folder / secrets.token_hex(8)


def is_address(path: str) -> bool:
    """Whether fsspec is needed for a path, such as `"s3://bucket/a.png"`."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path) is not None


def real(place: str) -> str:
    """Returns a path without links, to be compared; addresses as they are."""
    scheme, found, path = place.partition("://")
    if found and scheme in ("file", "local"):
        place = os.path.expanduser(path)
    return place if is_address(place) else os.path.realpath(place)


def join(root: str, name: str) -> str:
    """Joins a folder or prefix and a name inside it."""
    return f"{root.rstrip('/')}/{name}" if root != "/" else f"/{name}"


def filesystem(address: str) -> "tuple[fsspec.AbstractFileSystem, str]":
    """Returns the file system of an address, and the path inside it.

    Raises:
        ValueError: fsspec is not installed, or does not know the scheme.
    """
    try:
        import fsspec
    except ImportError as error:
        raise ValueError(
            f"'{address}' needs fsspec: pip install 'tfstyle[fleet]'."
        ) from error
    try:
        found: tuple[Any, str] = fsspec.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise ValueError(f"'{address}' cannot be reached: {error}") from error
    found[0].dircache.use_listings_cache = False  # Files come and go.
    return found


@contextlib.contextmanager
def reaching(address: str) -> Iterator[None]:
    """Turns the errors of an object store, each has its own, into ours.

    Raises:
        FileNotFoundError: There is nothing at the address.
        PermissionError: It may not be read or written.
        ConnectionError: Anything else.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f"There is no '{address}'.") from error
    except Exception as error:
        denied = isinstance(error, PermissionError)
        kind = PermissionError if denied else ConnectionError
        text = " ".join(str(error).split()) or type(error).__name__
        raise kind(f"'{address}' cannot be reached: {text}") from error


def _upload(draft: pathlib.Path, target: str) -> None:
    system, path = filesystem(target)
    protocols = system.protocol
    names = {protocols} if isinstance(protocols, str) else set(protocols)
    if names & _OBJECT_STORES:
        system.put_file(os.fspath(draft), path)
        return
    beside = f"{path}.{secrets.token_hex(8)}.tmp"
    system.makedirs(path.rpartition("/")[0], exist_ok=True)
    try:
        system.put_file(os.fspath(draft), beside)
        system.mv(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            system.rm_file(beside)
        raise
