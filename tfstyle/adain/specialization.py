"""Fits a model of any style to one style, or to a few.

The decoder learns the Gram matrices of the whole style images from crops of
photographs; the encoder stays. In the first part the thin network compares,
fast, in the second one VGG, which sees long strokes. After each epoch, held-out
photographs say how much of them is left, and the weight of the style is changed
until it is as much as with the model before.

Runs on any backend of Keras.
"""

import dataclasses
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import keras
import numpy as np

from tfstyle import images
from tfstyle.adain.config import SpecializeConfig
from tfstyle.adain.network import StyleNetwork
from tfstyle.adain.style_fit import HeldOut, StyleFit
from tfstyle.features import memory
from tfstyle.fitting import data, dead_leaves, loop
from tfstyle.fitting.balance import Balance
from tfstyle.images.sizes import pyramid
from tfstyle.pretrained import presets
from tfstyle.runtime.progress import OnStep, Progress
from tfstyle.runtime.types import Path

Model = TypeVar("Model", bound=StyleNetwork)

THIN = "thin"
"""Folder, in that of the checkpoint, of the first part's checkpoint."""

_HELD_OUT_SIDE = 384  # Most pixels on a side of held-out photographs.
_EPOCHS = 4  # Epoch of the first part, relative to that of the second.
_RATE = 0.5  # Learning rate of the second part, relative to the first.
_COST = 5.0  # Time of a step of the second part, relative to the first.


def specialize(
    model: Model,
    styles: Sequence[np.ndarray],
    contents: Sequence[pathlib.Path | np.ndarray],
    held_out: Sequence[np.ndarray],
    config: SpecializeConfig,
    *,
    folder: Path | None = None,
    on_step: OnStep | None = None,
    on_epoch: Callable[[Model, int], None] | None = None,
    unreadable: set[pathlib.Path] | None = None,
) -> Model:
    """Returns a copy of a model that was fitted to style images.

    Args:
        model: Model of any style.
        styles: Style images, RGB in [0, 1]; the copy holds them.
        contents: Photographs to learn from: files, or arrays like the styles.
        held_out: Photographs by which the weight of the style is found, and
            which say when to stop.
        config: Settings.
        folder: Folder of the checkpoint; the same call continues from it.
        on_step: Callback that receives the progress; returning true ends the
            run. See `progress`.
        on_epoch: Callback that receives the model and the number of steps
            after each epoch.
        unreadable: Set to which unreadable files are added.

    Raises:
        ValueError: Images or weights are wrong, or no photograph is readable.
        FloatingPointError: The loss was not finite.
        MemoryError: A batch would not fit in memory.
    """
    parts = _parts(config, folder)
    memory.check_training(config.loss_features, config.crop, config.batch_size)
    seen = [_resized(style, config.style_size) for style in styles]
    fitted = copy(model, seen, parts[0].config.precision)
    kept = [
        _resized(photo, min(_HELD_OUT_SIDE, max(photo.shape)))
        for photo in held_out
    ]
    # All before the first step: they balance by the model that was given.
    fits = [StyleFit(fitted, seen, part.config) for part in parts]
    balances = [
        Balance(
            fit.style_weight,
            HeldOut(fit, kept),
            part.config.epoch,
            weigh=config.style_weight is None,
        )
        for fit, part in zip(fits, parts, strict=True)
    ]
    photographs = {
        "styles": fitted.settings["styles"],
        "photographs": _digest(contents),
    }
    began = time.monotonic()
    for part, fit, balance in zip(parts, fits, balances, strict=True):
        calls: list[Callable[[int], object]] = [balance]
        if on_epoch:
            calls.append(part.after_epoch(on_epoch, fitted))
        done = loop.fit(
            fit,
            lambda epoch, first, batches: Batches(
                data.Crops(
                    contents,
                    crop=config.crop,
                    batch_size=config.batch_size,
                    batches=batches,
                    smallest=config.smallest,
                    seed=config.seed,
                    epoch=epoch,
                    first=first,
                    unreadable=unreadable,
                ),
                len(styles),
            ),
            part.config.steps,
            part.config.epoch,
            size=config.crop,
            folder=part.folder,
            key=dataclasses.asdict(part.config) | photographs,
            state=balance.state,
            on_step=on_step and part.counted(on_step, parts[-1].end, began),
            on_epoch=calls,
        )
        if not done:
            break
        fits[-1].style_weight.assign(fit.style_weight)
    fitted.encoder.trainable = fitted.settings["train_encoder"]
    return fitted


