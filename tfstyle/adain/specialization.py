"""Fits a model of any style to one style, or to a few.

The decoder learns the Gram matrices of the whole style images from crops of
photographs; the encoder stays. After each epoch, held-out photographs say how
much of them is left, and the weight of the style is changed until it is as
much as with the model before.

Runs on any backend of Keras.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import keras
import numpy as np
from keras import ops

from tfstyle import images
from tfstyle.adain.config import SpecializeConfig
from tfstyle.adain.network import StyleNetwork
from tfstyle.adain.style_fit import CONTENT_LAYER, StyleFit, content_distance
from tfstyle.features import memory
from tfstyle.fitting import data, dead_leaves, loop
from tfstyle.images.sizes import pyramid
from tfstyle.pretrained import presets
from tfstyle.runtime.progress import OnStep
from tfstyle.runtime.types import Path

Model = TypeVar("Model", bound=StyleNetwork)

HELD_OUT = 6
"""Photographs by which the weight of the style is found."""
PATIENCE = 4
"""Epochs without improvement after which a run ends."""

_GAIN = 0.01  # Least relative improvement.
_SCENES, _SCENE_SIDE = 206, 320  # Number and side in pixels.
_HELD_OUT_SIDE = 384  # Most pixels on a side of held-out photographs.
_BALANCE = 1.5  # Exponent by which the style's weight follows the content.


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
    config = loop.on_device(config, folder)
    memory.check_training(config.loss_features, config.crop, config.batch_size)
    seen = [_resized(style, config.style_size) for style in styles]
    fitted = copy(model, seen, config.precision)
    fit = StyleFit(fitted, seen, config)
    balance = Balance(fit, held_out, config)
    calls: list[Callable[[int], object]] = [balance]
    if on_epoch:
        calls.append(lambda done: on_epoch(fitted, done))
    loop.fit(
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
        config.steps,
        config.epoch,
        size=config.crop,
        folder=folder,
        key=dataclasses.asdict(config)
        | {
            "styles": fitted.settings["styles"],
            "photographs": _digest(contents),
        },
        state=balance.state,
        on_step=on_step,
        on_epoch=calls,
    )
    fitted.encoder.trainable = fitted.settings["train_encoder"]
    return fitted


def scenes(seed: int) -> list[np.ndarray]:
    """Returns scenes to learn from where there are no photographs."""
    return [
        dead_leaves.scene(_SCENE_SIDE, np.random.default_rng([seed, i]))
        for i in range(_SCENES)
    ]


def split(
    photographs: Sequence[np.ndarray],
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Returns photographs to learn from, and held-out ones.

    At most `HELD_OUT` are held out; fewer than four times as many serve both.
    """
    if len(photographs) < 4 * HELD_OUT:
        return list(photographs), list(photographs)[:HELD_OUT]
    return list(photographs[HELD_OUT:]), list(photographs[:HELD_OUT])


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


class Balance:
    """Callback after each epoch: weighs the style, and ends the run.

    Args:
        fit: The model in training.
        photographs: Held-out photographs.
        config: Settings; with a `style_weight`, it stays.

    Attributes:
        before: Mean content and style distance of the photographs' pictures
            before the training.
        state: Variables that belong to a checkpoint.
    """

    def __init__(
        self,
        fit: StyleFit,
        photographs: Sequence[np.ndarray],
        config: SpecializeConfig,
    ) -> None:
        self._fit, self._epoch = fit, config.epoch
        self._weigh = config.style_weight is None
        self._photographs = [
            _resized(photo, min(_HELD_OUT_SIDE, max(photo.shape)))[None]
            for photo in photographs
        ]
        self._maps = [
            fit.network(photo)[CONTENT_LAYER] for photo in self._photographs
        ]
        self._best = keras.Variable(np.float32(np.inf), trainable=False)
        self._waited = keras.Variable(np.int32(0), trainable=False)
        self.state = {
            "style_weight": fit.style_weight,
            "best": self._best,
            "waited": self._waited,
        }
        self.before = self.measure()

    def __call__(self, done: int) -> bool:
        """Returns whether the last epochs have brought no improvement."""
        if done % self._epoch:  # Interrupted: a continued run measures later.
            return False
        return self.follow(*self.measure())

    def measure(self) -> tuple[float, float]:
        """Returns mean content and style distance of the pictures."""
        found = []
        for i, photo in enumerate(self._photographs):
            number = np.array([i % len(self._fit.embeddings)], np.int32)
            picture = ops.clip(self._fit((photo, number)), 0.0, 1.0)
            maps = self._fit.network(picture)
            content = content_distance(maps, self._maps[i])
            style = self._fit.style_distance(maps, number)
            found.append([float(content[0]), float(style[0])])
        content, style = np.mean(found, axis=0).tolist()
        return content, style

    def follow(self, content: float, style: float) -> bool:
        """Changes the style's weight by distances from `measure`.

        Returns:
            Whether `PATIENCE` epochs have brought no improvement: less style
            distance at the same content distance.
        """
        grown = content / self.before[0]
        if self._weigh:
            weight = self._fit.style_weight
            weight.assign(weight * grown**-_BALANCE)
        score = style * grown
        if score < (1 - _GAIN) * float(self._best):
            self._best.assign(score)
            self._waited.assign(0)
        else:
            self._waited.assign_add(1)
        return int(self._waited) >= PATIENCE


def _digest(contents: Sequence[pathlib.Path | np.ndarray]) -> str | int:
    """Returns what tells photographs from others: their names, or number."""
    files = [x for x in contents if isinstance(x, pathlib.Path)]
    return data.digest(files) if files else len(contents)


def _resized(image: np.ndarray, longer: int) -> np.ndarray:
    height, width = image.shape[:2]
    return images.resize(image, *pyramid(height, width, longer)[-1])
