"""Atomic writes: a file or a folder is either complete or absent."""

import contextlib
import errno
import os
import pathlib
import re
import secrets
import shutil
from collections.abc import Iterator
from typing import IO, Any, TypeGuard

from tfstyle.runtime.checks import units
from tfstyle.runtime.types import Path


@contextlib.contextmanager
def atomic(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Opens a file that replaces `path` only when it is written completely.

    The block writes to a temporary file in the same folder. When the block
    ends, that file is renamed to `path`; when it raises, Ctrl-C included, it
    is removed, and an older file at `path` stays as it was. A link is
    followed: the file that it points to is replaced. The permissions of a
    file that is replaced stay.

    Args:
        path: The file to write; its folder must exist.
        mode: `"wb"`, `"w+b"` to read what was written, too, or `"w"` for
            text in UTF-8.

    Yields:
        The open file.

    Raises:
        IsADirectoryError: `path` is a folder.
        ValueError: `path` is a device or a pipe.
        OSError: The file cannot be written; names `path`.

    Example:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "note.txt")
    ...     with atomic(path, "w") as file:
    ...         _ = file.write("whole")
    ...     path.read_text()
    'whole'
    """
    target = _target(path)
    temporary = _beside(target)
    encoding = None if "b" in mode else "utf-8"
    try:
        # Exclusive: the random name is ours, or this fails.
        with open(temporary, mode.replace("w", "x"), encoding=encoding) as file:
            with contextlib.suppress(OSError):  # Nothing to replace, or FAT.
                shutil.copymode(target, temporary)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if _names_no_other(error, temporary):
            # A full disk is reported without a name, a missing folder with
            # the temporary name; users know only the name that they gave.
            raise OSError(
                error.errno, error.strerror, os.fspath(path)
            ) from error
        raise


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[pathlib.Path]:
    """Creates a folder that appears only when it is written completely.

    The block fills a temporary folder beside `path`, which is renamed when
    the block ends and removed when it raises. Nothing is ever replaced.

    Args:
        path: The folder to create; its parent must exist.

    Yields:
        The folder to fill.

    Raises:
        FileExistsError: `path` exists.
        OSError: The folder cannot be created; names `path`.
    """
    target = pathlib.Path(path)
    _check_absent(target)
    temporary = _beside(target)
    try:
        temporary.mkdir()
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _flush(file)
        _check_absent(target)  # Another process may have been faster.
        temporary.rename(target)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if _names_no_other(error, temporary):
            raise OSError(
                error.errno, error.strerror, os.fspath(path)
            ) from error
        raise


def check_no_address(path: Path) -> None:
    """Raises `FileNotFoundError` for an address such as `https://host/a.png`.

    Call it only when no such file exists: a file may have such a name.
    """
    # `pathlib` keeps one of two slashes. One letter is a drive of Windows.
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", os.fspath(path)):
        raise FileNotFoundError(
            f"'{os.fspath(path)}' is an address, not a file. Download it "
            "first, and give the name of the file."
        )


def check_writable(path: Path) -> None:
    """Checks that `path` can be written, before there is content for it.

    Args:
        path: The file that `atomic` will write later; it may exist.

    Raises:
        FileNotFoundError: The folder does not exist.
        IsADirectoryError: `path` is a folder.
        PermissionError: The folder or the file may not be written.
        ValueError: `path` is a device or a pipe.
        OSError: The file system refuses for another reason.
    """
    target = _target(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"Cannot write '{os.fspath(path)}': there is no folder "
            f"'{target.parent}'. Create it first."
        )
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(
            f"Cannot write '{os.fspath(path)}': the file is read-only."
        )
    temporary = _beside(target)
    try:
        # Permission bits do not tell: root passes them all, and a file system
        # can be read-only.
        temporary.touch(exist_ok=False)
        temporary.unlink()
    except OSError as error:
        kind = PermissionError if error.errno in _REFUSED else OSError
        raise kind(
            f"Cannot write '{os.fspath(path)}': no file can be created in "
            f"'{target.parent}' ({error.strerror})."
        ) from error


def check_space(path: Path, needed: float) -> None:
    """Raises `OSError` if a disk has no room for a file.

    Args:
        path: File to write later, or a folder that may not exist yet.
        needed: Size of what will be written, in bytes.
    """
    place = pathlib.Path(os.path.realpath(path))
    there = next(p for p in (place, *place.parents) if p.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise OSError(
            errno.ENOSPC,
            f"'{os.fspath(path)}' needs about {units(needed)}. Free on its "
            f"disk: {units(free)}. Make room, or choose another place.",
        )


# Errors where nothing may be written; EROFS: a read-only file system.
_REFUSED = {errno.EACCES, errno.EROFS, errno.EPERM}


def _target(path: Path) -> pathlib.Path:
    """Follows links to the file, which must be a plain one or not exist."""
    target = pathlib.Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(
            f"Cannot write '{os.fspath(path)}': it is a folder. Give the name "
            "of a file."
        )
    if target.exists() and not target.is_file():
        # Renaming over it would replace /dev/null by a file.
        raise ValueError(
            f"Cannot write '{os.fspath(path)}': it is a device or a pipe. "
            "Give the name of a file."
        )
    return target


def _check_absent(target: pathlib.Path) -> None:
    if target.exists():
        raise FileExistsError(
            f"Cannot write '{target}': it exists, and nothing in use is "
            "replaced. Choose another name."
        )


def _flush(path: pathlib.Path) -> None:
    # Windows flushes only what is open for writing.
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def _names_no_other(
    error: BaseException, temporary: pathlib.Path
) -> TypeGuard[OSError]:
    return (
        isinstance(error, OSError)
        and error.errno is not None
        and error.filename in (None, os.fspath(temporary))
    )


def _beside(target: pathlib.Path) -> pathlib.Path:
    # Not made from the target's name: that may be as long as names can be.
    return target.with_name(f".tfstyle-{secrets.token_hex(8)}.tmp")
