r"""DeepDream: strengthens what a network sees in a photograph.

  python -m tfstyle.dream --image=examples/astronaut.jpg --output=dream.png

With the features of another picture, and with one channel of one layer:

  python -m tfstyle.dream --image=cat.jpg --guide=flowers.jpg \
      --output=guided.png
  python -m tfstyle.dream --image=cat.jpg --layers=block5_conv1 \
      --channels=17 --output=channel.png

A zoom: zoom_0001.png to zoom_0048.png, each made from the one before:

  python -m tfstyle.dream --image=cat.jpg --output=zoom.png --zoom_frames=48

--color=luminance keeps the photograph's colors; the other values of --color
in tfstyle.optimize change the style, which a dream does not have.

The picture holds its own recipe: --replay=dream.png --output=again.png makes
it again. Ctrl-C writes the picture so far; with --checkpoint=DIR the same
command resumes from there. Pictures larger than --tile are processed in
parts, which changes the time and the memory, not the picture.

The photograph's transparency is restored, and zoomed with the frames; JPEG,
which has none, gets the picture on white.
"""

import dataclasses
import pathlib
from typing import TYPE_CHECKING

from absl import app, flags

from tfstyle.cli import control_flags, painting, program, settings_flags
from tfstyle.dreams.config import DreamConfig

if TYPE_CHECKING:
    import numpy as np

    from tfstyle.images.output import Output
    from tfstyle.pipelines.preparation import Prepared
    from tfstyle.runtime.progress import OnStep

_IMAGE = flags.DEFINE_string("image", None, "Photograph to dream of.")
_GUIDE = flags.DEFINE_string(
    "guide", None, "Picture whose features the dream takes up."
)
settings_flags.define(DreamConfig)
control_flags.define_keep_mask()
painting.define_flags()


def main() -> int:
    """Checks flags and files, then makes the picture or the frames."""
    if not (flags.FLAGS.replay or _IMAGE.value):
        raise app.UsageError("--image is needed, or --replay.")
    named = {"image": _IMAGE.value, "guide": _GUIDE.value}
    named["keep_mask"] = flags.FLAGS.keep_mask
    config, inputs = painting.settings(DreamConfig, named)
    if config.zoom_frames and "keep_mask" in inputs:
        raise app.UsageError("--keep_mask is for one picture, not for a zoom.")
    if flags.FLAGS["zoom"].present and not config.zoom_frames:
        raise app.UsageError("--zoom is for --zoom_frames, which is not given.")
    numbers = range(1, config.zoom_frames + 1)
    frames = {f"frame {number}": _frame(number) for number in numbers}
    return _paint(painting.prepare(config, inputs, frames))


def _frame(number: int) -> str:
    """Path of a frame of the zoom, beside --output."""
    path = pathlib.Path(flags.FLAGS.output)
    return str(path.with_stem(f"{path.stem}_{number:04}"))


def _paint(prepared: "Prepared") -> int:
    """Runs DeepDream on the device; returns the exit status."""
    from tfstyle.runtime import devices

    with devices.start(flags.FLAGS.device).scope():
        from tfstyle.dreams import deepdream
        from tfstyle.optimization import run

        settings = run.on_device(prepared.config)

        def dream(on_step: "OnStep", target: "Output") -> "np.ndarray":
            def save(number: int, picture: "np.ndarray") -> None:
                file = dataclasses.replace(target, path=_frame(number))
                file.save(picture)
                if number < settings.zoom_frames:
                    _zoom(target, settings.zoom)

            for _ in range(_begun()):
                _zoom(target, settings.zoom)
            return deepdream.deep_dream(
                prepared.content.pixels,
                settings,
                on_step,
                guide=prepared.guide,
                regions=prepared.regions,
                on_frame=save,
                checkpoint_dir=flags.FLAGS.checkpoint,
                weights_file=prepared.weights_file,
            )

        return painting.paint(prepared, settings, dream)


def _begun() -> int:
    """Number of the frame, from 0, at which the run goes on."""
    from tfstyle.runtime import checkpoint

    folder = flags.FLAGS.checkpoint
    found = checkpoint.load(folder) if folder else None
    return found[1].get("frame", 0) if found else 0


def _zoom(target: "Output", factor: float) -> None:
    """Gives the output the transparency of the next frame."""
    from tfstyle import images

    if target.alpha is not None:
        target.alpha = images.zoom(target.alpha, factor)


if __name__ == "__main__":
    program.run(main)
