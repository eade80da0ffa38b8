r"""Paints a sheet of pictures that differ in one or two settings.

Rows are the values of the first setting, columns those of the second:

  python -m tfstyle.grid --content=examples/cat.jpg \
      --style=examples/impasto.jpg --output=sheet.png \
      --vary=style_weight=20,80,320 --vary=style_scale=0.5,1,2

All settings of tfstyle.optimize, and --style, can be varied, or given once as
flags:

  python -m tfstyle.grid --content=cat.jpg --output=styles.png --steps=50 \
      --vary=style=impasto.jpg,woodcut.jpg --vary=features=vgg16,vgg19

Or those of tfstyle.transfer:

  python -m tfstyle.grid --engine=transfer --content=cat.jpg \
      --style=impasto.jpg --output=strengths.png --vary=strength=0.25,0.5,1

Everything is checked before the first picture is begun. Ctrl-C writes the
sheet with the finished pictures.
"""

import dataclasses
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from absl import flags

from tfstyle.adain.config import TransferConfig
from tfstyle.cli import (
    common_flags,
    control_flags,
    notes,
    program,
    settings_flags,
)
from tfstyle.controls.settings import Controls
from tfstyle.optimization.config import GatysConfig

if TYPE_CHECKING:
    import numpy as np

    from tfstyle.pipelines.engines import Engine, Task
    from tfstyle.pipelines.sweeps import Axis

_BEGAN = time.monotonic()
_SIZE = 256  # Longer side of each picture, if --size is not given.
_KINDS = {"optimize": GatysConfig, "transfer": TransferConfig}
_FILES = ("content", "style")
_SETTINGS = {
    field.name for kind in _KINDS.values() for field in dataclasses.fields(kind)
}

_VARY = flags.DEFINE_multi_string(
    "vary",
    None,
    "Setting to vary, and its values: NAME=VALUE,VALUE,... The first --vary "
    "is for the rows, a second one for the columns.",
    required=True,
)
_ENGINE = flags.DEFINE_enum(
    "engine",
    "optimize",
    _KINDS,
    "Program that paints, whose settings can be varied: optimize or transfer.",
)
flags.DEFINE_string("content", None, "Photograph to paint.")
flags.DEFINE_multi_string(
    "style",
    None,
    "Picture to take the style of; repeat it to blend several. Only models of "
    "tfstyle.specialize need none.",
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "Sheet to write: .png, .jpg, .webp or .tiff.", required=True
)
_ENCODER_WEIGHTS = flags.DEFINE_string(
    "encoder_weights",
    None,
    "File of the published encoder's weights (.h5), for --engine=transfer.",
)
_DEVICE = common_flags.define_device("auto, cpu, gpu, gpu:N or tpu")
_MAX_PIXELS = common_flags.define_max_pixels()
_QUALITY = common_flags.define_quality()
flags.DEFINE_integer(
    "size",
    None,
    f"Longer side of each picture, in pixels; {_SIZE} if not given.",
)
settings_flags.define(Controls)
# Flags that are not given have the default of the engine.
for _name, _kind in _KINDS.items():
    settings_flags.define_unset(_kind, f"The default is tfstyle.{_name}'s.")
control_flags.define()


def main() -> int:
    """Checks flags and files, then paints the sheet."""
    from tfstyle.pipelines import sweeps
    from tfstyle.runtime import devices

    with program.flag_errors():
        devices.check(_DEVICE.value, several=False)
        if _ENGINE.value == "optimize":
            settings_flags.refuse(["encoder_weights"], "optimize")
        axes = [_axis(text) for text in _VARY.value]
        rows = sweeps.changes(axes)
        tasks = [_task(changes) for row in rows for changes in row]
    _check_output(axes, tasks)
    engine = _engine(tasks)
    with devices.start(_DEVICE.value).scope():
        for task in tasks:
            engine.load(task)
        return _sweep(axes, tasks, engine)


def _axis(text: str) -> "Axis":
    """Parses one --vary: a setting and its values."""
    from tfstyle.pipelines import sweeps

    name, _, listed = text.partition("=")
    labels = [label.strip() for label in listed.split(",")]
    if "" in labels:
        raise ValueError(f"--vary={text}: expected NAME=VALUE,VALUE,...")
    if name not in (names := [*_FILES, *_fields()]):
        raise ValueError(
            f"--vary={text}: {_ENGINE.value} has no setting '{name}'. Choose "
            f"from {', '.join(names)}."
        )
    if flags.FLAGS[name].present:
        raise ValueError(
            f"--{name} is varied by --vary={text}. Leave out --{name}."
        )
    try:
        values = [
            _value(name, flags.FLAGS[name].parser.parse(label))
            for label in labels
        ]
    except ValueError as error:
        raise ValueError(f"--vary={text}: {error}") from error
    return sweeps.Axis(name, values, [os.path.basename(x) for x in labels])


def _value(name: str, value: Any) -> Any:
    """Converts a flag's value to the setting's: a tuple if it is repeated."""
    if isinstance(flags.FLAGS[name], flags.MultiFlag):
        return tuple(value) if isinstance(value, list) else (value,)
    return value


def _fields() -> list[str]:
    return [field.name for field in dataclasses.fields(_KINDS[_ENGINE.value])]


