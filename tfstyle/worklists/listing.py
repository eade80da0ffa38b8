"""Lists the rows of a folder, a pattern, or a file that names them.

Rows are made one by one, so that a list may be of any length:

| content                | rows                                            |
|------------------------|-------------------------------------------------|
| a folder               | its images and those in subfolders, by name     |
| a pattern              | the files that match, such as `photos/*.jpg`    |
| `.txt`                 | one photograph on each line                     |
| `.jsonl`               | an object on each line                          |
| `.parquet`, or a folder ending in it | a row for each row                |
| another file           | that photograph                                 |

Objects and Parquet rows have `content`, and may have `styles` (a list),
`output` (a name inside the folder of the pictures) and `settings` (an object,
or its JSON); Parquet files may have other columns, too. Pictures of folders
and patterns keep their names; others without a name get one made from the row.
"""

import glob
import itertools
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from tfstyle.images import folders
from tfstyle.worklists.rows import Row, name_of
from tfstyle.worklists.storage import filesystem, is_address, join, reaching

_LISTS = (".txt", ".jsonl", ".parquet")
_STYLED = (".jsonl", ".parquet")
_BATCH = 10_000  # Rows of a Parquet file in memory.
_FIELDS = ("content", "styles", "output", "settings")


def rows(content: str) -> Iterator[Row]:
    """Yields the rows of a folder, a pattern, a list or a photograph.

    Args:
        content: Path or address; see the module.

    Raises:
        FileNotFoundError: There is nothing of this name.
        ValueError: A list is damaged, or a row lacks its photograph; names it.
    """
    ending = pathlib.PurePosixPath(content).suffix.lower()
    if ending in _LISTS:
        yield from _listed(content, ending)
        return
    root, paths = _found(content)
    for path in paths:
        inside = os.path.relpath(path, root).replace(os.sep, "/")
        yield Row(path, folders.renamed(inside))


def has_styles(content: str) -> bool:
    """Whether rows may have styles of their own: only those of some lists."""
    return pathlib.PurePosixPath(content).suffix.lower() in _STYLED


def folder_of(content: str) -> str:
    """Returns the folder whose images, at any depth, are the rows, or ""."""
    if pathlib.PurePosixPath(content).suffix.lower() in _LISTS:
        return ""
    if is_address(content):
        return _plain(content).rstrip("/")
    if os.path.isdir(content):
        return os.path.abspath(content)
    return _plain(content) if "**" in content else ""


def _found(content: str) -> tuple[str, Iterator[str]]:
    """Root that names are relative to, and the paths of the images."""
    if is_address(content):
        return _remote(content)
    absolute = os.path.abspath(content)
    if os.path.isfile(absolute):
        return os.path.dirname(absolute), iter([absolute])
    if os.path.isdir(absolute):
        return absolute, folders.walk(absolute)
    # Not below the absolute name: the folder it is called in may have a "[".
    found = sorted(glob.glob(content, recursive=True))
    if not found:
        raise FileNotFoundError(f"There is no file or folder '{content}'.")
    paths = map(os.path.abspath, found)
    return _plain(content), filter(os.path.isfile, paths)


def _plain(content: str) -> str:
    """The folders of a pattern before its first special character."""
    parts = content.split("/")
    plain = itertools.takewhile(lambda part: not glob.has_magic(part), parts)
    folder = "/".join([*plain, ""])
    return folder[:-1] if is_address(content) else os.path.abspath(folder)


def _remote(address: str) -> tuple[str, Iterator[str]]:
    """As `_found`: one object, a pattern, or all below a prefix."""
    system, path = filesystem(address)
    with reaching(address):
        is_file = not glob.has_magic(path) and system.isfile(path)
    root = address.rpartition("/")[0] if is_file else _plain(address)
    names = iter([path]) if is_file else _names(system, path)
    return root, _images(address, path, names)


def _images(address: str, path: str, names: Iterator[str]) -> Iterator[str]:
    """Addresses of the images among the names in a file system.

    Args:
        address: Where they were looked for.
        path: The same, inside the file system.
        names: Names inside it.
    """
    # Scheme and host, which names lack, and the slash before them.
    inner = path.strip("/")
    before = address.rstrip("/").removesuffix(inner) if inner else address
    wanted, found = folders.endings(), False
    with reaching(address):
        for name in names:
            if folders.ending_of(name) in wanted:
                found = True
                yield before + name.lstrip("/")
    if not found:
        raise FileNotFoundError(f"There are no images at '{address}'.")


def _names(system: Any, path: str) -> Iterator[str]:
    if glob.has_magic(path):
        yield from system.glob(path)
    else:
        yield from _below(system, path)


