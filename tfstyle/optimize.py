r"""Paints a photograph in the style of one or more pictures.

The pixels are optimised until the feature maps of a VGG network match the
photograph, and their statistics the pictures. Example, with what it says on
two CPU cores:

  python -m tfstyle.optimize --content=examples/cat.jpg --features=vgg19 \
      --style=examples/impasto.jpg --output=cat.png --size=320 --steps=80
  cat.png: 320x213 after 40 s (vgg19, bfloat16)

Two pictures, the second one finer and with less weight:

  python -m tfstyle.optimize --content=cat.jpg --style=impasto.jpg \
      --style=woodcut.jpg --style_mix=0.7,0.3 --style_scale=1 \
      --style_scale=0.5 --output=cat_both.png

The picture holds its own recipe: --replay=cat_both.png --output=again.png
paints it again. Ctrl-C writes the best picture so far; with --checkpoint=DIR
the same command goes on from there.

Transparency of the photograph is put back; JPEG, which holds none, gets the
picture on white.
"""

import contextlib
import dataclasses
import os
import time

from absl import app, flags

from tfstyle import cli, config

_BEGAN = time.monotonic()
_D = config.GatysConfig()

_CONTENT = flags.DEFINE_string("content", None, "Photograph to paint.")
_STYLE = flags.DEFINE_multi_string(
    "style", None, "Picture to take the style of; repeat it to blend several."
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "File to write: .png, .jpg, .webp or .tiff.", required=True
)
_REPLAY = flags.DEFINE_string(
    "replay",
    None,
    "Picture painted by this program, to be painted again: its files are "
    "found beside it or in the current folder. Other flags change its recipe.",
)

# Named as the fields of GatysConfig, which checks them.
cli.DEFINE_numbers(
    "style_mix", _D.style_mix, "Share of each --style, as in 0.7,0.3."
)
flags.DEFINE_multi_float(
    "style_scale",
    list(_D.style_scale),
    "Longer side of the style relative to the result; one for each --style, "
    "or one for all.",
)
flags.DEFINE_integer("size", _D.size, "Longer side of the result, in pixels.")
flags.DEFINE_integer("steps", _D.steps, "Steps at each size, coarse to fine.")
flags.DEFINE_enum("features", _D.features, config.FEATURES, "Network.")
_FEATURE_WEIGHTS = flags.DEFINE_string(
    "feature_weights", None, "File of the network's weights (.h5)."
)
flags.DEFINE_bool(
    "draft", _D.draft, "All sizes but the last by the thin network."
)
flags.DEFINE_enum("pooling", _D.pooling, config.POOLINGS, "Of the network.")
cli.DEFINE_weights("content_layers", _D.content_layers, "Shares of layers.")
cli.DEFINE_weights("style_layers", _D.style_layers, "Shares of layers.")
flags.DEFINE_float("content_weight", _D.content_weight, "Of the photograph.")
flags.DEFINE_float("style_weight", _D.style_weight, "Of the style.")
flags.DEFINE_float("tv_weight", _D.tv_weight, "Of smoothness.")
flags.DEFINE_float(
    "structure_weight", _D.structure_weight, "Of the photograph's edges."
)
flags.DEFINE_float(
    "histogram_weight", _D.histogram_weight, "Of the style's palette."
)
flags.DEFINE_enum(
    "style_loss", _D.style_loss, config.STYLE_LOSSES, "What style is."
)
flags.DEFINE_enum("optimizer", _D.optimizer, config.OPTIMIZERS, "Method.")
flags.DEFINE_float(
    "learning_rate", _D.learning_rate, "Of Adam: change of a value per step."
)
flags.DEFINE_float(
    "tolerance",
    _D.tolerance,
    "A size ends when 20 steps lower the loss by a smaller share; 0: never.",
)
flags.DEFINE_float(
    "loss_threshold", _D.loss_threshold, "A size ends at this loss; 0: never."
)
_INIT = flags.DEFINE_string(
    "init", _D.init, f"Start: {', '.join(config.INITS)}, or an image file."
)
flags.DEFINE_integer("seed", _D.seed, "Of the noise of --init.")
flags.DEFINE_enum(
    "precision", _D.precision, config.PRECISIONS, "Of the convolutions."
)
flags.DEFINE_enum(
    "jit_compile", _D.jit_compile, config.JIT_COMPILE, "Compile with XLA."
)

_DEVICE = flags.DEFINE_string("device", "auto", "auto, cpu, gpu, gpu:N, tpu.")
_TRACE = flags.DEFINE_string(
    "trace", None, "File for all losses, times and memory: JSON, line by line."
)
_PREVIEW_EVERY = flags.DEFINE_integer(
    "preview_every",
    0,
    "Steps after which --output is written again; 0: only at the end.",
    lower_bound=0,
)
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint",
    None,
    "Folder for the state of the run, each minute and after Ctrl-C. The same "
    "command goes on from it.",
)
_MAX_PIXELS = flags.DEFINE_integer(
    "max_pixels", 100_000_000, "Larger images are refused.", lower_bound=1
)
_BIT_DEPTH = flags.DEFINE_enum(
    "bit_depth", "8", ["8", "16"], "Bits per channel; 16 for .png and .tiff."
)
_QUALITY = flags.DEFINE_integer(
    "quality", 95, "Of .jpg and .webp.", lower_bound=1, upper_bound=100
)


