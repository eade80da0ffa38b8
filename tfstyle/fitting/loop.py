"""The training loop: `keras.Model.fit` with progress and checkpoints.

Runs on any backend of Keras.
"""

import dataclasses
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras
import numpy as np

from tfstyle.runtime import checkpoint, devices
from tfstyle.runtime.memory import peak
from tfstyle.runtime.progress import OnStep, Progress
from tfstyle.runtime.types import Path

FETCH = 10  # Steps between reports of the losses, which wait for the device.


def rate(
    highest: float, steps: int, warmup: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns a learning rate with linear warm-up and cosine decay to 0.

    Args:
        highest: Peak of the learning rate.
        steps: Number of steps of the whole training.
        warmup: Number of steps until the peak, at most a fifth of all.
    """
    warmup = min(warmup, steps // 5)
    # np.float32: Keras counts the steps in the type of this value, by default
    # `floatx`, and float16 has no odd numbers above 2048.
    return keras.optimizers.schedules.CosineDecay(
        np.float32(0),
        steps - warmup,
        warmup_target=highest,
        warmup_steps=warmup,
    )


def optimizer(
    rate: float | keras.optimizers.schedules.LearningRateSchedule, policy: str
) -> keras.optimizers.Optimizer:
    """Returns Adam, with loss scaling under `"mixed_float16"`.

    Most gradients are smaller than the least number of float16.
    """
    adam = keras.optimizers.Adam(rate)
    if policy != "mixed_float16":
        return adam
    return keras.optimizers.LossScaleOptimizer(adam)


def on_device(config: Any, folder: Path | None) -> Any:
    """Returns the settings with `"auto"` precisions resolved.

    Args:
        config: Settings of a training.
        folder: Folder of its checkpoint, whose precisions are kept on any
            device.
    """
    kept = _key(folder)
    found = {
        name: kept.get(name, _TYPES[name]())
        for name in _TYPES
        if getattr(config, name, None) == "auto"
    }
    return dataclasses.replace(config, **found)


_TYPES: dict[str, Callable[[], str]] = {
    "precision": devices.policy,
    "loss_dtype": devices.precision,
    "teacher_dtype": devices.precision,
}


def _key(folder: Path | None) -> dict[str, Any]:
    """Returns the settings of a checkpoint; empty if there is none."""
    found = checkpoint.load(folder) if folder else None
    key = found[1]["key"] if found else {}
    return key if isinstance(key, dict) else {}  # Text: of `tfstyle.optimize`.


def fit(
    model: keras.Model,
    make_data: Callable[[int, int, int], keras.utils.PyDataset],
    steps: int,
    epoch: int,
    *,
    size: int,
    held_out: keras.utils.PyDataset | None = None,
    folder: Path | None = None,
    key: Mapping[str, Any] | None = None,
    state: Mapping[str, keras.Variable] | None = None,
    on_step: OnStep | None = None,
    on_epoch: Sequence[Callable[[int], object]] = (),
    prefix: str = "",
) -> bool:
    """Trains a compiled model, continuing from a checkpoint if there is one.

    Args:
        model: Compiled model.
        make_data: Function from the number of an epoch, the index of its first
            batch and the number of batches to that data.
        steps: Total number of steps, including earlier runs.
        epoch: Number of steps between checkpoints.
        size: Side of the images in pixels, for `on_step`.
        held_out: Data whose losses are reported after each epoch, as
            `val_...`.
        folder: Folder of the checkpoint, written after each epoch and when
            `on_step` ends the run.
        key: Settings that must be the same when a run is continued.
        state: Variables of `on_epoch` that belong to the checkpoint.
        on_step: Callback that receives the progress after each step; returning
            true ends the run, see `progress`. Losses are included every
            `FETCH` steps and at the end of an epoch: means over the epoch so
            far, or since the run was resumed.
        on_epoch: Callbacks that receive the number of steps after each epoch,
            when `on_step` ends the run, and if no steps are left. If one
            returns true, the run is done.
        prefix: Prefix of the names of the loss's terms, for `on_step`.

    Returns:
        Whether the run is done.

    Raises:
        ValueError: The checkpoint belongs to other settings.
        FloatingPointError: A loss was not finite.
    """
    state = state or {}
    done = restore(model, folder, dict(key or {}), state)
    if done >= steps:
        for call in on_epoch:  # Its files may have been deleted.
            call(done)
    report = Report(on_step, size, done, steps, prefix)
    while done < steps and not report.ended:
        count, first = divmod(done, epoch)
        batches = min(epoch - first, steps - done)
        crops = make_data(count, first, batches)
        logs = model.fit(crops, callbacks=[report], shuffle=False, verbose=0)
        done = report.done
        last = {name: values[-1] for name, values in logs.history.items()}
        if held_out is not None and not report.ended:
            last |= _evaluate(model, held_out, report)
        if not report.ended:
            report.tell(last)
        if any([call(done) for call in on_epoch]):
            done = steps
        # Last, so that all steps in the checkpoint were reported.
        if folder is not None:
            meta = {"key": dict(key or {}), "steps": done}
            save(model, folder, meta, state)
    return done >= steps


def _evaluate(
    model: keras.Model, held_out: keras.utils.PyDataset, report: "Report"
) -> dict[str, float]:
    logs = model.evaluate(
        held_out, callbacks=[report], verbose=0, return_dict=True
    )
    return {f"val_{name}": value for name, value in logs.items()}


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
    found = checkpoint.load(folder) if folder else None
    if found is None:
        return 0
    arrays, meta = found
    # Through JSON, which turns tuples into lists.
    kept, wanted = meta["key"], json.loads(json.dumps(key))
    if not isinstance(kept, dict):  # Text: of `tfstyle.optimize`.
        raise ValueError(
            f"The checkpoint in '{folder}' is not one of a training. Give "
            "another folder, or delete it."
        )
    if kept != wanted:
        raise ValueError(
            f"The checkpoint in '{folder}' belongs to other settings: "
            f"{_beyond(kept, wanted)}, not {_beyond(wanted, kept)}. Give "
            "those, another folder, or delete it."
        )
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


class Report(keras.callbacks.Callback):
    """Keras callback that reports `Progress` values.

    Args:
        on_step: Callback that receives them.
        size: Side of the images, in pixels.
        done: Number of steps of earlier runs.
        steps: Total number of steps.
        prefix: Prefix of the names of the loss's terms.

    Attributes:
        done: Number of steps so far.
        ended: Whether `on_step` ended the run.
    """

    def __init__(
        self,
        on_step: OnStep | None,
        size: int,
        done: int,
        steps: int,
        prefix: str = "",
    ) -> None:
        super().__init__()
        self.prefix = prefix
        self.on_step, self.size = on_step, size
        self.done, self.steps = done, steps
        self.started = time.monotonic()
        self.ended = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Reports a step of the training."""
        self.done += 1
        self.tell(logs if (batch + 1) % FETCH == 0 else {})
        if self.ended:
            self.fetch(logs)  # Never save a diverged model.
        self.model.stop_training = self.ended

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Lets `on_step` end the run during the evaluation."""
        self.tell({})
        self.model.stop_evaluating = self.ended

    def tell(self, logs: Mapping[str, Any]) -> None:
        """Calls `on_step` with the losses, or without any to let it end."""
        losses = self.fetch(logs)
        progress = Progress(
            size=self.size,
            height=self.size,
            width=self.size,
            step=self.done,
            steps=self.steps,
            done=self.done,
            total=self.steps,
            losses=losses,
            seconds=time.monotonic() - self.started,
            memory=peak() if losses else 0,
        )
        if self.on_step and self.on_step(progress, _no_picture):
            self.ended = True

    def fetch(self, logs: Mapping[str, Any]) -> dict[str, float]:
        """Waits for the device and returns the losses by name.

        Raises:
            FloatingPointError: One of them is not finite.
        """
        losses = {self._name(key): float(value) for key, value in logs.items()}
        for name, value in losses.items():
            if not math.isfinite(value):
                raise FloatingPointError(
                    f"The loss '{name}' was not finite at step {self.done}: "
                    f"{value}. Continue in another folder, with `start` from "
                    "the weights in this one, a lower learning rate or "
                    "float32."
                )
        return losses

    def _name(self, key: str) -> str:
        return key if key in ("loss", "val_loss") else f"{self.prefix}{key}"


def _no_picture() -> np.ndarray:
    return np.zeros((0, 0, 3), np.float32)
