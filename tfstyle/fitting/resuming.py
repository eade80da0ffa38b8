"""Checkpoints of a training, and how it continues from one.

Runs on any backend of Keras.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import keras
import numpy as np

from tfstyle.runtime import checkpoint
from tfstyle.runtime.types import Path


def settings(folder: Path | None) -> dict[str, Any]:
    """Returns the settings of a folder's checkpoint; none without one."""
    found = checkpoint.load(folder) if folder else None
    key = found[1]["key"] if found else {}
    return key if isinstance(key, dict) else {}  # Text: of `tfstyle.optimize`.


def check(
    folder: Path | None, key: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Returns the arrays and data of a folder's checkpoint, if there is one.

    Raises:
        ValueError: The checkpoint belongs to other settings than `key`.
    """
    found = checkpoint.load(folder) if folder else None
    if found is None:
        return None
    # Through JSON, which turns tuples into lists.
    kept, wanted = found[1]["key"], json.loads(json.dumps(key))
    if not isinstance(kept, dict):  # Text: of `tfstyle.optimize`.
        raise ValueError(
            f"The checkpoint in '{folder}' is not one of a training. Give "
            "another folder, or delete it."
        )
    if kept != wanted:
        raise ValueError(
            f"The checkpoint in '{folder}' belongs to other "
            f"{_difference(kept, wanted)}. Give those, another folder, or "
            "delete it."
        )
    return found


def _difference(kept: dict[str, Any], wanted: dict[str, Any]) -> str:
    names = {*_beyond(kept, wanted), *_beyond(wanted, kept)}
    found = sorted({_HASHED[name] for name in names & _HASHED.keys()})
    one, other = (
        {k: v for k, v in values.items() if k in names - _HASHED.keys()}
        for values in (kept, wanted)
    )
    if one or other:
        found.append(f"settings: {one}, not {other}")
    return " and ".join(found)


_PICTURES = (
    "pictures (files were added, removed or renamed, or `held_out` differs)"
)
# Settings whose values are hashes, which tell nobody anything.
_HASHED = {
    "files": _PICTURES,
    "photographs": _PICTURES,
    "styles": "styles",
    "model": "models",
}


def restore(
    model: keras.Model,
    folder: Path | None,
    key: dict[str, Any],
    state: Mapping[str, keras.Variable] = MappingProxyType({}),
) -> int:
    """Restores a checkpoint of `save`; returns the number of steps done.

    Raises:
        ValueError: The checkpoint belongs to other settings.
    """
    model.optimizer.build(model.trainable_variables)
    found = check(folder, key)
    if found is None:
        return 0
    arrays, meta = found
    for name, variable in _variables(model, state).items():
        variable.assign(arrays[name])
    return meta["steps"]


def _beyond(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in one.items() if k not in other or other[k] != v}


def save(
    model: keras.Model,
    folder: Path,
    meta: Mapping[str, Any],
    state: Mapping[str, keras.Variable] = MappingProxyType({}),
) -> None:
    """Writes a checkpoint: trained variables and the optimizer's state.

    Args:
        model: Compiled model.
        folder: Folder of the checkpoint.
        meta: `"key"`, see `fit`, and `"steps"`, the number of steps done.
        state: Further variables by name.
    """
    arrays = {
        name: keras.ops.convert_to_numpy(variable)
        for name, variable in _variables(model, state).items()
    }
    checkpoint.save(folder, arrays, meta)


def _variables(
    model: keras.Model, state: Mapping[str, keras.Variable]
) -> dict[str, keras.Variable]:
    groups: dict[str, dict[Any, keras.Variable]] = {
        "model": dict(enumerate(model.trainable_variables)),
        "optimizer": dict(enumerate(model.optimizer.variables)),
        "state": dict(state),
    }
    return {
        f"{group}/{key}": variable
        for group, variables in groups.items()
        for key, variable in variables.items()
    }
