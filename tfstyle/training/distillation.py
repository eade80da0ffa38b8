"""Teaches a thin VGG the feature maps of a full one.

Rotating the channels of feature maps changes no content or style loss: neither
distances of maps nor those of Gram matrices or of means and covariances. So at
each layer the thin network learns the coordinates of the teacher's maps along
their principal axes, as many as it has channels: they hold most of what the
losses measure. A 1x1 convolution, the layer's head, computes the coordinates
from the thin map; the network keeps it.

The initial weights are fitted in closed form (`initialization`), then trained
end to end. Runs on any backend of Keras, such as `KERAS_BACKEND=jax`.

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
from tfstyle.features import convolution, memory
from tfstyle.fitting import data, loop, resuming
from tfstyle.pretrained import topology
from tfstyle.runtime import host_memory
from tfstyle.runtime.progress import OnStep
from tfstyle.runtime.types import Path, Tensor
from tfstyle.training import initialization
from tfstyle.training.config import DistillConfig

STUDENT = "vgg_distilled"

# Layers whose losses are used by default; others count for less.
_LAYER_WEIGHTS = {
    "block1_conv1": 1.0,
    "block2_conv1": 1.0,
    "block3_conv1": 1.0,
    "block4_conv1": 1.0,
    "block4_conv2": 4.0,  # Content is compared here, position by position.
    "block5_conv1": 1.0,
}
_OTHER_WEIGHT = 0.1
_HELD_OUT_BATCHES = 8
_SAMPLE = 24  # Bytes of a pixel: the crops, one by one and together.
_WARMUP = 100  # Most steps until the learning rate reaches its peak.


def taught_layers(teacher: str) -> list[str]:
    """Returns the convolutions that the thin network shares with a teacher."""
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
    """Trains a thin feature network.

    Args:
        config: Settings of the teacher and of the training.
        files: Images to learn from.
        held_out: Images whose errors are reported after each epoch, by layer,
            as `val_<layer>`.
        folder: Folder of the checkpoint; the same call continues from it.
        on_step: Callback that receives the progress; returning true ends the
            run. See `progress`.
        on_epoch: Callback that receives the weights after each epoch.
        unreadable: Set to which unreadable files are added; training
            continues with the others.

    Returns:
        Kernel and bias by layer, for `hdf5.save`.

    Raises:
        ValueError: Images, weights or settings are wrong.
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
    with convolution.weights_follow():
        student = features.network(STUDENT, layers, dtype=config.precision)
    shape: dict[str, Any] = {
        "crop": config.crop,
        "seed": config.seed,
        "unreadable": set() if unreadable is None else unreadable,
    }
    # Checkpoints do not hold the principal axes: the key fixes files and seed,
    # so a resumed run finds the same axes from the same crops.
    first = data.Crops(files, batch_size=config.samples, batches=1, **shape)
    if config.start:
        features.assign(student, STUDENT, config.start)
    model = distiller(
        student,
        teacher,
        first[0],
        config.gram_weight,
        heads_only=bool(config.start),
        resumed=bool(resuming.settings(folder)),
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
    resumed: bool = False,
) -> "Distiller":
    """Finds the principal axes and initializes the student.

    Args:
        student: Thin network from `features.network`; its weights are set.
        teacher: Network from `features.extractor`, with the same layers.
        images: Images of shape `(batch, height, width, 3)`, RGB in [0, 1].
        gram_weight: See `Distiller`.
        heads_only: See `initialization.initialize`.
        resumed: Whether a checkpoint sets the weights, later.

    Returns:
        A student and its teacher, ready to be trained.
    """
    samples = initialization.sample(teacher, images)
    axes = {}
    for layer, values in samples.values.items():
        count = student.get_layer(layer).filters
        axes[layer], _ = initialization.principal_axes(values, count)
    if not resumed:
        initialization.initialize(student, samples, axes, heads_only)
    weights = {
        layer: _LAYER_WEIGHTS.get(layer, _OTHER_WEIGHT) for layer in axes
    }
    return Distiller(student, teacher, axes, weights, gram_weight)


class Distiller(keras.Model):
    """A thin network together with the teacher that it learns from.

    Args:
        student: Network from `features.network`, whose outputs are taught.
        teacher: Network from `features.extractor`, with the same layers.
        axes: Result of `initialization.principal_axes`, by layer.
        layer_weights: Weight of the error, by layer.
        gram_weight: Weight of the relative error of Gram matrices; that of
            maps has weight 1.
    """

    def __init__(
        self,
        student: keras.Model,
        teacher: keras.Model,
        axes: Mapping[str, np.ndarray],
        layer_weights: Mapping[str, float],
        gram_weight: float = 0.0,
    ) -> None:
        super().__init__(autocast=False)
        self.student, self.teacher = student, teacher
        self.axes = dict(axes)
        self.layer_weights = dict(layer_weights)
        self.gram_weight = gram_weight
        self.errors = {
            layer: keras.metrics.Mean(layer, dtype="float32")
            for layer in layer_weights
        }

    def call(self, image: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Returns the student's maps by layer."""
        return self.student(image, training=training)

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Any = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Returns the weighted sum of the layers' errors, a batch mean."""
        maps = self.teacher(x, training=False)
        total = 0.0
        for layer, weight in self.layer_weights.items():
            target = ops.matmul(
                ops.cast(maps[layer], "float32"), self.axes[layer]
            )
            error = relative_error(y_pred[layer], target)
            self.errors[layer].update_state(error)
            if self.gram_weight:
                error += self.gram_weight * gram_error(y_pred[layer], target)
            total += weight * ops.mean(error)
        return total


# Damping of the errors: maps have a mean energy of 1 over all images, and
# crops with much less must not outweigh the others.
_DAMPING = 0.05


def relative_error(maps: Tensor, target: Tensor) -> Tensor:
    """Returns the squared error over the target's energy, `(batch,)`."""
    error = losses.content_loss(maps, target)
    return losses.relative(error, losses.energy(target), damping=_DAMPING)


def gram_error(maps: Tensor, target: Tensor) -> Tensor:
    """Returns the relative squared error of Gram matrices, `(batch,)`."""
    gram = losses.gram_matrix(target)
    return losses.relative(
        losses.style_loss(maps, gram),
        losses.energy(gram),
        # The energy of a Gram matrix of uncorrelated channels whose energy is
        # the damping of the errors of maps.
        damping=_DAMPING**2 / target.shape[-1],
    )
