"""Finds local copies of published weights, and downloads missing ones.

| looked at, in this order          | used if                       |
|-----------------------------------|-------------------------------|
| the path that the caller gives    | it exists                     |
| this package                      | the file is part of it        |
| `TFSTYLE_HOME`, or the user cache | its hash is the published one |
| `KERAS_HOME/models` of Keras      | its hash is the published one |
| the internet                      | its hash is the published one |

With `TFSTYLE_OFFLINE=1` nothing is downloaded. `weights` checks the content of
files.
"""

import dataclasses
import functools
import hashlib
import os
import pathlib
import queue
import threading
from collections.abc import Mapping

import numpy as np
import pooch
import requests

from tfstyle.runtime.types import Path

# Seconds until a server must answer, and until it must send each further part.
_TIMEOUT = 5.0


class MissingWeightsError(FileNotFoundError):
    """There is no local copy of the file, and the download failed."""


@dataclasses.dataclass(frozen=True)
class WeightsFile:
    """A published file of weights.

    Attributes:
        name: Name of the network, such as `"vgg16"`.
        url: Address of the file; a path inside this package if the file is
            part of it.
        digest: Hash that the publisher states, `"md5:..."`.
        license: License of the weights.
    """

    name: str
    url: str
    digest: str
    license: str

    @property
    def packaged(self) -> bool:
        """Whether the file is part of this package."""
        return "://" not in self.url

    @property
    def filename(self) -> str:
        """Name of the file in a cache."""
        return self.url.rsplit("/", 1)[1]


@dataclasses.dataclass(frozen=True)
class Resolved:
    """A local weights file, found and hashed once, then passed on.

    Attributes:
        name: Name of the network, such as `"vgg16"`.
        path: Path of the file.
        digest: Hash of its content, `"md5:..."`.
        published: Whether that is the published hash.
        arrays: Kernel and bias by layer, as read by `weights.check`; empty
            for networks that are loaded whole; `None` before the check.
    """

    name: str
    path: pathlib.Path
    digest: str
    published: bool
    arrays: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = (
        dataclasses.field(default=None, compare=False, repr=False)
    )


def folder() -> pathlib.Path:
    """Returns the folder of downloads: `TFSTYLE_HOME`, or the user's cache.

    Raises:
        FileNotFoundError: The user has no home folder for a cache.
    """
    if home := os.environ.get("TFSTYLE_HOME"):
        return pathlib.Path(home)
    try:
        return pathlib.Path(pooch.os_cache("tfstyle"))
    except RuntimeError as error:
        raise FileNotFoundError(
            "This user has no home folder. Set TFSTYLE_HOME to a folder for "
            "downloads."
        ) from error


def is_offline() -> bool:
    """Whether `TFSTYLE_OFFLINE` forbids downloads."""
    return os.environ.get("TFSTYLE_OFFLINE", "0") not in ("", "0")


def resolve(
    file: WeightsFile,
    path: Path | None = None,
    *,
    progressbar: bool = False,
) -> Resolved:
    """Finds a copy of a file, and downloads it if there is none.

    Args:
        file: The published file.
        path: The user's own copy or weights, used instead of all others.
        progressbar: Whether a download draws a bar on stderr.

    Returns:
        The local file.

    Raises:
        ValueError: `path` is a folder.
        FileNotFoundError: `path` does not exist, or the user has no home
            folder; see `folder`.
        MissingWeightsError: There is no local copy, and the download failed
            or `TFSTYLE_OFFLINE` forbids it. The message has three lines.
    """
    if path is not None:
        return _own_file(file, pathlib.Path(path))
    if found := find(file):
        return found
    wrong = [str(path) for path in unusable(file)]
    if is_offline():
        raise _missing(file, "TFSTYLE_OFFLINE forbids downloads", wrong)
    try:
        made = _download(file, progressbar)
    except (OSError, ValueError) as error:
        raise _missing(file, _reason(error), wrong) from error
    return Resolved(file.name, made, file.digest, published=True)


