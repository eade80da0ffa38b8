"""Trains a model of any style: the pairs, the losses, the steps.

Nothing here needs TensorFlow: `KERAS_BACKEND=jax` serves.
"""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import keras

from tfstyle import adain, data, features, training
from tfstyle.config import AdaINConfig
from tfstyle.perceptual import PerceptualLoss
from tfstyle.progress import OnStep

# Steps until the learning rate is reached, at most.
_WARMUP = 200
_HELD_OUT_BATCHES = 8


def train(
    config: AdaINConfig,
    files: tuple[Sequence[pathlib.Path], Sequence[pathlib.Path]],
    held_out: tuple[Sequence[pathlib.Path], Sequence[pathlib.Path]],
    *,
    folder: str | os.PathLike[str] | None = None,
    on_step: OnStep | None = None,
    on_epoch: Callable[[adain.StyleModel, int], None] | None = None,
) -> adain.StyleModel:
    """Trains a model.

    Args:
        config: The model, and how it learns.
        files: Photographs and style pictures to learn from.
        held_out: Such whose losses are reported after each epoch, as
            `val_...`.
        folder: Of a checkpoint, from which the same call goes on.
        on_step: Receives the progress; true ends the run. See `progress`.
        on_epoch: Receives the model and the number of steps after each epoch.

    Raises:
        ValueError: Images, weights or settings are not what they should be.
        FloatingPointError: The loss was not finite.
    """
    model = untrained(config)
    judge = features.extractor(
        config.loss_features,
        [config.content_layer, *config.style_layers],
        weights=config.loss_weights_file or "imagenet",
        border="mirror",
        dtype=config.loss_dtype,
    )
    model.compile(
        keras.optimizers.Adam(_rate(config)),
        objective=PerceptualLoss(judge, config),
    )
    training.fit(
        model,
        lambda epoch, first, batches: _pairs(
            config, files, batches, epoch=epoch, first=first
        ),
        config.steps,
        config.epoch,
        size=config.crop,
        held_out=_pairs(config, held_out, _HELD_OUT_BATCHES),
        folder=folder,
        key=dataclasses.asdict(config),
        on_step=on_step,
        on_epoch=[lambda done: on_epoch(model, done)] if on_epoch else [],
    )
    return model


def untrained(config: AdaINConfig) -> adain.StyleModel:
    """The model with which a training begins.

    That of `config.start`, or one with the encoder's weights and a decoder's
    from chance.
    """
    if config.start:
        return adain.StyleModel.from_preset(
            config.start, config.encoder_weights, config.precision
        )
    standard = adain.ARCHITECTURES[config.encoder]
    given = {
        name: getattr(config, name)
        for name in standard
        if getattr(config, name) is not None
    }
    model = adain.StyleModel(
        config.encoder,
        **(standard | given),
        dtype=config.precision,
    )
    features.assign(model.encoder, config.encoder, config.encoder_weights)
    return model


def _pairs(config, files, batches, **place):
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
    return data.Pairs(contents, styles, config.identity, workers=2)


def _rate(config: AdaINConfig) -> Any:
    warmup = min(_WARMUP, config.steps // 5)
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        config.steps - warmup,
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
    )
