"""What the programs that paint a picture share: flags, checks, the run.

A program defines its flags and calls, in this order, `define_flags`, when it
is imported, `settings`, `prepare`, and, with TensorFlow loaded, `paint`.
"""

import contextlib
import dataclasses
import os
import pathlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from tfstyle.cli import common_flags, program, settings_flags

if TYPE_CHECKING:  # --help need not even wait for NumPy.
    import numpy as np

    from tfstyle.images.output import Output
    from tfstyle.pipelines.preparation import Job
    from tfstyle.report.callback import Report
    from tfstyle.runtime.progress import OnStep

    Run = Callable[[OnStep, Output], np.ndarray]

# They belong to the calling program, and so to its --help.
flags.disclaim_key_flags()

_BEGAN = time.monotonic()


def define_flags() -> None:
    """Defines the flags of the output and of how a run is followed."""
    flags.DEFINE_string(
        "output",
        None,
        "File to write: .png, .jpg, .webp or .tiff.",
        required=True,
    )
    flags.DEFINE_string(
        "replay",
        None,
        "Picture made by this program, to be made again: its files are found "
        "beside it or in the current folder. Other flags change its recipe.",
    )
    common_flags.define_device("auto, cpu, gpu, gpu:N or tpu")
    flags.DEFINE_string(
        "trace",
        None,
        "File to write with all losses, times and memory, a line of JSON for "
        "each report.",
    )
    flags.DEFINE_string(
        "report",
        None,
        "Page about the run to write (.html), with pictures, losses and times.",
    )
    flags.DEFINE_integer(
        "preview_every",
        0,
        "Steps after which --output is written again; 0 for only at the end.",
        lower_bound=0,
    )
    flags.DEFINE_string(
        "checkpoint",
        None,
        "Folder where the state of the run is saved, each minute and after "
        "Ctrl-C. The same command goes on from there.",
    )
    common_flags.define_max_pixels()
    flags.DEFINE_enum(
        "bit_depth",
        "8",
        ["8", "16"],
        "Bits per channel of --output; 16 is for .png and .tiff.",
    )
    common_flags.define_quality()


def settings(
    kind: type, inputs: Mapping[str, str | None]
) -> tuple[Any, dict[str, str]]:
    """The settings of the picture that --replay names, and flags over them.

    Args:
        kind: Class of the settings; flags are named as its fields.
        inputs: Role -> path of the files that flags name, `None` where they
            do not.

    Returns:
        The settings, and role -> path. A setting of the name of a role, such
        as `init`, has its default where a file takes its place.

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
    files: dict[str, str] = {}
    if values.replay:
        recalled, files = preparation.recall(values.replay, given, kind)
    named = {**inputs, "feature_weights": values.feature_weights}
    files |= {role: path for role, path in named.items() if path is not None}
    chosen = settings_flags.values(kind) | recalled
    for role in files:
        chosen.pop(role, None)
    weights = {"feature_weights": files.get("feature_weights")}
    with program.flag_errors():
        config = kind(**chosen | weights)
    photo = files["image" if "image" in inputs else "content"]
    return config, region_files.with_alpha(files, photo)


def prepare(
    config: Any,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str | None] | None = None,
) -> "Job":
    """Checks and reads all files, and says what is worth a note.

    Args:
        config: The settings.
        inputs: Role -> path.
        outputs: Role -> path of what is written beside --output and --trace.
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
    named = ("output", "trace", "report")
    written = {name: values[name].value for name in named}
    kept = {**inputs, "replay": values.replay} if values.replay else inputs
    written |= outputs or {}
    preparation.check_outputs(kept, written, values.checkpoint)
    preparation.check_checkpoint(values.checkpoint)
    task = preparation.prepare(config, inputs, values.max_pixels)
    if task.content.alpha is not None and not format.alpha:
        program.note(f"{format.name} holds no transparency; it becomes white.")
    say_weights(config, task)
    if values.replay:
        _say_replayed(values.replay, task)
    return task


