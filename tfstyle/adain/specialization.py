"""Fits a model of any style to one style, or to a few.

The decoder learns the Gram matrices of the whole style images from crops of
photographs; the encoder stays. In the first part the thin network compares,
fast, in the second one VGG, which sees long strokes. After each epoch, held-out
photographs say how much of them is left, and the weight of the style is changed
until it is about as much as with the model before.

Runs on any backend of Keras.
"""

import dataclasses
import hashlib
import json
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tfstyle import images
from tfstyle.adain.config import SpecializeConfig
from tfstyle.adain.network import StyleNetwork
from tfstyle.adain.style_fit import Batches, HeldOut, StyleFit
from tfstyle.adain.stylizers import SMALLEST
from tfstyle.features import convolution, memory
from tfstyle.fitting import data, dead_leaves, loop, resuming
from tfstyle.fitting.balance import Balance
from tfstyle.images.sizes import pyramid
from tfstyle.pretrained import presets
from tfstyle.runtime.progress import OnStep, Progress
from tfstyle.runtime.types import Path

Model = TypeVar("Model", bound=StyleNetwork)

THIN = "thin"
"""Folder, in that of the checkpoint, of the first part's checkpoint."""

_HELD_OUT_SIDE = 384  # Most pixels on a side of held-out photographs.
_THIN_NETWORK = "vgg_distilled"
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
    for name, given in (("styles", styles), ("contents", contents)):
        if not len(given):
            raise ValueError(f"`{name}` must name pictures. Received: none")
    config = loop.on_device(config, _first_folder(config, folder))
    parts = _parts(config, folder)
    memory.check_training(config.loss_features, config.crop, config.batch_size)
    seen = [_resized(style, config.style_size) for style in styles]
    fitted = copy(model, seen, config.precision)
    keys = [
        dataclasses.asdict(config)
        | {"model": _digest(model), "styles": _hash(fitted.settings["styles"])}
        | {"photographs": _names(contents), "part": i}
        for i in range(len(parts))
    ]
    for part, key in zip(parts, keys, strict=True):
        resuming.check(part.folder, key)
    # All before the first step: they balance by the model that was given.
    fits = [StyleFit(fitted, seen, part.config) for part in parts]
    balances = _balances(fits, parts, held_out)
    watch = _Watch(on_step, parts[-1])
    for part, key, fit, balance in zip(
        parts, keys, fits, balances, strict=True
    ):
        calls: list[Callable[[int], object]] = [balance]
        if on_epoch:
            calls.append(part.after_epoch(on_epoch, fitted))
        loop.fit(
            fit,
            _batches(contents, len(styles), config, unreadable),
            part.config.steps,
            part.config.epoch,
            size=config.crop,
            folder=part.folder,
            key=key,
            state=balance.state,
            on_step=watch.during(part),
            on_epoch=calls,
        )
        if watch.ended:
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
        before: Number of steps before it, of the first part.
    """

    config: SpecializeConfig
    folder: Path | None
    cost: float = 1.0
    before: int = 0

    def work(self, steps: float) -> float:
        """Returns the work of a run after steps of this part."""
        return self.before + self.cost * steps

    def after_epoch(
        self, on_epoch: Callable[[Model, int], None], fitted: Model
    ) -> Callable[[int], None]:
        """Returns a callback that counts the steps of the whole run."""
        return lambda done: on_epoch(fitted, self.before + done)


class _Watch:
    """Tells a callback the progress of the whole run.

    Attributes:
        ended: Whether the callback has ended the run.
    """

    def __init__(self, on_step: OnStep | None, last: _Part) -> None:
        self.ended = False
        self._on_step, self._began = on_step, time.monotonic()
        self._total = last.work(last.config.steps)

    def during(self, part: _Part) -> OnStep:
        """Returns the callback of a part."""

        def on_step(
            progress: Progress, picture: Callable[[], np.ndarray]
        ) -> bool:
            whole = dataclasses.replace(
                progress,
                done=part.work(progress.done),
                total=self._total,
                seconds=time.monotonic() - self._began,
            )
            if self._on_step and self._on_step(whole, picture):
                self.ended = True
            return self.ended

        return on_step


def _parts(config: SpecializeConfig, folder: Path | None) -> list[_Part]:
    """Returns the parts of a run."""
    if not config.thin_steps:
        return [_Part(config, folder)]
    alike = config.loss_features == _THIN_NETWORK
    first = dataclasses.replace(
        config,
        loss_features=_THIN_NETWORK,
        loss_weights_file=config.loss_weights_file if alike else None,
        steps=config.thin_steps,
        epoch=_EPOCHS * config.epoch,
    )
    second = dataclasses.replace(
        config, learning_rate=_RATE * config.learning_rate
    )
    cost = 1.0 if alike else _COST
    return [
        _Part(first, _first_folder(config, folder)),
        _Part(second, folder, cost, config.thin_steps),
    ]


def _first_folder(config: SpecializeConfig, folder: Path | None) -> Path | None:
    """Returns the folder of the first part's checkpoint."""
    if folder is None or not config.thin_steps:
        return folder
    return pathlib.Path(folder, THIN)


