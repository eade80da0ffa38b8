"""Reports of a training's progress.

Runs on any backend of Keras.
"""

import math
import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tfstyle.runtime.memory import peak
from tfstyle.runtime.progress import OnStep, Progress

FETCH = 10
"""Steps between reports of the losses, which wait for the device."""


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
