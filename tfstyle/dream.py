r"""Lets a network dream: strengthens what it sees in a photograph.

  python -m tfstyle.dream --image=examples/astronaut.jpg --output=dream.png

Of what is in another picture, and of one channel of one layer:

  python -m tfstyle.dream --image=cat.jpg --guide=flowers.jpg \
      --output=guided.png
  python -m tfstyle.dream --image=cat.jpg --layers=block5_conv1 \
      --channels=17 --output=channel.png

A zoom: zoom_0001.png to zoom_0048.png, each dreamt from the one before:

  python -m tfstyle.dream --image=cat.jpg --output=zoom.png --zoom_frames=48

--color=luminance keeps the photograph's colours; the other ways of --color in
tfstyle.optimize need a style to be changed, which a dream does not have.

The picture holds its own recipe: --replay=dream.png --output=again.png dreams
it again. Ctrl-C writes the picture so far; with --checkpoint=DIR the same
command goes on from there. Larger pictures than --tile are seen in parts,
which changes the time and the memory, not the picture.

Transparency of the photograph is put back; JPEG, which holds none, gets the
picture on white.
"""

import dataclasses
import pathlib

from absl import app, flags

from tfstyle.cli import control_flags, painting, program
from tfstyle.optimization import config
from tfstyle.runtime.devices import JIT_COMPILE, PRECISIONS

_D = config.DreamConfig()

_IMAGE = flags.DEFINE_string("image", None, "Photograph to dream of.")
_GUIDE = flags.DEFINE_string(
    "guide", None, "Picture whose features the dream shall have."
)
painting.define_flags()
control_flags.define_keep_mask()

# Named as the fields of DreamConfig, which checks them.
flags.DEFINE_integer("size", _D.size, "Longer side of the result, in pixels.")
flags.DEFINE_integer("octaves", _D.octaves, "Sizes, from coarse to fine.")
flags.DEFINE_float(
    "octave_scale", _D.octave_scale, "Ratio of one size to the one before."
)
flags.DEFINE_integer("steps", _D.steps, "Steps at each size.")
flags.DEFINE_float(
    "step_size", _D.step_size, "Change of a value in [0, 1] by a step."
)
flags.DEFINE_integer("jitter", _D.jitter, "Pixels of random shift.")
flags.DEFINE_integer(
    "levels", _D.levels, "Bands of the gradient with equal strength."
)
flags.DEFINE_enum("features", _D.features, config.FEATURES, "Network.")
program.DEFINE_weights(
    "layers", None, "Shares of layers; those of the network if none are given."
)
_CHANNELS = flags.DEFINE_list(
    "channels", None, "Channels of the layers, from 0; all if none are given."
)
flags.DEFINE_float(
    "content_weight", _D.content_weight, "Of the photograph's edges."
)
flags.DEFINE_float("tv_weight", _D.tv_weight, "Of smoothness.")
flags.DEFINE_integer(
    "tile", _D.tile, "Side of the largest square that is seen at once."
)
flags.DEFINE_integer(
    "zoom_frames", _D.zoom_frames, "Frames of a zoom; 0: one picture."
)
flags.DEFINE_float("zoom", _D.zoom, "Enlargement from frame to frame.")
flags.DEFINE_enum(
    "color",
    _D.color,
    config.DREAM_COLORS,
    "As dreamt (style), or the photograph's (luminance).",
)
flags.DEFINE_integer("seed", _D.seed, "Of the shifts.")
flags.DEFINE_enum("precision", _D.precision, PRECISIONS, "Of the convolutions.")
flags.DEFINE_enum(
    "jit_compile", _D.jit_compile, JIT_COMPILE, "Compile with XLA."
)


def main(argv):
    """Checks everything, then dreams."""
    painting.check_arguments(argv)
    if not (flags.FLAGS.replay or _IMAGE.value):
        raise app.UsageError("--image is needed, or --replay.")
    named = {"image": _IMAGE.value, "guide": _GUIDE.value}
    named["keep_mask"] = flags.FLAGS.keep_mask
    settings, inputs = painting.settings(config.DreamConfig, named)
    if _CHANNELS.value is not None:
        settings["channels"] = _numbers(_CHANNELS.value)
    with program.flag_errors():
        wanted = config.DreamConfig(**settings)
    if wanted.zoom_frames and "keep_mask" in inputs:
        raise app.UsageError("--keep_mask is for one picture, not for a zoom.")
    from tfstyle.controls import region_files

    inputs = region_files.with_alpha(inputs, inputs["image"])
    numbers = range(1, wanted.zoom_frames + 1)
    frames = {f"frame {number}": _frame(number) for number in numbers}
    return _paint(painting.prepare(wanted, inputs, frames))


def _numbers(words):
    if not all(word.strip().isdecimal() for word in words):
        raise app.UsageError(
            f"--channels={','.join(words)}: expected numbers from 0 up with "
            "commas between."
        )
    return tuple(int(word) for word in words)


def _frame(number):
    """Path of a frame of the zoom, beside --output."""
    path = pathlib.Path(flags.FLAGS.output)
    return str(path.with_stem(f"{path.stem}_{number:04}"))


def _paint(task):
    """Does what was checked; the exit status."""
    from tfstyle.runtime import devices

    with devices.start(flags.FLAGS.device).scope():
        from tfstyle.optimization import deepdream, run

        settings = run.on_device(task.config)

        def dream(on_step, target):
            def save(number, picture):
                file = dataclasses.replace(target, path=_frame(number))
                file.save(picture)

            return deepdream.deep_dream(
                task.content.pixels,
                settings,
                on_step,
                guide=task.guide,
                regions=task.regions,
                on_frame=save,
                checkpoint_dir=flags.FLAGS.checkpoint,
                weights_file=task.weights_file,
            )

        return painting.paint(task, settings, dream)


if __name__ == "__main__":
    program.run(main)
