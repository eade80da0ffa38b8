"""The training loop: `keras.Model.fit` with progress and checkpoints.

Runs on any backend of Keras.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tfstyle.fitting import resuming
from tfstyle.fitting.reporting import Report
from tfstyle.runtime import devices
from tfstyle.runtime.progress import OnStep
from tfstyle.runtime.types import Path


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
        float(steps - warmup),  # Integers of any size are no tensors.
        warmup_target=highest,
        warmup_steps=warmup,
    )


class _Adam(keras.optimizers.Adam):
    """Adam whose graphs are freed with their model.

    Keras sums gradients over all devices, also over one, by a custom gradient,
    and TensorFlow keeps the graphs of those forever.
    """

    # The name is Keras' own: if it changes, a test finds graphs that are kept.
    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        import tensorflow as tf

        if tf.distribute.get_strategy().num_replicas_in_sync == 1:
            return grads_and_vars
        return super()._all_reduce_sum_gradients(grads_and_vars)


def optimizer(
    rate: float | keras.optimizers.schedules.LearningRateSchedule, policy: str
) -> keras.optimizers.Optimizer:
    """Returns Adam, with loss scaling under `"mixed_float16"`.

    Most gradients are smaller than the least number of float16.
    """
    adam = _Adam(rate, name="adam")
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
    kept = resuming.settings(folder)
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
            `reporting.FETCH` steps and at the end of an epoch: means over the
            epoch so far, or since the run was resumed.
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
    done = resuming.restore(model, folder, dict(key or {}), state)
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
            resuming.save(model, folder, meta, state)
    return done >= steps


def _evaluate(
    model: keras.Model, held_out: keras.utils.PyDataset, report: "Report"
) -> dict[str, float]:
    logs = model.evaluate(
        held_out, callbacks=[report], verbose=0, return_dict=True
    )
    return {f"val_{name}": value for name, value in logs.items()}
