r"""Fits a model of any style to one style, or a few, in minutes.

  python -m tfstyle.specialize --style=wave.jpg --content_dir=photographs \
      --output=wave.keras
  python -m tfstyle.transfer --content=cat.jpg --model=wave.keras \
      --output=cat.png

The style is inside the new model, which paints as fast as --model. A .keras
file is for everything that takes a model; a .h5 file is smaller, float16.

The folder of --workdir, wave_training/ if it is not given, gets a checkpoint,
log.jsonl with the losses, and preview.png with held-out photographs. Ctrl-C
writes the model as it is; the same command continues.
"""

import contextlib
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from absl import flags

from tfstyle.adain.config import SpecializeConfig
from tfstyle.cli import program, settings_flags, training_flags

if TYPE_CHECKING:
    import numpy as np

    from tfstyle.adain.model import StyleModel
    from tfstyle.adain.sources import Source

_STYLE = flags.DEFINE_multi_string(
    "style",
    None,
    "Picture to take the style of; repeat it for a model of a few styles.",
    required=True,
)
_CONTENT_DIR = flags.DEFINE_multi_string(
    "content_dir",
    None,
    "Folder of photographs to learn from, hundreds if possible; repeat it. If "
    "not given, scenes of simple shapes, made for it.",
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "Model to write, .keras or .h5.", required=True
)
_MODEL = flags.DEFINE_string(
    "model",
    "distilled",
    "Model of any style to begin with: a name or file, as for "
    "tfstyle.transfer.",
)
_ENCODER_WEIGHTS = flags.DEFINE_string(
    "encoder_weights",
    None,
    "File of the published encoder's weights (.h5), for --model=vgg16 or "
    "vgg19.",
)
_WORKDIR = flags.DEFINE_string(
    "workdir",
    None,
    "Folder of the checkpoint, the log and the preview; if not given, that of "
    "--output, with _training in its name.",
)
_HELD_OUT = flags.DEFINE_integer(
    "held_out",
    6,
    "Photographs of each folder to hold out: by them the style's weight is "
    "found.",
    lower_bound=1,
)
settings_flags.define(SpecializeConfig)
_ROWS = 4  # Pictures on the preview.


def main() -> int:
    """Checks flags and files, then fits the model."""
    settings = settings_flags.make(SpecializeConfig)
    from tfstyle import images
    from tfstyle.images import folders
    from tfstyle.pipelines import transfer_inputs
    from tfstyle.pretrained import weights
    from tfstyle.runtime import devices

    output = _output()
    styles = [
        transfer_inputs.resized(
            f"'{path}'", images.load(path), settings.style_size
        )
        for path in _STYLE.value
    ]
    photographs = None
    if _CONTENT_DIR.value:
        photographs = folders.split_folders(_CONTENT_DIR.value, _HELD_OUT.value)
        folders.check_outside(_workdir(output), _CONTENT_DIR.value)
    else:
        with program.flag_errors():
            settings_flags.refuse(["held_out"], "a fit without --content_dir")
    # These may be downloaded, so they come last.
    source = _source()
    weights.resolve(settings.loss_features, settings.loss_weights_file)
    if photographs:
        learned, held = map(len, photographs)
        program.note(f"{learned} photographs to learn from, {held} held out")
    devices.start()
    from tfstyle.adain.model import StyleModel

    model = StyleModel.from_preset(source.name, _ENCODER_WEIGHTS.value)
    return _fit(_Task(model, styles, photographs, settings), output)


def _output() -> pathlib.Path:
    """The file to write, checked."""
    from tfstyle.pipelines import preparation

    output = pathlib.Path(_OUTPUT.value)
    if output.suffix not in _WRITERS:
        raise ValueError(
            f"--output must end in .keras or .h5. Received: --output={output}"
        )
    inputs = {
        "model": _MODEL.value,
        "encoder_weights": _ENCODER_WEIGHTS.value,
        "loss_weights_file": flags.FLAGS.loss_weights_file,
    }
    given = {role: path for role, path in inputs.items() if path}
    workdir = os.fspath(_workdir(output))
    preparation.check_outputs(given, {"output": os.fspath(output)}, workdir)
    return output


