"""Trains a model of any style: the pairs, the losses, the steps.

Runs on any backend of Keras, such as `KERAS_BACKEND=jax`.
"""

import contextlib
import dataclasses
import functools
import itertools
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfstyle import features, images
from tfstyle.adain.model import StyleModel
from tfstyle.adain.stylizers import SMALLEST
from tfstyle.features import memory
from tfstyle.fitting import data, loop
from tfstyle.runtime.progress import OnStep
from tfstyle.runtime.types import Path
from tfstyle.training.config import AdaINConfig
from tfstyle.training.perceptual import PerceptualLoss

_WARMUP = 200  # Most steps until the learning rate reaches its peak.
_HELD_OUT_BATCHES = 8
_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def train(
    config: AdaINConfig,
    files: tuple[Sequence[pathlib.Path], Sequence[pathlib.Path]],
    held_out: tuple[Sequence[pathlib.Path], Sequence[pathlib.Path]],
    *,
    folder: Path | None = None,
    on_step: OnStep | None = None,
    on_epoch: Callable[[StyleModel, int], None] | None = None,
    strategy: Any = None,
    unreadable: set[pathlib.Path] | None = None,
) -> StyleModel:
    """Trains a model of any style.

    Args:
        config: Settings of the model and of its training.
        files: Photographs and style pictures to learn from.
        held_out: Photographs and style pictures whose losses are reported
            after each epoch, as `val_...`.
        folder: Folder of the checkpoint; the same call continues from it.
        on_step: Callback that receives the progress; returning true ends the
            run. See `progress`.
        on_epoch: Callback that receives the model and the number of steps
            after each epoch. It runs outside the scope of the strategy.
        strategy: Strategy from `devices.start`; one of several hosts is
            trained by the loop of `distributed`.
        unreadable: Set to which unreadable files are added; training
            continues with the others.

    Raises:
        ValueError: Images, weights or settings are wrong.
        FloatingPointError: The loss was not finite.
        MemoryError: A batch would not fit in memory.
    """
    config = loop.on_device(config, folder)
    replicas = strategy.num_replicas_in_sync if strategy else 1
    memory.check_training(
        config.loss_features, config.crop, -(-config.batch_size // replicas)
    )
    several = _are_several(strategy)
    _check_shared(config, strategy)
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = _compiled(config, several)
    fit = _loop(strategy) if several else loop.fit
    pairs = functools.partial(
        _pairs,
        config,
        unreadable=set() if unreadable is None else unreadable,
    )
    fit(
        model,
        lambda epoch, first, batches: pairs(
            files, batches, epoch=epoch, first=first
        ),
        config.steps,
        config.epoch,
        size=config.crop,
        held_out=pairs(held_out, _HELD_OUT_BATCHES),
        folder=folder,
        key=dataclasses.asdict(config)
        | {"files": [data.digest(part) for part in files]},
        on_step=on_step,
        on_epoch=[lambda done: on_epoch(model, done)] if on_epoch else [],
    )
    return model


def _are_several(strategy: Any) -> bool:
    """Returns whether there are several hosts."""
    if strategy is None:
        return False
    from tfstyle.training import distributed

    return distributed.are_several(strategy)


def _compiled(config: AdaINConfig, several: bool) -> StyleModel:
    """Returns the model with its losses, its optimizer and their state."""
    model = untrained(config)
    loss_network = features.extractor(
        config.loss_features,
        [config.content_layer, *config.style_layers],
        weights=config.loss_weights_file or "imagenet",
        border="mirror",
        # Hosts cannot send each other weights in bfloat16.
        dtype=_POLICIES[config.loss_dtype] if several else config.loss_dtype,
    )
    model.compile(
        loop.optimizer(
            loop.rate(config.learning_rate, config.steps, _WARMUP),
            config.precision,
        ),
        objective=PerceptualLoss(loss_network, config),
    )
    model.optimizer.build(model.trainable_variables)
    return model


def _loop(strategy: Any) -> Callable[..., bool]:
    from tfstyle.training import distributed

    return functools.partial(distributed.fit, strategy)


def _check_shared(config: AdaINConfig, strategy: Any) -> None:
    """Raises `ValueError` unless batches divide evenly among the devices."""
    replicas = strategy.num_replicas_in_sync if strategy else 1
    if config.batch_size % replicas:
        raise ValueError(
            f"`batch_size` must be a multiple of {replicas}, the number of "
            f"devices of all hosts. Received: batch_size={config.batch_size}"
        )


def untrained(config: AdaINConfig) -> StyleModel:
    """Returns the model that a training starts with.

    It is the one named by `config.start`, or a new one: the encoder with its
    weights, the decoder with random ones.

    Raises:
        ValueError: The settings do not fit the model named by `config.start`.
    """
    config = loop.on_device(config, None)
    if config.start:
        model = StyleModel.from_preset(
            config.start, config.encoder_weights, config.precision
        )
        config.check_start(model.settings)
        return _with_modulation(model, config.modulation)
    model = StyleModel(
        config.encoder, **config.architecture(), dtype=config.precision
    )
    features.assign(model.encoder, config.encoder, config.encoder_weights)
    return model


def _with_modulation(model: StyleModel, units: int | None) -> StyleModel:
    """Adds modulation by `units` units; the model paints as before."""
    if units in (None, model.settings["modulation"]):
        return model
    settings = model.settings | {"modulation": units}
    larger = StyleModel(**settings, dtype=model.dtype_policy)
    larger.encoder.set_weights(model.encoder.get_weights())
    for layer in model.decoder.layers:
        if layer.weights:
            twin = larger.decoder.get_layer(layer.name)
            twin.set_weights(layer.get_weights())
    return larger


class Results:
    """Callback for `on_epoch` that writes the model and a preview.

    `model.keras` is the whole model, `model.h5` its trained part, and
    `preview.png` shows fixed pairs: photograph, style, result.

    Args:
        folder: Existing folder to write to.
        files: Held-out photographs and style pictures to show.
        count: Number of pairs on the preview: the first readable files.
        unreadable: Set to which unreadable files are added.
        on_preview: Callback that also receives the preview and the number of
            steps.

    Raises:
        ValueError: No photograph or no style picture can be read.
    """

    def __init__(
        self,
        folder: Path,
        files: tuple[Sequence[pathlib.Path], Sequence[pathlib.Path]],
        count: int,
        unreadable: set[pathlib.Path],
        on_preview: Callable[[np.ndarray, int], None] | None = None,
    ) -> None:
        self.folder = pathlib.Path(folder)
        self.on_preview = on_preview
        contents, styles = (
            itertools.islice(
                data.readable(part, unreadable, range(len(part))), count
            )
            for part in files
        )
        self.pairs = [
            (_shown(content), _shown(style))
            for content, style in zip(contents, styles, strict=False)
        ]

    def __call__(self, model: StyleModel, steps: int) -> None:
        """Writes the files for the model after `steps` steps."""
        model.save_preset(self.folder / "model.h5")
        model.save_whole(self.folder / "model.keras")
        plain = model.plain()
        rows = [[c, s, plain.stylize(c, s)] for c, s in self.pairs]
        sheet = images.contact_sheet(rows, _SHOWN)
        images.save(self.folder / "preview.png", sheet)
        if self.on_preview:
            self.on_preview(sheet, steps)


_SHOWN = 256  # Height of the images on a preview.
_WIDEST = 4  # Most width of one, relative to that; wider ones are cut off.


def _shown(image: np.ndarray) -> np.ndarray:
    image = image[:, : _WIDEST * image.shape[0]]
    width = round(image.shape[1] * _SHOWN / image.shape[0])
    return images.resize(image, _SHOWN, max(SMALLEST, width))


def _pairs(
    config: AdaINConfig,
    files: Sequence[Sequence[pathlib.Path]],
    batches: int,
    **place: Any,
) -> data.Pairs:
    contents, styles = (
        data.Crops(
            paths,
            crop=config.crop,
            batch_size=config.batch_size,
            batches=batches,
            smallest=config.smallest,
            seed=2 * config.seed + i,
            **place,
        )
        for i, paths in enumerate(files)
    )
    return data.Pairs(contents, styles, workers=2)