def _balances(
    fits: Sequence[StyleFit],
    parts: Sequence[_Part],
    held_out: Sequence[np.ndarray],
) -> list[Balance]:
    """Returns what weighs the style in each part."""
    photographs = [reduced(photo) for photo in held_out]
    return [
        Balance(
            fit.style_weight,
            HeldOut(fit, photographs),
            part.config.epoch,
            weigh=part.config.style_weight is None,
        )
        for fit, part in zip(fits, parts, strict=True)
    ]


def _batches(
    contents: Sequence[pathlib.Path | np.ndarray],
    styles: int,
    config: SpecializeConfig,
    unreadable: set[pathlib.Path] | None,
) -> Callable[[int, int, int], Batches]:
    """Returns the function that makes the data of an epoch, see `loop.fit`."""

    def make(epoch: int, first: int, batches: int) -> Batches:
        crops = data.Crops(
            contents,
            crop=config.crop,
            batch_size=config.batch_size,
            batches=batches,
            smallest=config.smallest,
            seed=config.seed,
            epoch=epoch,
            first=first,
            unreadable=unreadable,
        )
        return Batches(crops, styles)

    return make


def scenes(seed: int) -> tuple[Sequence[np.ndarray], list[np.ndarray]]:
    """Returns scenes to learn from without photographs, and held-out ones."""
    found = dead_leaves.Scenes(seed)
    return found[data.HELD_OUT :], list(found[: data.HELD_OUT])


def copy(model: Model, styles: Sequence[np.ndarray], precision: Any) -> Model:
    """Returns a copy of a model, with style images inside.

    Args:
        model: Model to copy.
        styles: Style images, RGB in [0, 1].
        precision: Precision or Keras policy of the copy.
    """
    packed = [presets.pack_style(style) for style in styles]
    settings = model.settings | {"styles": packed}
    with convolution.weights_follow():
        made = type(model)(**settings, dtype=precision)
    made.set_weights(model.get_weights())
    return made


def reduced(photograph: np.ndarray) -> np.ndarray:
    """Returns a photograph at the size at which it is held out.

    Its longer side has 384 pixels at most, its shorter one 16 at least.
    """
    height, width = photograph.shape[:2]
    longer = min(_HELD_OUT_SIDE, max(height, width))
    height, width = images.fit(height, width, longer)
    return images.resize(
        photograph, max(SMALLEST, height), max(SMALLEST, width)
    )


def _digest(model: StyleNetwork) -> str:
    """Returns a hash of a model's settings and weights."""
    weights = [array.tobytes() for array in model.get_weights()]
    return _hash(model.settings, b"".join(weights))


def _hash(values: Any, data: bytes = b"") -> str:
    text = json.dumps(values).encode()
    return hashlib.sha256(text + data).hexdigest()[:16]


def _names(contents: Sequence[pathlib.Path | np.ndarray]) -> str | int:
    """Returns what tells photographs from others: their names, or number."""
    if isinstance(contents, dead_leaves.Scenes):  # None needs to be made.
        return len(contents)
    files = [x for x in contents if isinstance(x, pathlib.Path)]
    return data.digest(files) if files else len(contents)


def _resized(image: np.ndarray, longer: int) -> np.ndarray:
    height, width = image.shape[:2]
    return images.resize(image, *pyramid(height, width, longer)[-1])
