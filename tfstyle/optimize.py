r"""Paints a photograph in the style of one or more pictures.

The pixels are optimised until the feature maps of a VGG network match the
photograph, and their statistics the pictures. Example, with what it says on
two CPU cores:

  python -m tfstyle.optimize --content=examples/cat.jpg --features=vgg19 \
      --style=examples/impasto.jpg --output=cat.png --size=320
  cat.png: 320x213 after 40 s (vgg19, bfloat16)

Two pictures, the second one finer and with less weight:

  python -m tfstyle.optimize --content=cat.jpg --style=impasto.jpg \
      --style=woodcut.jpg --style_mix=0.7,0.3 --style_scale=1 \
      --style_scale=0.5 --output=cat_both.png

Each in a region of its own, that of its mask; the second one for the rest:

  python -m tfstyle.optimize --content=cat.jpg --style=impasto.jpg \
      --content_mask=fur.png --style=woodcut.jpg --output=cat_regions.png

--color=luminance keeps the photograph's colours.

The picture holds its own recipe: --replay=cat_both.png --output=again.png
paints it again. Ctrl-C writes the best picture so far; with --checkpoint=DIR
the same command goes on from there.

Transparency of the photograph is put back; JPEG, which holds none, gets the
picture on white.
"""

import os

from absl import app, flags

from tfstyle.cli import control_flags, painting, program
from tfstyle.optimization import config
from tfstyle.runtime.devices import JIT_COMPILE, PRECISIONS

_D = config.GatysConfig()

painting.define_flags()
_CONTENT = flags.DEFINE_string("content", None, "Photograph to paint.")
_STYLE = flags.DEFINE_multi_string(
    "style", None, "Picture to take the style of; repeat it to blend several."
)
# Named as the fields of GatysConfig, which checks them.
control_flags.define(_D)
flags.DEFINE_integer("size", _D.size, "Longer side of the result, in pixels.")
flags.DEFINE_integer("steps", _D.steps, "Steps at the last size.")
flags.DEFINE_float(
    "coarse_share",
    _D.coarse_share,
    "Work at each coarser size relative to the last; 1: as many steps.",
)
flags.DEFINE_enum("features", _D.features, config.FEATURES, "Network.")
flags.DEFINE_bool(
    "draft", _D.draft, "All sizes but the last by the thin network."
)
flags.DEFINE_enum("pooling", _D.pooling, config.POOLINGS, "Of the network.")
program.DEFINE_weights("content_layers", _D.content_layers, "Shares of layers.")
program.DEFINE_weights("style_layers", _D.style_layers, "Shares of layers.")
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
flags.DEFINE_enum("precision", _D.precision, PRECISIONS, "Of the convolutions.")
flags.DEFINE_enum(
    "jit_compile", _D.jit_compile, JIT_COMPILE, "Compile with XLA."
)


def main(argv):
    """Checks everything, then paints."""
    painting.check_arguments(argv)
    if not (flags.FLAGS.replay or _CONTENT.value and _STYLE.value):
        raise app.UsageError("--content and --style are needed, or --replay.")
    return _paint(painting.prepare(*_wanted()))


def _wanted():
    """Settings and input files."""
    from tfstyle.controls import region_files
    from tfstyle.pipelines import preparation

    settings, inputs = painting.settings(config.GatysConfig, _named())
    inputs = region_files.with_alpha(inputs, inputs["content"])
    for name in ("style_scale", "style_detail"):
        settings[name] = tuple(settings[name])
    if "init" in inputs:
        settings["init"] = _D.init
    with program.flag_errors():
        wanted = config.GatysConfig(**settings)
        apart = region_files.check_roles(inputs)
        wanted.check_styles(len(preparation.styles(inputs)), apart)
        if region_files.any_in(inputs):
            wanted.check_regions()
    return wanted, inputs


def _named():
    """Input files that flags name, by role."""
    init = _INIT.value if _INIT.value not in config.INITS else None
    if init and not os.path.exists(init):
        from tfstyle.runtime import files as on_disk

        on_disk.check_no_address(init)
        raise app.UsageError(
            f"--init={init} is no file, and none of {', '.join(config.INITS)}."
        )
    files = {"content": _CONTENT.value, "init": init, **control_flags.files()}
    return files | {
        f"style {i}": p for i, p in enumerate(_STYLE.value or [], 1)
    }


def _paint(task):
    """Does what was checked; the exit status."""
    from tfstyle.runtime import devices

    with devices.start(flags.FLAGS.device).scope():
        from tfstyle.optimization import gatys, run

        settings = run.on_device(task.config)
        return painting.paint(
            task,
            settings,
            lambda on_step, target: gatys.stylize(
                task.content.pixels,
                task.styles,
                settings,
                on_step,
                init=task.init,
                regions=task.regions,
                checkpoint_dir=flags.FLAGS.checkpoint,
                weights_file=task.weights_file,
            ),
        )


if __name__ == "__main__":
    program.run(main)
