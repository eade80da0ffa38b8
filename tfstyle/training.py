"""Around `keras.Model.fit`: progress, checkpoints, interruption.

The same code runs on all backends of Keras.
"""

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tfstyle import checkpoint, data, memory
from tfstyle.progress import OnStep, Progress

_FETCH = 10  # Steps between reports of the losses, which wait for the device.


def fit(
    model: keras.Model,
    make_data: Callable[[int], data.Crops],
    epochs: int,
    *,
    held_out: keras.utils.PyDataset | None = None,
    folder: str | os.PathLike[str] | None = None,
    key: Mapping[str, Any] | None = None,
    on_step: OnStep | None = None,
    on_epoch: Sequence[Callable[[int], None]] = (),
) -> bool:
    """Trains a compiled model, and goes on with what a checkpoint holds.

    Args:
        model: Compiled and built.
        make_data: Gives the data from an epoch on.
        epochs: How many, with those of earlier runs.
        held_out: Its losses are reported after each epoch, as `val_...`.
        folder: Of the checkpoint, written after each epoch.
        key: Settings that must be the same when a run is continued.
        on_step: Receives the progress; true ends the run, see `progress`.
        on_epoch: Called with the number of finished epochs.

    Returns:
        Whether all epochs were done.

    Raises:
        ValueError: The checkpoint belongs to other settings.
        FloatingPointError: The loss was not finite.
    """
    kept = _Checkpoint(folder, dict(key or {}))
    first = kept.restore(model)
    crops = make_data(first)
    report = _Report(on_step, crops, epochs, first)
    if first < epochs:
        model.fit(
            crops,
            epochs=epochs,
            initial_epoch=first,
            validation_data=held_out,
            # Checkpoints last, so that what they hold was reported.
            callbacks=[report, _Epochs(on_epoch), kept],
            shuffle=False,
            verbose=0,
        )
    return not report.ended


class _Epochs(keras.callbacks.Callback):
    def __init__(self, calls: Sequence[Callable[[int], None]]) -> None:
        super().__init__()
        self.calls = calls

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        for call in self.calls:
            call(epoch + 1)


class _Checkpoint(keras.callbacks.Callback):
    """Writes what a training needs to go on, after each epoch."""

    def __init__(
        self, folder: str | os.PathLike[str] | None, key: dict[str, Any]
    ) -> None:
        super().__init__()
        self.folder, self.key = folder, key

    def restore(self, model: keras.Model) -> int:
        """Puts back what the folder holds; the epochs that are done."""
        model.optimizer.build(model.trainable_variables)
        found = checkpoint.load(self.folder) if self.folder else None
        if found is None:
            return 0
        arrays, meta = found
        if meta["key"] != self.key:
            raise ValueError(
                f"The checkpoint in '{self.folder}' belongs to other "
                f"settings: {meta['key']}, not {self.key}. Give those, "
                "another folder, or delete it."
            )
        for name, variable in _variables(model).items():
            variable.assign(arrays[name])
        return meta["epochs"]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        # A run that was ended in the middle of an epoch repeats it.
        if self.folder is None or self.model.stop_training:
            return
        arrays = {
            name: keras.ops.convert_to_numpy(variable)
            for name, variable in _variables(self.model).items()
        }
        meta = {"key": self.key, "epochs": epoch + 1}
        checkpoint.save(self.folder, arrays, meta)


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    trained = dict(enumerate(model.trainable_variables))
    moments = dict(enumerate(model.optimizer.variables))
    return {f"model/{i}": variable for i, variable in trained.items()} | {
        f"optimizer/{i}": variable for i, variable in moments.items()
    }


class _Report(keras.callbacks.Callback):
    """Makes `Progress` values of what `fit` says."""

    def __init__(
        self,
        on_step: OnStep | None,
        crops: data.Crops,
        epochs: int,
        first: int,
    ) -> None:
        super().__init__()
        self.on_step, self.crop = on_step, crops.crop
        self.steps, self.total = len(crops), epochs * len(crops)
        self.done = first * self.steps
        self.started = time.monotonic()
        self.ended = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.done += 1
        if (batch + 1) % _FETCH == 0 and batch + 1 < self.steps:
            self._tell(logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._tell(logs)

    def _tell(self, logs: Mapping[str, Any]) -> None:
        losses = {_name(key): float(value) for key, value in logs.items()}
        if not math.isfinite(losses["loss"]):
            raise FloatingPointError(
                f"The loss was not finite at step {self.done}. Lower the "
                "learning rate, or take float32."
            )
        progress = Progress(
            size=self.crop,
            height=self.crop,
            width=self.crop,
            step=self.done,
            steps=self.total,
            done=self.done,
            total=self.total,
            losses=losses,
            seconds=time.monotonic() - self.started,
            memory=memory.peak(),
        )
        if self.on_step and self.on_step(progress, _no_picture):
            self.model.stop_training = True
            self.ended = True


def _name(key: str) -> str:
    """Parts of the loss have a slash in their names, see `Progress`."""
    return key if key in ("loss", "val_loss") else f"error/{key}"


def _no_picture() -> np.ndarray:
    return np.zeros((0, 0, 3), np.float32)
