"""Shared parts of tfstyle.optimize and tfstyle.dream: flags, checks, the run.

A program calls `define_flags` when it is imported, then `settings` and
`prepare`, and `paint` once TensorFlow is loaded.
"""

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from absl import flags

from tfstyle.cli import common_flags, notes, program, settings_flags

if TYPE_CHECKING:  # --help need not wait even for NumPy.
    import numpy as np

    from tfstyle.images.encoding import Format
    from tfstyle.images.output import Output
    from tfstyle.pipelines.preparation import Prepared
    from tfstyle.report.callback import Report
    from tfstyle.runtime.progress import OnStep

    Run = Callable[[OnStep, Output], np.ndarray]

# Flags defined here count as those of the calling program, in its --help.
flags.disclaim_key_flags()

_BEGAN = time.monotonic()


def define_flags() -> None:
    """Defines the flags of the output and of the progress of a run."""
    flags.DEFINE_string(
        "output",
        None,
        "File to write: .png, .jpg, .webp or .tiff.",
        required=True,
    )
    flags.DEFINE_string(
        "replay",
        None,
        "Picture of this program to make again: its input files are found "
        "beside it or in the current folder. Other flags override its recipe.",
    )
    common_flags.define_device("auto, cpu, gpu, gpu:N or tpu")
    common_flags.define_trace(
        "File to write with losses, times and memory, one line of JSON per "
        "report."
    )
    common_flags.define_report(
        "Page about the run to write (.html): pictures, losses and times."
    )
    flags.DEFINE_integer(
        "preview_every",
        0,
        "Number of steps between previews in --output; 0 for none.",
        lower_bound=0,
    )
    flags.DEFINE_string(
        "checkpoint",
        None,
        "Folder where the state of the run is saved, every minute and after "
        "Ctrl-C. The same command resumes from there.",
    )
    common_flags.define_max_pixels()
    flags.DEFINE_enum(
        "bit_depth",
        "8",
        ["8", "16"],
        "Bits per channel of --output; 16 is for .png and .tiff.",
    )
    common_flags.define_quality()
    flags.DEFINE_integer(
        "dpi",
        None,
        "Pixels per inch of --output when printed, for the file; 300 is usual.",
        lower_bound=1,
        upper_bound=65_535,
    )


def settings(
    kind: type, inputs: Mapping[str, str | None]
) -> tuple[Any, dict[str, str]]:
    """Returns settings and input files, from the flags and from --replay.

    Flags take precedence over the settings of the picture of --replay.

    Args:
        kind: Class of the settings; flags are named like its fields.
        inputs: Role -> path of each input file; `None` if its flag is not
            given.

    Returns:
        The settings, and role -> path. A setting named like a role, such as
        `init`, has its default if a file takes its place.

    Raises:
        UsageError: A setting is wrong.
    """
    from tfstyle.controls import region_files
    from tfstyle.pipelines import preparation
    from tfstyle.runtime import devices

    values = flags.FLAGS
    with program.flag_errors():
        devices.check(values.device, several=False)
    given = {name for name in values if values[name].present}
    recalled: dict[str, Any] = {}
    paths: dict[str, str] = {}
    if values.replay:
        recalled, paths = preparation.recall(values.replay, given, kind)
    named = {**inputs, "feature_weights": values.feature_weights}
    paths |= {role: path for role, path in named.items() if path is not None}
    chosen = settings_flags.values(kind) | recalled
    for role in paths:
        chosen.pop(role, None)
    weights = {"feature_weights": paths.get("feature_weights")}
    with program.flag_errors():
        config = kind(**chosen | weights)
    photo = paths["image" if "image" in inputs else "content"]
    return config, region_files.with_alpha(paths, photo)


def prepare(
    config: Any,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str | None] | None = None,
) -> "Prepared":
    """Checks and reads all files, and prints notes.

    Args:
        config: Settings of the run.
        inputs: Role -> path of each input file.
        outputs: Role -> path of each further output file.
    """
    from tfstyle import images
    from tfstyle.pipelines import preparation
    from tfstyle.report import page

    values = flags.FLAGS
    if values.report:
        page.check()
    format = images.check_format(
        values.output, int(values.bit_depth), longest=config.size
    )
    common_flags.check_quality(format)
    named = ("output", "trace", "report")
    written = {name: values[name].value for name in named}
    kept = {**inputs, "replay": values.replay} if values.replay else inputs
    written |= outputs or {}
    preparation.check_outputs(kept, written, values.checkpoint)
    preparation.has_checkpoint(values.checkpoint)
    prepared = preparation.prepare(config, inputs, values.max_pixels)
    _check_space(config, prepared, format)
    notes.frames(inputs.get("image") or inputs["content"])
    if prepared.content.alpha is not None and not format.alpha:
        program.note(f"{format.name} holds no transparency; it becomes white.")
    notes.weights(config, prepared)
    if values.replay:
        notes.other_weights(values.replay, prepared)
    return prepared


