"""Finds images in folders, splits them, and names the files to write."""

import collections
import dataclasses
import fnmatch
import glob
import itertools
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import PIL.Image

from tfstyle.images import decoding, encoding, provenance
from tfstyle.runtime import files
from tfstyle.runtime.types import Path


def endings() -> set[str]:
    """Returns the endings of files that can be read, such as `".jpg"`."""
    known = PIL.Image.registered_extensions()
    return {e for e, kind in known.items() if kind in decoding.READABLE}


def find(folders: Iterable[Path]) -> list[pathlib.Path]:
    """Finds the image files in folders and their subfolders, sorted by path.

    Raises:
        NotADirectoryError: One of them is not a folder.
        PermissionError: One of them, or a subfolder, cannot be read.
        ValueError: One of them has no images.
    """
    found: list[pathlib.Path] = []
    for name in folders:
        folder = pathlib.Path(name)
        if not folder.is_dir():
            files.check_no_address(name)
            raise NotADirectoryError(f"There is no folder '{folder}'.")
        paths = map(pathlib.Path, walk(folder))
        inside = [path for path in paths if path.is_file()]
        if not inside:
            raise ValueError(
                f"'{folder}' holds no images. Expected files that end in "
                f"{', '.join(sorted(endings()))}."
            )
        found += sorted(inside)
    return found


def walk(root: Path) -> Iterator[str]:
    """Yields the images of a folder and its subfolders, by their endings.

    It holds one folder in memory.

    Raises:
        PermissionError: A folder cannot be read.
    """
    wanted = endings()
    for folder, inner, names in os.walk(root, onerror=_raise):
        inner.sort()
        for name in sorted(names):
            if ending_of(name) in wanted:
                yield os.path.join(folder, name)


def unreadable(root: Path) -> collections.Counter[str]:
    """Counts the photographs of a folder that cannot be read, by ending.

    There are none of a file, an address or a pattern.
    """
    return collections.Counter(
        found
        for _, _, names in os.walk(root)
        for name in names
        if (found := ending_of(name)) in decoding.UNREADABLE
    )


def ending_of(name: str) -> str:
    """Returns the ending of a path, such as `".jpg"`, by which it is known."""
    # macOS writes companion files beside pictures, which are none: "._cat.jpg".
    if os.path.basename(name).startswith("._"):
        return ""
    return os.path.splitext(name)[1].lower()


def _raise(error: OSError) -> None:
    """For `os.walk`, which leaves out what it cannot read."""
    raise error


def split_folders(
    folders: Iterable[Path], held_out: int
) -> tuple[list[pathlib.Path], list[pathlib.Path]]:
    """Splits each folder's files into training files and `held_out` others.

    Folders may overlap: a file that is held out of one of them is no training
    file of another.

    Raises:
        NotADirectoryError: One of them is not a folder.
        ValueError: One of them has too few images, or overlapping folders
            leave none to learn from.
    """
    parts = [_split(folder, held_out) for folder in folders]
    train, held = (
        {os.path.realpath(path): path for path in itertools.chain(*part)}
        for part in zip(*parts, strict=True)
    )
    kept = [path for real, path in train.items() if real not in held]
    if not kept:
        raise ValueError(
            "The folders overlap, and all of their pictures are held out. Give "
            "one of them only, or a smaller `held_out`. Received: "
            f"held_out={held_out}"
        )
    return kept, list(held.values())


def _split(
    folder: Path, held_out: int
) -> tuple[list[pathlib.Path], list[pathlib.Path]]:
    """Training files of a folder and `held_out` others, always the same."""
    paths = find([folder])
    if held_out >= len(paths):
        raise ValueError(
            "A folder needs at least one more picture than `held_out`: "
            f"'{folder}' holds {len(paths)}. Received: held_out={held_out}"
        )
    order = np.random.default_rng(0).permutation(len(paths))
    held = set(order[:held_out].tolist())
    train = [path for i, path in enumerate(paths) if i not in held]
    return train, [paths[i] for i in sorted(held)]


def check_outside(output: Path, folders: Iterable[Path]) -> None:
    """Raises `ValueError` if an output is inside a folder of inputs."""
    inner = os.path.realpath(output)
    for folder in folders:
        outer = os.path.realpath(folder)
        if os.path.commonpath([outer, inner]) == outer:
            raise ValueError(
                f"The output '{output}' is inside '{folder}'. Give a folder "
                "beside it."
            )


@dataclasses.dataclass(frozen=True)
class Item:
    """A photograph and the picture to write for it."""

    content: pathlib.Path
    output: pathlib.Path