def main(argv):
    """Checks everything, then paints."""
    if len(argv) > 1:
        raise app.UsageError(f"Unexpected arguments: {argv[1:]}")
    if not (_REPLAY.value or _CONTENT.value and _STYLE.value):
        raise app.UsageError("--content and --style are needed, or --replay.")
    # None of them loads TensorFlow, but --help need not even wait for NumPy.
    from tfstyle import devices, images, job

    with cli.flag_errors():
        devices.check(_DEVICE.value)
    settings, inputs = _wanted(job)
    format = images.check_format(
        _OUTPUT.value, int(_BIT_DEPTH.value), longest=settings.size
    )
    job.check_outputs(inputs, {"output": _OUTPUT.value, "trace": _TRACE.value})
    resumed = job.check_checkpoint(_CHECKPOINT.value)
    task = job.prepare(settings, inputs, _MAX_PIXELS.value)
    if task.content.alpha is not None and not format.alpha:
        cli.note(f"{format.name} holds no transparency; it becomes white.")
    if settings.features == "auto" and task.config.features == "vgg_distilled":
        cli.note(
            "VGG16's weights are not at hand; painting with the thin network "
            "of this package. --features=vgg16 says what is missing."
        )
    if not task.weights_file.published:
        cli.note(
            f"'{task.weights_file.path}' is not the published weights file."
        )
    return _paint(task, resumed)


def _wanted(job):
    """Settings and input files: those of --replay, and flags over them."""
    given = {name for name in flags.FLAGS if flags.FLAGS[name].present}
    settings, inputs = {}, {}
    if _REPLAY.value:
        settings, inputs = job.recall(_REPLAY.value, given)
    inputs |= _named()
    for field in dataclasses.fields(config.GatysConfig):
        if field.name in flags.FLAGS:  # Few are for Python alone.
            settings.setdefault(field.name, flags.FLAGS[field.name].value)
    settings["style_scale"] = tuple(settings["style_scale"])
    settings["feature_weights"] = inputs.get("feature_weights")
    if "init" in inputs:
        settings["init"] = _D.init
    with cli.flag_errors():
        wanted = config.GatysConfig(**settings)
        wanted.check_styles(len(job.styles(inputs)))
    return wanted, inputs


def _named():
    """Input files that flags name, by role."""
    init = _INIT.value if _INIT.value not in config.INITS else None
    if init and not os.path.exists(init):
        raise app.UsageError(
            f"--init={init} is no file, and none of {', '.join(config.INITS)}."
        )
    files = {"content": _CONTENT.value}
    files |= {f"style {i}": p for i, p in enumerate(_STYLE.value or [], 1)}
    files |= {"init": init, "feature_weights": _FEATURE_WEIGHTS.value}
    return {role: path for role, path in files.items() if path is not None}


def _paint(task, resumed):
    """Does what was checked, and shows the progress; the exit status."""
    from tfstyle import checkpoint, devices, output, progress, runs

    strategy = devices.start(_DEVICE.value)
    from tfstyle import gatys

    settings = _on_device(task.config, devices)
    target = output.Output(
        path=_OUTPUT.value,
        record=task.record(settings, devices.kind()),
        alpha=task.content.alpha,
        bit_depth=int(_BIT_DEPTH.value),
        quality=_QUALITY.value,
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(strategy.scope())
        # Around the writing, too: Ctrl-C must not lose what is complete.
        interrupt = stack.enter_context(cli.Interrupt())
        callbacks: list[progress.OnStep]
        callbacks = [interrupt, stack.enter_context(progress.Bar())]
        trace = None
        if _TRACE.value:
            trace = progress.Trace(_TRACE.value, resume=resumed)
            callbacks.append(stack.enter_context(trace))
        if _PREVIEW_EVERY.value:
            callbacks.append(target.preview(_PREVIEW_EVERY.value))
        try:
            picture = gatys.stylize(
                task.content.pixels,
                task.styles,
                settings,
                progress.all_of(*callbacks),
                init=task.init,
                checkpoint_dir=_CHECKPOINT.value,
            )
        except runs.DivergedError as error:
            target.save(error.picture, complete=False)
            raise FloatingPointError(
                f"{error} '{target.path}' is the picture before."
            ) from error
        status = interrupt.status
        target.save(picture, complete=not status)
    if _CHECKPOINT.value and not status:
        checkpoint.remove(_CHECKPOINT.value)
    height, width = picture.shape[:2]
    print(
        f"{target.path}: {width}x{height}"
        f"{', interrupted' if status else ''} after "
        f"{time.monotonic() - _BEGAN:.0f} s "
        f"({settings.features}, {settings.precision})"
    )
    if trace and trace.error:
        raise trace.error
    return status


def _on_device(settings, devices):
    """With what `"auto"` is there, so that a replay does the same."""
    from tfstyle import descent

    jit_compile = devices.jit_compile(settings.jit_compile)
    return dataclasses.replace(
        settings,
        precision=descent.precision(settings),
        jit_compile="on" if jit_compile else "off",
    )


if __name__ == "__main__":
    cli.run(main)