def _below(system: Any, folder: str) -> Iterator[str]:
    """Files, then those in folders; `walk` leaves out what it cannot read."""
    found = sorted(system.ls(folder, detail=True), key=lambda f: f["name"])
    inner = [f["name"] for f in found if f["type"] == "directory"]
    yield from (f["name"] for f in found if f["type"] != "directory")
    for name in inner:
        if name.rstrip("/") != folder.rstrip("/"):  # Itself, in some stores.
            yield from _below(system, name)


def _listed(path: str, ending: str) -> Iterator[Row]:
    """Rows of a list; paths in it are relative to its folder."""
    read = {".txt": _lines, ".jsonl": _objects, ".parquet": _parquet}[ending]
    base = path.rpartition("/")[0] if is_address(path) else _folder(path)
    for number, values in enumerate(read(path), 1):
        try:
            yield _row(base, values)
        except (TypeError, ValueError) as error:
            raise ValueError(f"'{path}', row {number}: {error}") from error


def _lines(path: str) -> Iterator[Mapping[str, Any]]:
    for _, line in _texts(path):
        yield {"content": line}


def _objects(path: str) -> Iterator[Mapping[str, Any]]:
    for number, line in _texts(path):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise ValueError(
                f"'{path}', line {number} is not JSON: {error}"
            ) from error


def _texts(path: str) -> Iterator[tuple[int, str]]:
    """Numbers and texts of the lines that are not blank."""
    with _open(path) as file:
        try:
            for number, line in enumerate(file, 1):
                if text := line.strip():
                    yield number, text
        except UnicodeDecodeError as error:
            raise ValueError(
                f"'{path}' is not a text in UTF-8. Save it as such."
            ) from error


def _open(path: str) -> Any:
    if not is_address(path):
        return open(path, encoding="utf-8-sig")
    system, inner = filesystem(path)
    return system.open(inner, "r", encoding="utf-8-sig")


def _parquet(path: str) -> Iterator[Mapping[str, Any]]:
    """Rows of a Parquet file, or of those in a folder, batch by batch."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError(
            f"'{path}' needs pyarrow: pip install 'tfstyle[fleet]'."
        ) from error
    system, inner = filesystem(path)
    with reaching(path):
        found = [inner] if system.isfile(inner) else sorted(system.find(inner))
    files = [name for name in found if name.endswith(".parquet")]
    if not files:
        raise FileNotFoundError(f"There is no Parquet file at '{path}'.")
    for name in files:
        with system.open(name, "rb") as file:
            try:
                # A dataset would read far ahead of those who paint.
                table = pyarrow.parquet.ParquetFile(file, pre_buffer=False)
            except pyarrow.ArrowInvalid as error:
                raise ValueError(
                    f"'{path}' is not Parquet, or damaged."
                ) from error
            columns = [n for n in table.schema_arrow.names if n in _FIELDS]
            for batch in table.iter_batches(
                _BATCH, columns=columns, use_threads=False
            ):
                yield from map(_given, batch.to_pylist())


def _given(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row without what other rows set: a column of objects has all names."""
    settings = row.get("settings")
    if not isinstance(settings, dict):
        return row
    given = {k: value for k, value in settings.items() if value is not None}
    return {**row, "settings": given}


def _row(base: str, values: Mapping[str, Any]) -> Row:
    """Checks the values of a row and resolves their paths."""
    if not isinstance(values, Mapping):
        raise TypeError(f"expected an object. Received: {values!r}")
    if unknown := [name for name in values if name not in _FIELDS]:
        raise ValueError(
            f"unknown {unknown[0]!r}. Expected: {', '.join(_FIELDS)}"
        )
    content = values.get("content")
    if not isinstance(content, str) or not content:
        raise ValueError(f"expected a path as content. Received: {content!r}")
    styles = values.get("styles") or ()
    if isinstance(styles, str):
        raise TypeError(f"`styles` must be a list. Received: {styles!r}")
    settings = values.get("settings")
    if isinstance(settings, str):
        settings = json.loads(settings)
    settings = settings or {}
    if not isinstance(settings, Mapping):
        raise TypeError(f"`settings` must be an object. Received: {settings!r}")
    output = values.get("output") or ""
    if not isinstance(output, str):
        raise TypeError(f"`output` must be a name. Received: {output!r}")
    if not output:
        ending = os.path.splitext(folders.renamed(content))[1]
        output = name_of(content, styles, settings) + ending
    return Row(
        _resolved(base, content),
        output,
        tuple(_resolved(base, style) for style in styles),
        dict(settings),
    )


def _folder(path: str) -> str:
    return os.path.dirname(os.path.abspath(path))


def _resolved(base: str, path: str) -> str:
    if is_address(path) or path.startswith("/"):
        return path
    return path if os.path.isabs(path) else join(base, path)