def _say_replayed(path: str, task: "Job") -> None:
    """Says that the weights are not those that a picture was made with."""
    from tfstyle.images import provenance

    notes = provenance.read(path).get("notes", {})
    if notes.get("weights") != task.weights_file.digest:
        program.note(
            f"'{path}' was painted with other weights; this picture will "
            "differ."
        )


def say_weights(config: Any, task: "Job") -> None:
    """Says what is unusual about the weights that were found.

    Args:
        config: The settings as they were given.
        task: What they became.
    """
    if config.features == "auto" and task.config.features == "vgg_distilled":
        program.note(
            "VGG16's weights are not at hand; painting with the thin network "
            "of this package. --features=vgg16 says what is missing."
        )
    if not task.weights_file.published:
        program.note(
            f"'{task.weights_file.path}' is not the published weights file."
        )


def say_left_out(path: str, left_out: Sequence[str]) -> None:
    """Says what of its record a picture, or a folder of them, will lack.

    Args:
        path: Of the picture.
        left_out: See `output.Output.left_out`.
    """
    if left_out:
        program.note(
            f"'{path}' has no room for all of its record: left out are "
            f"{', '.join(left_out)}. Other formats have more."
        )


def paint(task: "Job", config: Any, run: "Run") -> int:
    """Does what was checked, and shows the progress.

    Args:
        task: From `prepare`.
        config: Its settings, from `run.on_device`, so that a replay does the
            same.
        run: From an `on_step` callback and the file to paint into to the
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
        record=task.record(config, devices.kind()),
        alpha=task.content.alpha,
        bit_depth=int(values.bit_depth),
        quality=values.quality,
    )
    say_left_out(target.path, target.left_out)
    with contextlib.ExitStack() as stack:
        # Around the writing, too: Ctrl-C must not lose what is complete.
        interrupt = stack.enter_context(program.Interrupt())
        callbacks: list[OnStep]
        callbacks = [interrupt, stack.enter_context(progress.Bar())]
        trace = None
        if values.trace:
            resumed = preparation.check_checkpoint(values.checkpoint)
            trace = progress.Trace(values.trace, resume=resumed)
            callbacks.append(stack.enter_context(trace))
        if values.preview_every:
            callbacks.append(target.preview(values.preview_every))
        report = _report(task, config, target) if values.report else None
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
                f"{error} '{target.path}' is the picture before."
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


def _report(task: "Job", config: Any, target: "Output") -> "Report":
    """The report of a run, which is about to begin."""
    from tfstyle.pipelines import preparation
    from tfstyle.report.callback import Report

    photo = "image" if "image" in task.inputs else "content"
    shown = {photo: task.content.pixels}
    shown |= {f"style {i}": x for i, x in enumerate(task.styles, 1)}
    others = {"init": task.init, "guide": task.guide}
    shown |= {role: x for role, x in others.items() if x is not None}
    weights = config.feature_weights
    return Report(
        dataclasses.replace(
            config, feature_weights=weights and _inside(weights)
        ),
        shown,
        target.record,
        _command(),
        preparation.check_checkpoint(flags.FLAGS.checkpoint),
        os.path.basename(target.path),
    )


def _command() -> list[str]:
    """What was typed, without folders outside the current one."""
    program = pathlib.Path(sys.argv[0]).stem
    return ["python", "-m", f"tfstyle.{program}", *map(_inside, sys.argv[1:])]


def _inside(word: str) -> str:
    """A path, or a flag with one; its name where it leaves the folder."""
    flag, equals, path = "", "", word
    if word.startswith("-"):
        flag, equals, path = word.partition("=")
    whole = os.path.normpath(path)
    if os.path.isabs(whole) or whole.split(os.sep)[0] == os.pardir:
        path = os.path.basename(whole)
    return flag + equals + path