class _Part(NamedTuple):
    """A part of a run, in which one network compares.

    Attributes:
        config: Its settings.
        folder: Folder of its checkpoint.
        cost: Time of a step, in those of the first part.
        steps: Number of steps before it.
        begin: Work before it, in steps of the first part.
    """

    config: SpecializeConfig
    folder: Path | None
    cost: float = 1.0
    steps: int = 0
    begin: float = 0.0

    @property
    def end(self) -> float:
        """Work when it is done."""
        return self.begin + self.cost * self.config.steps

    def counted(self, on_step: OnStep, total: float, began: float) -> OnStep:
        """Returns a callback that is told the progress of the whole run."""

        def counted(
            progress: Progress, picture: Callable[[], np.ndarray]
        ) -> bool | None:
            done = self.begin + self.cost * progress.done
            seconds = time.monotonic() - began
            whole = dataclasses.replace(
                progress, done=done, total=total, seconds=seconds
            )
            return on_step(whole, picture)

        return counted

    def after_epoch(
        self, on_epoch: Callable[[Model, int], None], fitted: Model
    ) -> Callable[[int], None]:
        """Returns a callback that counts the steps of the whole run."""
        return lambda done: on_epoch(fitted, self.steps + done)


def _parts(config: SpecializeConfig, folder: Path | None) -> list[_Part]:
    """Returns the parts of a run, with precisions resolved."""
    if not config.thin_steps:
        return [_Part(loop.on_device(config, folder), folder)]
    first = None if folder is None else pathlib.Path(folder, THIN)
    config = loop.on_device(config, first)
    thin = dataclasses.replace(
        config,
        loss_features="vgg_distilled",
        loss_weights_file=None,
        steps=config.thin_steps,
        epoch=_EPOCHS * config.epoch,
    )
    second = dataclasses.replace(
        config, learning_rate=_RATE * config.learning_rate
    )
    count = config.thin_steps
    return [_Part(thin, first), _Part(second, folder, _COST, count, count)]


def scenes(seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Returns scenes to learn from without photographs, and held-out ones."""
    return data.split(dead_leaves.scenes(seed))


def copy(model: Model, styles: Sequence[np.ndarray], precision: Any) -> Model:
    """Returns a copy of a model, with style images inside.

    Args:
        model: Model to copy.
        styles: Style images, RGB in [0, 1].
        precision: Precision or Keras policy of the copy.
    """
    packed = [presets.pack_style(style) for style in styles]
    made = type(model)(**model.settings | {"styles": packed}, dtype=precision)
    made.set_weights(model.get_weights())
    return made


class Batches(keras.utils.PyDataset):
    """Batches of crops of photographs, each with the number of a style.

    Args:
        contents: Crops of photographs.
        styles: Number of styles; they take turns.
        **kwargs: Arguments of `keras.utils.PyDataset`.
    """

    def __init__(
        self, contents: data.Crops, styles: int, **kwargs: int
    ) -> None:
        super().__init__(workers=2, **kwargs)
        self.contents, self.styles = contents, styles

    def __len__(self) -> int:
        return len(self.contents)

    def __getitem__(self, index: int) -> tuple[tuple[np.ndarray, np.ndarray]]:
        """Returns a batch `((contents, numbers),)` for `keras.Model.fit`."""
        crops = self.contents[index]
        first = (self.contents.first + index) * len(crops)
        numbers = np.arange(first, first + len(crops), dtype=np.int32)
        return ((crops, numbers % self.styles),)


def _digest(contents: Sequence[pathlib.Path | np.ndarray]) -> str | int:
    """Returns what tells photographs from others: their names, or number."""
    files = [x for x in contents if isinstance(x, pathlib.Path)]
    return data.digest(files) if files else len(contents)


def _resized(image: np.ndarray, longer: int) -> np.ndarray:
    height, width = image.shape[:2]
    return images.resize(image, *pyramid(height, width, longer)[-1])
