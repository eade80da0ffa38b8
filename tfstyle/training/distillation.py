"""Teaches a thin VGG the feature maps of a full one.

Style and content losses are distances that no rotation of the channels
changes: of Gram matrices, of means and covariances, of maps. So the thin
network learns, at each layer, the coordinates of the teacher's map along its
principal axes, as many as it has channels: they hold most of what the losses
measure, in the losses' own geometry. The coordinates are an affine function of
the thin map, its head, a convolution of 1x1 that the network keeps.

It starts from closed forms, not from noise (`initialization`), and is then
trained end to end. Nothing here needs TensorFlow: `KERAS_BACKEND=jax` serves.

Reference: Romero et al., "FitNets: Hints for Thin Deep Nets", 2015, who teach
one layer, through a regressor that is thrown away.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tfstyle import features, losses
from tfstyle.features import memory
from tfstyle.pretrained import topology
from tfstyle.runtime import host_memory
from tfstyle.runtime.progress import OnStep
from tfstyle.runtime.types import Path
from tfstyle.training import data, initialization, loop
from tfstyle.training.config import DistillConfig

STUDENT = "vgg_distilled"

# Layers that pictures are painted with by default; others count for less.
_SHARES = {
    "block1_conv1": 1.0,
    "block2_conv1": 1.0,
    "block3_conv1": 1.0,
    "block4_conv1": 1.0,
    "block4_conv2": 4.0,  # Content is compared here, position by position.
    "block5_conv1": 1.0,
}
_OTHER = 0.1
_HELD_OUT_BATCHES = 8
_SAMPLE = 24  # Bytes of a pixel: the crops, one by one and together.
_WARMUP = 100  # Steps until the learning rate is reached, at most.


def taught_layers(teacher: str) -> list[str]:
    """Convolutions that the thin network and its teacher have."""
    theirs = topology.layer_names(teacher)
    return [
        layer
        for layer in topology.layer_names(STUDENT)
        if layer in theirs and "_conv" in layer
    ]


def distill(
    config: DistillConfig,
    files: Sequence[pathlib.Path],
    held_out: Sequence[pathlib.Path],
    *,
    folder: Path | None = None,
    on_step: OnStep | None = None,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
    unreadable: set[pathlib.Path] | None = None,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Trains a thin network.

    Args:
        config: The teacher, and how to learn from it.
        files: Images to learn from.
        held_out: Images whose errors are reported after each epoch, by layer,
            as `val_<layer>`.
        folder: Of a checkpoint, from which the same call goes on.
        on_step: Receives the progress; true ends the run. See `progress`.
        on_epoch: Receives the weights after each epoch.
        unreadable: Receives the files that could not be read; training goes
            on with the others.

    Returns:
        Kernel and bias by layer, for `weights.save`.

    Raises:
        ValueError: Images, weights or settings are not what they should be.
        FloatingPointError: The loss was not finite.
        MemoryError: A batch would not fit in memory.
    """
    config = loop.on_device(config, folder)
    memory.check_training(config.teacher, config.crop, config.batch_size)
    host_memory.check(
        f"`samples`={config.samples} of `crop`={config.crop}",
        _SAMPLE * config.samples * config.crop**2,
    )
    layers = taught_layers(config.teacher)
    teacher = features.extractor(
        config.teacher,
        layers,
        weights=config.teacher_weights or "imagenet",
        dtype=config.teacher_dtype,
    )
    student = features.network(STUDENT, layers, dtype=config.precision)
    shape: dict[str, Any] = {
        "crop": config.crop,
        "seed": config.seed,
        "unreadable": set() if unreadable is None else unreadable,
    }
    # No checkpoint holds the axes that are found with these: files and seed
    # are in its key, so the same crops give them again.
    first = data.Crops(files, batch_size=config.samples, batches=1, **shape)
    if config.start:
        features.assign(student, STUDENT, config.start)
    model = distiller(
        student, teacher, first[0], config.gram_weight, bool(config.start)
    )
    rate = loop.rate(config.learning_rate, config.steps, _WARMUP)
    model.compile(loop.optimizer(rate, config.precision))
    model.build((None, config.crop, config.crop, 3))
    shape |= {
        "batch_size": config.batch_size,
        "native": config.native,
        "noise": config.noise,
    }
    report = [] if on_epoch is None else [lambda _: on_epoch(_arrays(student))]
    loop.fit(
        model,
        lambda epoch, start, batches: data.Crops(
            files,
            batches=batches,
            epoch=epoch,
            first=start,
            workers=2,
            **shape,
        ),
        config.steps,
        config.epoch,
        size=config.crop,
        held_out=data.Crops(held_out, batches=_HELD_OUT_BATCHES, **shape),
        folder=folder,
        key=dataclasses.asdict(config) | {"files": data.digest(files)},
        on_step=on_step,
        on_epoch=report,
        prefix="error/",
    )
    return _arrays(student)


