r"""Trains a model of any style: AdaIN between an encoder and a decoder.

  python -m tfstyle.train --content_dir=photographs --style_dir=paintings \
      --workdir=model --loss_features=vgg_distilled

writes to the folder model/, after each epoch and after Ctrl-C:

  model.keras   the model, for --model=model/model.keras of tfstyle.transfer
  model.h5      the trained weights, as float16, for --start
  log.csv       the losses, and those of held-out images as val_...
  preview.png   fixed held-out pairs: photograph, style, result
  events...     the same for TensorBoard, if TensorFlow is the backend

The same command resumes from the step where a run ended. KERAS_BACKEND=jax
trains without TensorFlow. With several hosts, run the same command on each:
TF_CONFIG says which host it is and where the others are, and all must be able
to read --workdir. A batch is divided evenly: --batch_size must be a multiple of
the number of devices, of all hosts or of --device=gpus.
"""

import contextlib
import json
import os
import pathlib
from typing import TYPE_CHECKING, Any

from absl import flags

from tfstyle.cli import common_flags, program, settings_flags, training_flags
from tfstyle.training.config import AdaINConfig

if TYPE_CHECKING:
    import tensorflow as tf

    from tfstyle.training.adain import Results

Files = tuple[list[pathlib.Path], list[pathlib.Path]]
"""Photographs and style pictures."""

_CONTENT_DIR = flags.DEFINE_multi_string(
    "content_dir", None, "Folder of photographs; repeat it.", required=True
)
_STYLE_DIR = flags.DEFINE_multi_string(
    "style_dir", None, "Folder of style pictures; repeat it.", required=True
)
_PREVIEWS = flags.DEFINE_integer(
    "previews", 4, "Number of pairs on preview.png.", lower_bound=1
)
_DEVICE = common_flags.define_device(
    "auto, cpu, gpu, gpu:N, gpus (all), tpu, or workers (hosts of TF_CONFIG)"
)
settings_flags.define(
    AdaINConfig,
    leave_out=(
        "widths",
        "depths",
        "content_layer",
        "style_layers",
        "range_weight",
    ),
)
training_flags.define(held_out=50)


def main() -> int:
    """Checks flags and files, then trains."""
    settings = settings_flags.make(AdaINConfig)
    from tfstyle.images import folders
    from tfstyle.pretrained import presets, weights
    from tfstyle.runtime import checkpoint, devices

    with program.flag_errors():
        devices.check(_DEVICE.value)
    _check_hosts()
    if settings.start:
        settings.check_start(presets.load(settings.start)[0])
    parts = [
        folders.split_folders(roots, flags.FLAGS.held_out)
        for roots in (_CONTENT_DIR.value, _STYLE_DIR.value)
    ]
    roots = [*_CONTENT_DIR.value, *_STYLE_DIR.value]
    folders.check_outside(flags.FLAGS.workdir, roots)
    weights.resolve(settings.encoder, settings.encoder_weights)
    weights.resolve(settings.loss_features, settings.loss_weights_file)
    os.makedirs(flags.FLAGS.workdir, exist_ok=True)
    checkpoint.check_writable(flags.FLAGS.workdir)
    resumed = _steps_done(flags.FLAGS.workdir)
    train, held_out = zip(*parts, strict=True)
    for name, files, held in zip(
        ("photographs", "styles"), train, held_out, strict=True
    ):
        program.note(f"{len(files)} {name} to learn from, {len(held)} held out")
    if training_flags.backend() == "jax":
        # Number of XLA's threads: on two cores there are two, and parallel
        # eigendecompositions wait for each other forever.
        os.environ.setdefault("NPROC", "16")
        return _train(settings, train, held_out, resumed)
    device = _DEVICE.value
    if device == "auto" and os.environ.get("TF_CONFIG"):
        device = "workers"
    strategy = devices.start(device)
    return _train(settings, train, held_out, resumed, strategy)


def _check_hosts() -> None:
    """Raises `ValueError` if devices or hosts do not fit Keras' backend."""
    hosts = os.environ.get("TF_CONFIG")
    several = _DEVICE.value != "auto" or hosts
    if training_flags.backend() == "jax" and several:
        raise ValueError(
            "--device and TF_CONFIG are for Keras on TensorFlow; JAX uses its "
            "first device (JAX_PLATFORMS=cpu: the processor). Leave them out."
        )
    try:
        is_object = isinstance(json.loads(hosts or "{}"), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise ValueError(
            'TF_CONFIG must be JSON, such as {"cluster": {"worker": '
            '["host:port", ...]}, "task": {"type": "worker", "index": 0}}. '
            f"Received: TF_CONFIG={hosts}"
        )


def _train(
    settings: AdaINConfig,
    train: Files,
    held_out: Files,
    resumed: int,
    strategy: "tf.distribute.Strategy | None" = None,
) -> int:
    """Trains and writes the model; returns the exit status.

    Args:
        settings: Settings of the training.
        train: Photographs and style pictures to train on.
        held_out: Photographs and style pictures for validation.
        resumed: Step at which the run resumes; 0 for a new run.
        strategy: Strategy of TensorFlow; `None` on JAX.
    """
    from tfstyle.runtime import progress
    from tfstyle.training import adain

    unreadable: set[pathlib.Path] = set()
    with contextlib.ExitStack() as stack:
        interrupt = stack.enter_context(program.Interrupt())
        callbacks: list[Any] = [interrupt]
        results = None
        if strategy is None or _is_chief(strategy):
            writers, results = _outputs(held_out, resumed, unreadable)
            callbacks += [stack.enter_context(writer) for writer in writers]
        adain.train(
            settings,
            train,
            held_out,
            folder=flags.FLAGS.workdir,
            on_step=progress.all_of(*callbacks),
            on_epoch=results,
            strategy=strategy,
            unreadable=unreadable,
        )
    training_flags.note_unreadable(unreadable)
    print(
        f"{os.path.join(flags.FLAGS.workdir, 'model.keras')}"
        f"{': interrupted' if interrupt.status else ''}"
    )
    return interrupt.status


def _steps_done(workdir: str) -> int:
    """Steps of the checkpoint to resume from; 0 if there is none."""
    from tfstyle.runtime import checkpoint

    found = checkpoint.load(workdir)
    return found[1]["steps"] if found and "steps" in found[1] else 0


def _is_chief(strategy: "tf.distribute.Strategy") -> bool:
    from tfstyle.training import distributed

    return distributed.is_chief(strategy)


def _outputs(
    held_out: Files, resumed: int, unreadable: set[pathlib.Path]
) -> "tuple[list[Any], Results]":
    """Callbacks of each step, and the callback after each epoch."""
    from tfstyle.runtime import progress
    from tfstyle.training import adain, table
    from tfstyle.training.perceptual import PerceptualLoss

    workdir = flags.FLAGS.workdir
    terms = ["loss", *PerceptualLoss.terms]
    columns = [*terms, *(f"val_{term}" for term in terms)]
    path = os.path.join(workdir, "log.csv")
    writers: list[Any]
    writers = [progress.Bar(), table.Table(path, columns, resumed)]
    results = adain.Results(workdir, held_out, _PREVIEWS.value, unreadable)
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        from tfstyle.training import summaries

        board = summaries.Summaries(workdir)
        writers.append(board)
        results.on_preview = board.image
    return writers, results


if __name__ == "__main__":
    program.run(main)