def items(content: str, output: str) -> list[Item]:
    """Finds the photographs of a file, folder or pattern; names their outputs.

    Args:
        content: A file; a folder, for all images in it and its subfolders; or
            a pattern such as `"photos/*.jpg"`.
        output: File to write, or an existing folder, if `content` is a file;
            else the folder to write to, with the same subfolders. Names stay;
            suffixes become .png if a format cannot be written.

    Raises:
        FileNotFoundError: No file is found.
        ValueError: A folder has no images, two outputs are the same file, an
            output would replace a photograph, or the outputs would be
            photographs of the next run.
    """
    made = _paired(content, output)
    taken: dict[pathlib.Path, pathlib.Path] = {}
    kept = {os.path.realpath(item.content): item.content for item in made}
    for item in made:
        lost = kept.get(os.path.realpath(item.output))
        if lost is not None:
            raise ValueError(
                f"'{lost}' would be written over. Give another output."
            )
        other = taken.setdefault(item.output, item.content)
        if other != item.content:
            raise ValueError(
                f"'{other}' and '{item.content}' would both become "
                f"'{item.output}'. Rename one of them."
            )
        if not os.path.exists(content) and _matches(item.output, content):
            raise ValueError(
                f"The output '{item.output}' would be one of '{content}' in "
                "the next run. Give a folder beside them."
            )
    return made


def _matches(path: pathlib.Path, pattern: str) -> bool:
    """Whether a pattern without `**` finds a file."""
    names, wanted = (
        pathlib.Path(os.path.abspath(p)).parts for p in (path, pattern)
    )
    return len(names) == len(wanted) and all(
        map(fnmatch.fnmatchcase, names, wanted)
    )


def check_kept(made: Iterable[Item], inputs: Mapping[str, str]) -> None:
    """Raises `ValueError` if an output would replace an input.

    Args:
        made: Items returned by `items`, which has checked the photographs.
        inputs: Role -> path of the other input files.
    """
    kept = {os.path.realpath(path): role for role, path in inputs.items()}
    for item in made:
        role = kept.get(os.path.realpath(item.output))
        if role is not None:
            raise ValueError(
                f"The output '{item.output}' is the {role}, too. Give another "
                "name."
            )


def _paired(content: str, output: str) -> list[Item]:
    if os.path.isfile(content):
        path = pathlib.Path(content)
        folder = os.path.isdir(output) or output.endswith(os.sep)
        target = renamed(os.path.join(output, path.name)) if folder else output
        return [Item(path, pathlib.Path(target))]
    root, paths = _several(content)
    ending = pathlib.Path(output).suffix.lower()
    if ending in encoding.WRITABLE and not os.path.isdir(output):
        raise ValueError(
            f"'{content}' may be several photographs, but '{output}' is named "
            "as one picture. Name a folder."
        )
    if os.path.isdir(content) or "**" in content:
        check_outside(output, [root])
    inside = [(path, path.relative_to(root)) for path in paths]
    return [
        Item(path, pathlib.Path(renamed(os.path.join(output, name))))
        for path, name in inside
    ]


def _several(content: str) -> tuple[pathlib.Path, list[pathlib.Path]]:
    """Finds several files, and the root that output names are relative to."""
    if os.path.isdir(content):
        return pathlib.Path(content), find([content])
    found = sorted(
        p for p in glob.glob(content, recursive=True) if os.path.isfile(p)
    )
    if not found:
        files.check_no_address(content)
        raise FileNotFoundError(f"There is no file or folder '{content}'.")
    # Not the common root of the files found: other files in the next run
    # would move the outputs.
    plain = itertools.takewhile(
        lambda part: not glob.has_magic(part), pathlib.Path(content).parts
    )
    return pathlib.Path(*plain), [pathlib.Path(path) for path in found]


def renamed(path: str) -> str:
    """Returns a path whose format can be written: .png if its own cannot."""
    root, ending = os.path.splitext(path)
    return path if ending.lower() in encoding.WRITABLE else f"{root}.png"


def is_done(output: Path, record: Mapping[str, Any]) -> bool:
    """Whether a picture exists, made from the same inputs and settings.

    Args:
        output: File of the picture.
        record: Record of the picture to write, see `provenance.describe`; the
            output may have further notes.
    """
    try:
        found = provenance.read(output)
    except (OSError, ValueError):
        return False
    same = provenance.is_same(found, record)
    return same and record["notes"].items() <= found["notes"].items()


def check_ours(picture: Path, name: str) -> None:
    """Raises `ValueError` if a file that would be replaced is no picture.

    Args:
        picture: File to write; it need not exist.
        name: What the error calls it.
    """
    try:
        provenance.read(picture)
    except FileNotFoundError:
        return
    except ValueError as error:
        raise ValueError(
            f"'{name}' is there and was not written by tfstyle. Give another "
            "folder, or move it."
        ) from error