def _task(changes: Mapping[str, Any]) -> "Task":
    """Settings and files of one picture, with the varied ones changed."""
    from tfstyle.controls import region_files
    from tfstyle.pipelines import engines, transfer_inputs

    given = {
        name: _value(name, flags.FLAGS[name].value)
        for name in [*_FILES, *_SETTINGS]
        if flags.FLAGS[name].present
    }
    values = {"size": _SIZE, **given, **changes}
    content, styles = values.pop("content", None), values.pop("style", ())
    if not (content and (styles or "model" in values)):
        raise ValueError("--content and --style are needed.")
    if others := sorted(set(values) - set(_fields())):
        raise ValueError(f"--{others[0]} is no setting of {_ENGINE.value}.")
    config = _KINDS[_ENGINE.value](**values)
    styles = styles or transfer_inputs.inside(values["model"])
    inputs = {"content": content, **control_flags.inputs(styles)}
    config.check_styles(len(styles), region_files.check_roles(inputs))
    inputs = region_files.with_alpha(inputs, content)
    if path := values.get("feature_weights"):
        inputs["feature_weights"] = path
    return engines.Task(config, inputs)


def _check_output(axes: "list[Axis]", tasks: "list[Task]") -> None:
    """Raises an error if the sheet cannot be written, before it is painted."""
    from tfstyle import images
    from tfstyle.images import sheets
    from tfstyle.pipelines import preparation

    common_flags.check_quality(images.check_format(_OUTPUT.value))
    preparation.check_outputs(_inputs(tasks), {"output": _OUTPUT.value})
    heights, widths = zip(*_shapes(tasks), strict=True)
    columns = len(axes[-1].values)
    sheets.check_sheet(
        _OUTPUT.value,
        (max(heights), max(widths)),
        len(tasks) // columns,
        columns,
        sheets.MARGIN,
    )


def _shapes(tasks: "list[Task]") -> list[tuple[int, int]]:
    """Height and width of each picture."""
    from tfstyle import images
    from tfstyle.images import sizes

    shapes = {
        path: images.read(path, _MAX_PIXELS.value).pixels.shape[:2]
        for path in {task.inputs["content"] for task in tasks}
    }
    photos = [shapes[task.inputs["content"]] for task in tasks]
    return [
        sizes.fit(height, width, task.config.size or max(height, width))
        for (height, width), task in zip(photos, tasks, strict=True)
    ]


def _inputs(tasks: "list[Task]") -> dict[str, str]:
    """The input files of all pictures, each with a role of its own.

    They are in the order of the pictures; a file is there as often as one of
    these has it.
    """
    paths: dict[str, list[str]] = {}
    for task in tasks:
        own: dict[str, list[str]] = {}
        for role, path in task.inputs.items():
            name = role.partition(" ")[0]
            own.setdefault(name, []).append(path)
            every = paths.setdefault(name, [])
            if every.count(path) < own[name].count(path):
                every.append(path)
    return {
        f"{role} {number}" if len(every) > 1 else role: path
        for role, every in paths.items()
        for number, path in enumerate(every, 1)
    }


def _engine(tasks: "list[Task]") -> "Engine":
    """Makes the engine, and checks the files of all pictures."""
    from tfstyle.pipelines import engines

    limit = _MAX_PIXELS.value
    if _ENGINE.value == "transfer":
        transfer = engines.TransferEngine(limit, _ENCODER_WEIGHTS.value)
        for task in tasks:
            transfer.check(task)
        return transfer
    optimize = engines.OptimizeEngine(limit)
    for task in tasks:
        optimize.check(task)
    notes.weights(tasks[0].config, optimize.prepared(tasks[0]))
    return optimize


def _sweep(axes: "list[Axis]", tasks: "list[Task]", engine: "Engine") -> int:
    """Paints the pictures and writes the sheet; returns the exit status."""
    from tfstyle.pipelines import sweeps
    from tfstyle.runtime import progress

    with program.Interrupt() as interrupt:
        with progress.Bar() as bar:
            painted = sweeps.paint(
                axes,
                lambda changes, watch: engine.stylize(_task(changes), watch),
                progress.all_of(interrupt, bar),
            )
        cells = [cell for row in painted for cell in row]
        words = [cell for cell in cells if isinstance(cell, str)]
        if len(words) < len(cells):
            complete = not interrupt.status
            _write(sweeps.sheet(painted, axes), axes, tasks, complete)
    diverged = words.count(sweeps.DIVERGED)
    too_large = words.count(sweeps.NO_MEMORY)
    print(
        f"{_OUTPUT.value}: {len(cells) - len(words)} of {len(cells)} pictures"
        f"{f', {diverged} diverged' if diverged else ''}"
        f"{f', {too_large} out of memory' if too_large else ''}"
        f"{', interrupted' if interrupt.status else ''} after "
        f"{time.monotonic() - _BEGAN:.0f} s"
    )
    if too_large and not interrupt.status:
        raise MemoryError(
            f"{too_large} of {len(cells)} pictures did not fit. Lower the size "
            "there."
        )
    if diverged and not interrupt.status:
        raise FloatingPointError(
            f"{diverged} of {len(cells)} pictures diverged: their loss was not "
            "finite. Lower the learning rate or a weight there."
        )
    return interrupt.status


def _write(
    sheet: "np.ndarray", axes: "list[Axis]", tasks: "list[Task]", complete: bool
) -> None:
    from tfstyle.images import output, provenance

    varied = {axis.name: axis.texts for axis in axes}
    # Unlike the settings of a picture, so that --replay refuses the sheet.
    settings = {
        "engine": _ENGINE.value,
        "varied": varied,
        "given": {
            name: value
            for name, value in vars(tasks[0].config).items()
            if name not in varied
        },
    }
    target = output.Output(
        path=_OUTPUT.value,
        record=provenance.describe(settings, _inputs(tasks)),
        quality=_QUALITY.value,
    )
    notes.left_out(target.path, target.left_out)
    target.save(sheet, complete)


if __name__ == "__main__":
    program.run(main)
