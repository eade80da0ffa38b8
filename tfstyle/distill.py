r"""Trains a thin VGG to imitate the feature maps of a full one.

  python -m tfstyle.distill --teacher_weights=vgg19.h5 --images=photographs \
      --images=paintings --workdir=distilled --steps=8000

After each epoch it writes distilled/vgg_distilled.h5, for
--features=vgg_distilled --feature_weights=distilled/vgg_distilled.h5. Each
report is a line of JSON in distilled/log.jsonl: the training errors by layer,
and those of held-out images as val_<layer>. Ctrl-C ends the training; the same
command resumes it.

KERAS_BACKEND=jax trains without TensorFlow.
"""

import contextlib
import os
import pathlib
from collections.abc import Sequence

from absl import flags

from tfstyle.cli import program, settings_flags, training_flags
from tfstyle.training.config import DistillConfig

_IMAGES = flags.DEFINE_multi_string(
    "images", None, "Folder of images to learn from; repeat it.", required=True
)
settings_flags.define(DistillConfig)
training_flags.define(held_out=100)


def main() -> int:
    """Checks flags and files, then trains."""
    settings = settings_flags.make(DistillConfig)
    backend = training_flags.backend()
    from tfstyle.images import folders
    from tfstyle.pretrained import weights
    from tfstyle.runtime import checkpoint

    weights.resolve(settings.teacher, settings.teacher_weights)
    if settings.start:
        weights.load("vgg_distilled", None, settings.start)
    train, held_out = folders.split_folders(_IMAGES.value, flags.FLAGS.held_out)
    folders.check_outside(flags.FLAGS.workdir, _IMAGES.value)
    os.makedirs(flags.FLAGS.workdir, exist_ok=True)
    checkpoint.check_writable(flags.FLAGS.workdir)
    resumed = checkpoint.load(flags.FLAGS.workdir) is not None
    program.note(f"{len(train)} images to learn from, {len(held_out)} held out")
    if backend == "tensorflow":
        from tfstyle.runtime import devices

        devices.start()
    return _train(settings, train, held_out, resumed)


def _train(
    settings: DistillConfig,
    train: Sequence[pathlib.Path],
    held_out: Sequence[pathlib.Path],
    resumed: bool,
) -> int:
    """Trains and writes the network; returns the exit status."""
    from tfstyle.pretrained import hdf5
    from tfstyle.runtime import progress
    from tfstyle.training import distillation

    unreadable: set[pathlib.Path] = set()
    path = os.path.join(flags.FLAGS.workdir, "vgg_distilled.h5")
    log = os.path.join(flags.FLAGS.workdir, "log.jsonl")
    with contextlib.ExitStack() as stack:
        interrupt = stack.enter_context(program.Interrupt())
        bar = stack.enter_context(progress.Bar())
        trace = stack.enter_context(progress.Trace(log, resumed))
        arrays = distillation.distill(
            settings,
            train,
            held_out,
            folder=flags.FLAGS.workdir,
            on_step=progress.all_of(interrupt, bar, trace),
            on_epoch=lambda arrays: hdf5.save(path, arrays),
            unreadable=unreadable,
        )
        if not interrupt.status:
            hdf5.save(path, arrays)
    training_flags.note_unreadable(unreadable)
    print(f"{path}{': interrupted' if interrupt.status else ''}")
    if trace.error:
        raise trace.error
    return interrupt.status


if __name__ == "__main__":
    program.run(main)