def _check_space(config: Any, prepared: "Prepared", format: "Format") -> None:
    """Raises `OSError` if the disks have no room for what will be written."""
    from tfstyle import images
    from tfstyle.pipelines import preparation
    from tfstyle.runtime import files

    values = flags.FLAGS
    rows, columns, _ = prepared.content.pixels.shape
    height, width = images.fit(rows, columns, config.size)
    pixels = height * width
    depth = int(values.bit_depth) // 8
    files.check_space(values.output, format.packed * depth * 3 * pixels)
    if values.checkpoint and not preparation.has_checkpoint(values.checkpoint):
        # The next one is written beside the last.
        size = 2 * config.checkpoint_bytes * pixels
        files.check_space(values.checkpoint, size)


def paint(prepared: "Prepared", config: Any, run: "Run") -> int:
    """Runs the algorithm, shows the progress and writes the picture.

    Args:
        prepared: Prepared run, from `prepare`.
        config: Settings of the run after `run.on_device`, for the record.
        run: Function from an `on_step` callback and the output file to the
            picture.

    Returns:
        The exit status.
    """
    from tfstyle.images import output
    from tfstyle.pipelines import preparation
    from tfstyle.runtime import checkpoint, devices, progress

    values = flags.FLAGS
    target = output.Output(
        path=values.output,
        record=prepared.record(config, devices.kind()),
        alpha=prepared.content.alpha,
        bit_depth=int(values.bit_depth),
        quality=values.quality,
        dpi=values.dpi,
    )
    notes.left_out(target.path, target.left_out)
    with contextlib.ExitStack() as stack:
        # Covers the writing, too: Ctrl-C must not lose a complete picture.
        interrupt = stack.enter_context(program.Interrupt())
        callbacks: list[OnStep]
        callbacks = [interrupt, stack.enter_context(progress.Bar())]
        trace = None
        if values.trace:
            resumed = preparation.has_checkpoint(values.checkpoint)
            trace = progress.Trace(values.trace, resume=resumed)
            callbacks.append(stack.enter_context(trace))
        if values.preview_every:
            callbacks.append(target.preview(values.preview_every))
        report = _report(prepared, config, target) if values.report else None
        if report:
            callbacks.append(report)
        unsaved = None
        try:
            picture = run(progress.all_of(*callbacks), target)
        except checkpoint.UnsavedError as error:
            picture, unsaved = error.picture, error
        except checkpoint.DivergedError as error:
            target.save(error.picture, complete=False)
            if report:
                report.write(values.report, error.picture, str(error))
            raise FloatingPointError(
                f"{error} '{target.path}' is the last good picture."
            ) from error
        status = interrupt.status
        target.save(picture, complete=not status)
    if values.checkpoint and not (status or unsaved):
        checkpoint.remove(values.checkpoint)
    height, width = picture.shape[:2]
    print(
        f"{target.path}: {width}x{height}"
        f"{', interrupted' if status else ''} after "
        f"{time.monotonic() - _BEGAN:.0f} s "
        f"({config.features}, {config.precision})"
    )
    if report:
        note = "The run was interrupted." if status else ""
        report.write(values.report, picture, note)
    for lost in (unsaved, trace and trace.error):
        if lost:
            raise lost
    return status


def _report(prepared: "Prepared", config: Any, target: "Output") -> "Report":
    """Makes the report of a run, which is about to begin."""
    from tfstyle.pipelines import preparation
    from tfstyle.report.callback import Report

    photo = "image" if "image" in prepared.inputs else "content"
    shown = {photo: prepared.content.pixels}
    shown |= {f"style {i}": x for i, x in enumerate(prepared.styles, 1)}
    others = {"init": prepared.init, "guide": prepared.guide}
    shown |= {role: x for role, x in others.items() if x is not None}
    return Report(
        config,
        shown,
        target.record,
        notes.command(),
        preparation.has_checkpoint(flags.FLAGS.checkpoint),
        os.path.basename(target.path),
    )