def find(file: WeightsFile) -> Resolved | None:
    """Finds a copy of a file, without a download; `None` if there is none.

    Raises:
        FileNotFoundError: The user has no home folder; see `folder`.
    """
    if file.packaged:
        inside = pathlib.Path(__file__).parents[1] / file.url
        return Resolved(file.name, inside, file.digest, published=True)
    for candidate in _candidates(file):
        if _is_copy(candidate, file):
            return Resolved(file.name, candidate, file.digest, published=True)
    return None


def unusable(file: WeightsFile) -> list[pathlib.Path]:
    """Returns the files in the caches that are no copies, or unreadable."""
    return [
        candidate
        for candidate in _candidates(file)
        if os.path.isfile(candidate) and not _is_copy(candidate, file)
    ]


def _is_copy(path: pathlib.Path, file: WeightsFile) -> bool:
    try:
        return path.is_file() and _digest(path) == file.digest
    except OSError:  # Such as the file of another user.
        return False


def _candidates(file: WeightsFile) -> list[pathlib.Path]:
    return [folder() / file.filename, _keras_cache() / file.filename]


def _own_file(file: WeightsFile, path: pathlib.Path) -> Resolved:
    if path.is_dir():
        raise ValueError(
            f"'{path}' is a folder. Expected a file of {file.name} weights, "
            f"such as {file.filename}."
        )
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no weights file '{path}'. Expected a copy of {file.url}."
        )
    digest = _digest(path)
    return Resolved(file.name, path, digest, published=digest == file.digest)


def _keras_cache() -> pathlib.Path:
    # As Keras does, which leaves "~" as it is for users without a home.
    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    return pathlib.Path(home) / "models"


def _digest(path: pathlib.Path) -> str:
    stat = path.stat()
    return _hash(path, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache
def _hash(path: pathlib.Path, modified: int, size: int) -> str:
    """Returns the hash of a file that is as it was then."""
    with open(path, "rb") as file:
        # The published hash identifies the file; it guards no secret.
        digest = hashlib.file_digest(
            file, lambda: hashlib.md5(usedforsecurity=False)
        )
    return f"md5:{digest.hexdigest()}"


def _missing(
    file: WeightsFile, reason: str, wrong: list[str]
) -> MissingWeightsError:
    if wrong:
        reason += f"; not the published file: {', '.join(wrong)}"
    return MissingWeightsError(
        f"No {file.name} weights from {file.url}: {reason}.\n"
        f"Download that file elsewhere and put it at "
        f"'{folder() / file.filename}',\n"
        "or name a copy that you have: --feature_weights=PATH (encoders of "
        "models: --encoder_weights=PATH, trainings: --loss_weights_file=PATH, "
        "--teacher_weights=PATH)."
    )


def _reason(error: Exception) -> str:
    """Reason in one line, without the object addresses of urllib3."""
    if isinstance(error, requests.Timeout):
        return f"no answer within {_TIMEOUT:g} s"
    if isinstance(error, requests.ConnectionError):
        cause = getattr(error.args[0], "reason", error) if error.args else error
        return f"the connection failed: {str(cause).rpartition(': ')[2]}"
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return "the downloaded file does not have the published hash"
    return " ".join(str(error).split())


def _download(file: WeightsFile, progressbar: bool) -> pathlib.Path:
    pooch.get_logger().setLevel("WARNING")  # The bar shows it, if wanted.
    _await_answer(file.url)
    downloader = pooch.HTTPDownloader(
        progressbar=progressbar, timeout=_TIMEOUT, chunk_size=2**18
    )
    found = pooch.retrieve(
        file.url, file.digest, file.filename, folder(), downloader=downloader
    )
    return pathlib.Path(found)


def _await_answer(url: str) -> None:
    """Raises the error that a download of `url` meets, within `_TIMEOUT`."""
    answers: queue.Queue[Exception | None] = queue.Queue()

    def ask() -> None:
        try:
            with requests.get(url, stream=True, timeout=_TIMEOUT) as response:
                response.raise_for_status()
            answers.put(None)
        except Exception as error:  # The waiting thread raises it again.
            answers.put(error)

    # Name resolution has no time-out, and each address has one of its own.
    threading.Thread(target=ask, daemon=True).start()
    try:
        error = answers.get(timeout=_TIMEOUT)
    except queue.Empty:
        raise requests.ConnectTimeout(url) from None
    if error is not None:
        raise error
