r"""Paints a photograph in the style of one or more pictures.

The pixels are optimized until the feature maps of a VGG network match those of
the photograph, and their statistics those of the pictures. Example, with its
output on two CPU cores:

  python -m tfstyle.optimize --content=examples/cat.jpg --features=vgg19 \
      --style=examples/watercolor.jpg --output=cat.png --size=320
  cat.png: 320x213 after 94 s (vgg19, bfloat16)

Two pictures, the second one finer and with less weight:

  python -m tfstyle.optimize --content=cat.jpg --style=impasto.jpg \
      --style=woodcut.jpg --style_mix=0.7,0.3 --style_scale=1 \
      --style_scale=0.5 --output=cat_both.png

Each in a region of its own, given by a mask; the second one for the rest:

  python -m tfstyle.optimize --content=cat.jpg --style=impasto.jpg \
      --content_mask=fur.png --style=woodcut.jpg --output=cat_regions.png

--color=luminance keeps the photograph's colors.

The picture holds its own recipe: --replay=cat_both.png --output=again.png
paints it again. Ctrl-C writes the best picture so far; with --checkpoint=DIR
the same command resumes from there.

The photograph's transparency is restored; JPEG, which has none, gets the
picture on white.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from absl import app, flags

from tfstyle.cli import control_flags, painting, program, settings_flags
from tfstyle.optimization.config import INITS, GatysConfig

if TYPE_CHECKING:
    from tfstyle.pipelines.preparation import Prepared

_CONTENT = flags.DEFINE_string("content", None, "Photograph to paint.")
_STYLE = flags.DEFINE_multi_string(
    "style", None, "Picture to take the style of; repeat it to blend several."
)
_INIT = flags.DEFINE_string(
    "init",
    GatysConfig.init,
    settings_flags.help_of(GatysConfig, "init")
    + " Or the path of an image file.",
)
settings_flags.define(
    GatysConfig, leave_out=("init", "start_size", "beta_2", "levels")
)
control_flags.define()
painting.define_flags()


def main() -> int:
    """Checks flags and files, then paints."""
    if not (flags.FLAGS.replay or _CONTENT.value and _STYLE.value):
        raise app.UsageError("--content and --style are needed, or --replay.")
    config, inputs = painting.settings(GatysConfig, _named())
    if os.path.isdir(inputs["content"]):
        raise IsADirectoryError(
            f"'{inputs['content']}' is a folder. Expected: an image. "
            "tfstyle.transfer and tfstyle.fleet paint folders."
        )
    _check_regions(config, inputs)
    _check_checkpoint(config)
    return _paint(painting.prepare(config, inputs))


def _named() -> dict[str, str | None]:
    """Role -> path of each input file of the flags; `None` if not given."""
    init = _INIT.value if _INIT.value not in INITS else None
    if init and not os.path.exists(init):
        from tfstyle.runtime import files

        files.check_no_address(init)
        raise app.UsageError(
            f"--init must be a file, or one of {', '.join(INITS)}. Received: "
            f"--init={init}"
        )
    paths = {"content": _CONTENT.value, "init": init, **control_flags.files()}
    return paths | {
        f"style {i}": p for i, p in enumerate(_STYLE.value or [], 1)
    }


def _check_regions(config: GatysConfig, inputs: Mapping[str, str]) -> None:
    """Raises `UsageError` unless the settings fit the styles and masks."""
    from tfstyle.controls import region_files
    from tfstyle.pipelines import preparation

    with program.flag_errors():
        apart = region_files.check_roles(inputs)
        config.check_styles(len(preparation.styles(inputs)), apart)
        if region_files.any_in(inputs):
            config.check_regions()


def _check_checkpoint(config: GatysConfig) -> None:
    """Raises `ValueError` if a run that paints nothing would end another."""
    from tfstyle.pipelines import preparation

    folder = flags.FLAGS.checkpoint
    if not config.strength and preparation.has_checkpoint(folder):
        raise ValueError(
            f"The checkpoint in '{folder}' belongs to other settings: "
            "--strength=0 paints nothing. Give another folder, or delete it."
        )


def _paint(prepared: "Prepared") -> int:
    """Optimizes the picture on the device; returns the exit status."""
    from tfstyle.runtime import devices, scratch

    with devices.start(flags.FLAGS.device).scope():
        from tfstyle.optimization import gatys, run, sight

        settings = run.on_device(prepared.config)
        plan = sight.make_plan(
            prepared.content.pixels,
            prepared.styles,
            settings,
            prepared.regions,
            flags.FLAGS.checkpoint,
        )
        if plan.tiles and settings.strength:
            program.note(f"{plan}.")
        if plan.filed:
            folder = scratch.Folder(flags.FLAGS.checkpoint)
            prepared = prepared.in_files(folder.zeros)
        return painting.paint(
            prepared,
            settings,
            lambda on_step, target: gatys.stylize(
                prepared.content.pixels,
                prepared.styles,
                settings,
                on_step,
                init=prepared.init,
                regions=prepared.regions,
                checkpoint_dir=flags.FLAGS.checkpoint,
                weights_file=prepared.weights_file,
            ),
        )


if __name__ == "__main__":
    program.run(main)
