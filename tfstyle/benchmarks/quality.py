"""Measures how long settings take to a picture as good as a reference."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfstyle.optimization.config import STYLE_LOSSES, GatysConfig
from tfstyle.runtime.progress import Progress

_SINGLE: dict[str, Any] = {"start_size": 10**6}
_REFERENCE = _SINGLE | {
    "steps": 500,
    "precision": "float32",
    # Adam at a single level, with its former settings.
    "levels": 1,
    "beta_2": 0.99,
    "learning_rate": 0.04,
}
# Settings that differ from the defaults.
_ROWS: dict[str, dict[str, Any]] = {
    "default": {},
    "adam pyramid float32": {"precision": "float32"},
    "adam single bfloat16": _REFERENCE | {"precision": "bfloat16"},
    "lbfgs pyramid float32": {"optimizer": "lbfgs"},
    "lbfgs single float32": _SINGLE | {"optimizer": "lbfgs", "steps": 500},
}
NAMES = [f"{loss}: {row}" for loss in STYLE_LOSSES for row in _ROWS]
"""Names of all rows: a style loss and settings."""


class Pair(NamedTuple):
    """Photograph and style, `(height, width, 3)`."""

    photo: np.ndarray
    style: np.ndarray


def rows(
    config: GatysConfig, pair: Pair, names: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Yields a reference for each style loss, then rows of settings.

    Args:
        config: Size, network and weights; the rest is of the rows.
        pair: What to paint.
        names: Rows to measure, of `NAMES`.
    """
    for loss in STYLE_LOSSES:
        chosen = [row for row in _ROWS if f"{loss}: {row}" in names]
        if chosen:
            changed = dataclasses.replace(
                config, precision="auto", style_loss=loss
            )
            yield from _compare(changed, pair, chosen)


def _compare(
    default: GatysConfig, pair: Pair, chosen: list[str]
) -> Iterator[dict[str, Any]]:
    loss = default.style_loss
    reference = dataclasses.replace(default, **_REFERENCE)
    goal, limit = _reach(reference, pair, 0)
    yield {"run": f"{loss}: reference", "loss": goal, "seconds": limit}
    for row in chosen:
        config = dataclasses.replace(default, **_ROWS[row])
        found, seconds = _reach(config, pair, goal)
        yield {
            "run": f"{loss}: {row}",
            "loss": found,
            "seconds": seconds,
            "share": round(seconds / limit, 3),
            "reached": found <= goal,
        }


def _reach(config: GatysConfig, pair: Pair, goal: float) -> tuple[float, float]:
    """Returns the last loss, and the seconds until it reached `goal`."""
    from tfstyle.optimization import gatys

    last = {"loss": float("inf"), "seconds": 0.0}

    def on_step(progress: Progress, picture: Callable[[], Any]) -> bool:
        if progress.losses and progress.size == config.size:
            last["loss"] = round(progress.losses["total"], 5)
            last["seconds"] = round(progress.seconds, 1)
        return last["loss"] <= goal

    gatys.stylize(*pair, config, on_step)
    return last["loss"], last["seconds"]