def _arrays(
    student: keras.Model,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {
        layer: tuple(student.get_layer(layer).get_weights())
        for layer in topology.shapes(STUDENT)
    }


def distiller(
    student: keras.Model,
    teacher: keras.Model,
    images: np.ndarray,
    gram_weight: float = 0.0,
    heads_only: bool = False,
) -> "Distiller":
    """A pair ready to be trained: axes found, the student initialised.

    Args:
        student: From `features.network`; its weights are set.
        teacher: From `features.extractor`, with the same layers.
        images: Shape `(batch, height, width, 3)`, RGB in [0, 1].
        gram_weight: As of `Distiller`.
        heads_only: As of `initialization.initialize`.
    """
    samples = initialization.sample(teacher, images)
    axes = {}
    for layer, values in samples.values.items():
        count = student.get_layer(layer).filters
        axes[layer], _ = initialization.principal_axes(values, count)
    initialization.initialize(student, samples, axes, heads_only)
    shares = {layer: _SHARES.get(layer, _OTHER) for layer in axes}
    return Distiller(student, teacher, axes, shares, gram_weight)


class Distiller(keras.Model):
    """A thin network and the teacher that it learns from.

    Args:
        student: From `features.network`; the outputs are taught.
        teacher: From `features.extractor`, with the same layers.
        axes: From `principal_axes`, by layer.
        shares: Weight of each layer's error.
        gram_weight: Weight of the relative distance of Gram matrices beside
            that of maps.
    """

    def __init__(
        self,
        student: keras.Model,
        teacher: keras.Model,
        axes: Mapping[str, np.ndarray],
        shares: Mapping[str, float],
        gram_weight: float = 0.0,
    ) -> None:
        super().__init__(autocast=False)
        self.student, self.teacher = student, teacher
        self.axes = dict(axes)
        self.shares = dict(shares)
        self.gram_weight = gram_weight
        self.errors = {
            layer: keras.metrics.Mean(layer, dtype="float32")
            for layer in shares
        }

    def call(self, image: Any, training: bool = False) -> dict[str, Any]:
        """The student's maps by layer."""
        return self.student(image, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Mean over the batch of the errors of all layers."""
        maps = self.teacher(x, training=False)
        total = 0.0
        for layer, share in self.shares.items():
            target = ops.matmul(
                ops.cast(maps[layer], "float32"), self.axes[layer]
            )
            error = relative_error(y_pred[layer], target)
            self.errors[layer].update_state(error)
            if self.gram_weight:
                error += self.gram_weight * gram_error(y_pred[layer], target)
            total += share * ops.mean(error)
        return total


# Damping of the errors: the mean energy of maps over all images is 1, and
# crops of much less should not outweigh the others.
_DAMPING = 0.05


def relative_error(features: Any, target: Any) -> Any:
    """Squared error of each example over the target's energy, `(batch,)`."""
    error = losses.content_loss(features, target)
    return losses.relative(error, losses.energy(target), damping=_DAMPING)


def gram_error(features: Any, target: Any) -> Any:
    """Squared error of each Gram matrix over the target's, `(batch,)`."""
    gram = losses.gram_matrix(target)
    return losses.relative(
        losses.style_loss(features, gram),
        losses.energy(gram),
        # The energy of a Gram matrix whose channels, uncorrelated, have the
        # energy that dampens the errors of maps.
        damping=_DAMPING**2 / target.shape[-1],
    )