def _workdir(output: pathlib.Path) -> pathlib.Path:
    return pathlib.Path(_WORKDIR.value or f"{output.with_suffix('')}_training")


def _source() -> "Source":
    """The model to begin with; `ValueError` if it cannot be fitted."""
    from tfstyle.adain import sources
    from tfstyle.pretrained import weights

    source = sources.find(_MODEL.value)
    if source.kind not in ("preset", "keras"):
        raise ValueError(
            f"--model must be a name, a .keras or a .h5 file: the weights of "
            f"'{_MODEL.value}' cannot be trained."
        )
    source.check_encoder_weights(_ENCODER_WEIGHTS.value)
    if source.encoder:
        weights.resolve(source.encoder, _ENCODER_WEIGHTS.value)
    return source


class _Task(NamedTuple):
    """What `specialization.specialize` is given."""

    model: "StyleModel"
    styles: "list[np.ndarray]"
    photographs: tuple[list[pathlib.Path], list[pathlib.Path]] | None
    settings: SpecializeConfig


def _fit(task: _Task, output: pathlib.Path) -> int:
    """Fits and writes the model; returns the exit status."""
    from tfstyle.adain import specialization
    from tfstyle.runtime import checkpoint, progress

    workdir = _workdir(output)
    workdir.mkdir(parents=True, exist_ok=True)
    resumed = any(
        checkpoint.load(folder) is not None
        for folder in (workdir, workdir / specialization.THIN)
    )
    unreadable: set[pathlib.Path] = set()
    contents, photographs = _photographs(task, unreadable)
    with contextlib.ExitStack() as stack:
        interrupt = stack.enter_context(program.Interrupt())
        bar = stack.enter_context(progress.Bar())
        log = progress.Trace(workdir / "log.jsonl", resumed)
        trace = stack.enter_context(log)
        fitted = specialization.specialize(
            task.model,
            task.styles,
            contents,
            photographs,
            task.settings,
            folder=workdir,
            on_step=progress.all_of(interrupt, bar, trace),
            on_epoch=lambda model, _: _preview(model, photographs, workdir),
            unreadable=unreadable,
        )
    _WRITERS[output.suffix](fitted, output)
    training_flags.note_unreadable(unreadable)
    print(f"{output}{': interrupted' if interrupt.status else ''}")
    if trace.error:
        raise trace.error
    return interrupt.status


def _photographs(
    task: _Task, unreadable: set[pathlib.Path]
) -> "tuple[Sequence[pathlib.Path | np.ndarray], list[np.ndarray]]":
    """Photographs, or scenes, to learn from, and held-out ones."""
    from tfstyle.adain import specialization
    from tfstyle.fitting import data

    if task.photographs is None:
        return specialization.scenes(task.settings.seed)
    contents, held = task.photographs
    found = data.readable(held, unreadable, range(len(held)))
    return contents, [specialization.reduced(photo) for photo in found]


def _preview(
    model: "StyleModel", photographs: "list[np.ndarray]", folder: pathlib.Path
) -> None:
    """Writes a sheet of held-out photographs and their pictures."""
    from tfstyle import images
    from tfstyle.adain import specialization

    plain = model.plain()
    shown = map(specialization.reduced, photographs[:_ROWS])
    rows = [[photo, plain.stylize(photo)] for photo in shown]
    images.save(folder / "preview.png", images.contact_sheet(rows))


_WRITERS: "dict[str, Callable[[StyleModel, pathlib.Path], None]]" = {
    ".keras": lambda model, path: model.save_whole(path),
    ".h5": lambda model, path: model.save_preset(path),
}

if __name__ == "__main__":
    program.run(main)
