"""Records in a picture how it was made, so that it can be made again.

A record is JSON: versions, settings including the seed, and for each input
file its name and SHA-256; no folders, so that pictures can be published. If a
format has no room for all of it, the record names the missing entries: see
`fitted`.
"""

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tfstyle.images.decoding import read_metadata
from tfstyle.images.encoding import Format
from tfstyle.runtime.types import Path
from tfstyle.version import __version__

_KEY = "tfstyle"
_PACKAGES = ("tensorflow", "keras", "numpy", "pillow")
# What texts that are no record raise; they may be nested too deep for JSON.
_UNSOUND = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


def describe(
    config: Any,
    inputs: Mapping[str, Path],
    notes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Returns the record of a run.

    Args:
        config: Dataclass or mapping of all settings that the result depends
            on, including the seed. Only the last part of a path is kept
            (handles with `://` stay): name files in `inputs`.
        inputs: Role -> file, such as `{"content": "dog.jpg"}`. The caller
            numbers files that share a role: `"style 1"`.
        notes: Further values that JSON can hold, such as the weights that
            were used.

    Returns:
        A dictionary that JSON can hold, with the keys `tfstyle`, `versions`,
        `config`, `inputs` and `notes`.

    Raises:
        FileNotFoundError: An input does not exist.
    """
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        fields = dataclasses.fields(config)
        config = {field.name: getattr(config, field.name) for field in fields}
    return {
        "tfstyle": __version__,
        "versions": versions(),
        "config": portable(config),
        "inputs": {role: _entry(path) for role, path in inputs.items()},
        "notes": portable(notes or {}),
    }


def with_input(
    record: Mapping[str, Any], role: str, path: Path
) -> dict[str, Any]:
    """Returns a record with one more input file; see `describe`."""
    return {**record, "inputs": {**record["inputs"], role: _entry(path)}}


def portable(value: Any) -> Any:
    """Returns a value as types of JSON, with paths reduced to names."""
    if isinstance(value, Mapping):
        return {key: portable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [portable(item) for item in value]
    if isinstance(value, str | os.PathLike):
        text = os.fspath(value)
        return text if "://" in text else pathlib.Path(text).name
    return value.item() if isinstance(value, np.generic) else value


def _entry(path: Path) -> dict[str, str]:
    return {"name": _name(path), "sha256": digest(path)}


def _name(path: Path) -> str:
    # The same in all locales: in the C locale, only ASCII names are text.
    name = os.fsencode(pathlib.Path(path).name)
    return name.decode("utf-8", "surrogateescape")


def digest(path: Path) -> str:
    """Returns the SHA-256 of a file, 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fitted(record: Mapping[str, Any], format: Format) -> Mapping[str, Any]:
    """Shortens a record until a format has room for it.

    Args:
        record: Record returned by `describe`.
        format: Format of the file to write.

    Returns:
        The record. If it is too long, it lacks the SHA-256 of its inputs, and
        then its longest entries, until it fits. Then it has two more keys:
        `left_out`, the names of the missing entries, and `sha256`, the hash
        of the complete config and inputs.
    """
    short, left_out = record, []
    for section, key in _expendable(record):
        if format.holds(embed(short)):
            break
        left_out.append(f"{key} of inputs" if section == "inputs" else key)
        short = {
            **_without(short, section, key),
            "left_out": left_out,
            "sha256": _fingerprint(record),
        }
    return short


def is_same(found: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Whether two records have the same config and inputs.

    Args:
        found: Record returned by `read`; may be shortened.
        record: Record returned by `describe`.
    """
    if "left_out" in found:
        return bool(found["sha256"] == _fingerprint(record))
    return all(found[key] == record[key] for key in ("config", "inputs"))


def recipe(record: Mapping[str, Any]) -> str:
    """Returns a hash of config, inputs and notes: 32 hexadecimal digits.

    Args:
        record: Record that pictures share, without their photographs.
    """
    parts = [record[key] for key in ("config", "inputs", "notes")]
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _fingerprint(record: Mapping[str, Any]) -> str:
    text = json.dumps([record["config"], record["inputs"]])
    return hashlib.sha256(text.encode()).hexdigest()


def _expendable(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Section and key of the entries that may be left out, in order."""
    values = {
        (section, key): value
        for section in ("config", "notes")
        for key, value in record[section].items()
    }
    entries = record["inputs"].values()
    values["inputs", "name"] = [entry["name"] for entry in entries]
    values["inputs", "role"] = [*record["inputs"]]
    lengths = {part: len(json.dumps(value)) for part, value in values.items()}
    longest_first = sorted(lengths, key=lambda part: -lengths[part])
    return [("inputs", "sha256"), *longest_first]


def _without(
    record: Mapping[str, Any], section: str, key: str
) -> dict[str, Any]:
    if section != "inputs":
        rest = {k: v for k, v in record[section].items() if k != key}
    elif key == "role":
        rest = {}
    else:
        rest = {
            role: {k: v for k, v in entry.items() if k != key}
            for role, entry in record["inputs"].items()
        }
    return {**record, section: rest}


def embed(record: Mapping[str, Any]) -> dict[str, str]:
    """Returns the `metadata` for `images.save` that carry a record."""
    return {_KEY: json.dumps(record)}


def read(path: Path) -> dict[str, Any]:
    """Reads the record inside a picture.

    Args:
        path: A file that `images.save` wrote with `embed(record)`.

    Returns:
        The record; it may be shortened, see `fitted`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not an image, or holds no record.
    """
    text = read_metadata(path).get(_KEY, "")
    try:
        record = json.loads(text)
        parts = (record[key] for key in ("config", "inputs", "notes"))
        sound = all(isinstance(part, dict) for part in parts)
        sound &= all(
            isinstance(record["inputs"][role][key], str)
            for role in record["inputs"]
            for key in ("name", "sha256")
            if f"{key} of inputs" not in record.get("left_out", ())
        )
        if "left_out" in record:
            sound &= all(isinstance(part, str) for part in record["left_out"])
            sound &= isinstance(record["sha256"], str)
    except _UNSOUND:
        sound = False
    if not sound:
        raise ValueError(
            f"'{os.fspath(path)}' does not say how it was made. Expected: a "
            "picture that tfstyle wrote; other programs drop its record when "
            "they save it."
        )
    return record


def find_inputs(
    record: Mapping[str, Any],
    folders: Iterable[Path],
) -> dict[str, pathlib.Path]:
    """Finds the files that a record names, by name and content.

    Args:
        record: Record returned by `read`.
        folders: Folders to search, in order, without subfolders.

    Returns:
        Role -> path.

    Raises:
        FileNotFoundError: An input is in none of the folders, or only with
            other content; names it with its SHA-256.
    """
    places = [pathlib.Path(folder) for folder in folders]
    return {
        role: _find(role, entry["name"], entry["sha256"], places)
        for role, entry in record["inputs"].items()
    }


def _find(
    role: str, name: str, sha256: str, folders: list[pathlib.Path]
) -> pathlib.Path:
    # The picture may come from anyone: only the last part of a path is used.
    last = os.fsdecode(name.encode("utf-8", "surrogateescape"))
    paths = [folder / pathlib.Path(last).name for folder in folders]
    present = [path for path in paths if path.is_file()]
    for path in present:
        if digest(path) == sha256:
            return path
    where = ", ".join(dict.fromkeys(f"'{folder}'" for folder in folders))
    if present:
        found = f"'{present[0]}' has another content"
    else:
        found = f"it is not in {where}"
    raise FileNotFoundError(
        f"The {role} '{name}' with SHA-256 {sha256} is missing: {found}. Put "
        "it there and try again."
    )


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that paint."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            # TensorFlow is not needed if training runs on JAX.
            continue
    return found
