r"""Paints a movie in the style of a picture, steady and with its sound.

  python -m tfstyle.video --content=clip.mp4 --style=wave.jpg \
      --output=painted.mp4

Seconds 10 to 20, half a size, with a checkpoint: the same command goes on
where a run was killed:

  python -m tfstyle.video --content=clip.mp4 --style=wave.jpg --size=640 \
      --start=10 --end=20 --output=painted.mp4 --checkpoint=state

From one style to another within 4 seconds:

  python -m tfstyle.video --content=clip.mp4 --style=a.jpg --style=b.jpg \
      --style_mix=0:1,0 --style_mix=4:0,1 --output=painted.mp4

A folder of frames, to a folder:

  python -m tfstyle.video --content=frames --style=wave.jpg --output=painted/

--engine=optimize optimizes the pixels of each frame, which takes many seconds
for each. Ctrl-C ends a run: what is painted is a clip with its sound.
"""

import contextlib
import dataclasses
import errno
import math
import os
import sys
import time
from fractions import Fraction
from typing import TYPE_CHECKING

from absl import flags

from tfstyle.cli import (
    common_flags,
    control_flags,
    notes,
    program,
    settings_flags,
)
from tfstyle.motion.config import VideoConfig

if TYPE_CHECKING:
    import tqdm

    from tfstyle.motion.course import Course
    from tfstyle.motion.mixes import Mixes
    from tfstyle.pipelines.video_run import Outcome, Painted
    from tfstyle.pipelines.videos import Video

_BEGAN = time.monotonic()
# Engine -> flags that are for the other one.
_OTHERS = {
    "transfer": ("steps", "features"),
    "optimize": ("style_size", "tile", "start_size", "encoder_weights"),
}

_CONTENT = flags.DEFINE_string(
    "content",
    None,
    "Movie, animated picture, folder of frames, or a pattern such as "
    "'frames/*.png'.",
    required=True,
)
flags.DEFINE_multi_string(
    "style",
    [],
    "Picture to take the style of; repeat it to blend several. Only models of "
    "tfstyle.specialize need none.",
)
_OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "File to write: .mp4, .mov, .mkv, .webm, .gif or .webp; or a folder for "
    "frames, which exists or ends in a slash.",
    required=True,
)
_CODEC = flags.DEFINE_enum(
    "codec",
    "auto",
    ["auto", "h264", "h265", "vp9", "av1", "prores", "ffv1"],
    "Codec of the frames; auto is h264, vp9 in .webm, and prores in .mov where "
    "the clip is transparent.",
)
_QUALITY = flags.DEFINE_integer(
    "quality",
    80,
    "Quality of the movie, from 1 to 100; prores, ffv1 and .gif have none.",
    lower_bound=1,
    upper_bound=100,
)
_START = flags.DEFINE_float(
    "start", 0.0, "Second of the clip from which it is painted.", lower_bound=0
)
_END = flags.DEFINE_float(
    "end", None, "Second of the clip at which it ends.", lower_bound=0
)
_RATE = flags.DEFINE_float(
    "rate",
    25.0,
    "Frames a second of a folder; movies have their own.",
    lower_bound=0.01,
)
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint",
    None,
    "Folder where finished segments are kept. The same command goes on after "
    "them.",
)
_REPORT = common_flags.define_report(
    "Page about the run to write (.html): frames through time, how steady and "
    "how sharp they are, and speed."
)
_PREVIEW_EVERY = flags.DEFINE_integer(
    "preview_every",
    0,
    "Number of frames between previews, which are written beside --output as "
    "a picture (.png); 0 for none.",
    lower_bound=0,
)
_STYLE_MIX = flags.DEFINE_multi_string(
    "style_mix",
    None,
    "Share of each style, such as 0.7,0.3; or from a second on, 2.5:0.7,0.3; "
    "repeat it to change the blend over time.",
)
_ENCODER_WEIGHTS = flags.DEFINE_string(
    "encoder_weights",
    None,
    "File of the published encoder's weights (.h5), for --model=vgg16 or "
    "vgg19.",
)
settings_flags.define(VideoConfig, leave_out=["style_mix"])
control_flags.define()
_DEVICE = common_flags.define_device("auto, cpu, gpu or gpu:N")
_MAX_PIXELS = common_flags.define_max_pixels()


def main() -> int:
    """Checks flags and files, then paints."""
    video = _open(*_settings())
    _note(video)
    from tfstyle.runtime import devices

    devices.start(_DEVICE.value)
    outcome, status = _paint(video)
    for codec in outcome.left_out:
        program.note(f"'{_OUTPUT.value}' cannot hold a track of {codec}.")
    if outcome.others:
        program.note(
            f"'{_OUTPUT.value}' still holds other pictures: "
            f"{len(outcome.others)}, such as '{min(outcome.others)}'."
        )
    if outcome.full and not outcome.complete:
        raise OSError(
            errno.ENOSPC,
            f"The disk is full. '{_OUTPUT.value}' is whole, but ends after "
            f"{outcome.frames} frames.",
        )
    if outcome.unsaved:
        raise outcome.unsaved
    return status


def _settings() -> "tuple[VideoConfig, Mixes]":
    from tfstyle.controls import region_files
    from tfstyle.motion import mixes
    from tfstyle.runtime import devices

    with program.flag_errors():
        devices.check(_DEVICE.value, several=False)
        values = settings_flags.values(VideoConfig)
        settings = VideoConfig(**{**values, "style_mix": None})
        _check_flags(settings)
        apart = region_files.check_roles(control_flags.inputs())
        blends = mixes.parse(_STYLE_MIX.value or [])
        for mix in blends.values() or [None]:
            mixed = dataclasses.replace(settings, style_mix=mix)
            mixed.check_styles(len(control_flags.styles()), apart)
        if _END.value is not None and _END.value <= _START.value:
            raise ValueError(
                f"`end` must be after `start`. Received: {_END.value}"
            )
    return settings, blends


def _check_flags(settings: VideoConfig) -> None:
    """Raises `ValueError` for flags without effect, or numbers such as inf."""
    from tfstyle.clips import formats

    engine = settings.engine
    others = _OTHERS[engine]
    if engine == "optimize" and flags.FLAGS.style:  # Else the model has them.
        others = ("model", *others)
    settings_flags.refuse(others, f"the engine {engine}")
    if formats.is_folder(_OUTPUT.value):
        settings_flags.refuse(("codec", "quality"), "a folder of frames")
    if os.path.isfile(_CONTENT.value):
        settings_flags.refuse(("rate",), "a movie, which has its own")
    if not flags.FLAGS.style:
        settings_flags.refuse(("style_size",), "a model with its style inside")
    for flag in (_START, _END, _RATE):
        if flag.value is not None and not math.isfinite(flag.value):
            raise ValueError(
                f"`{flag.name}` must be a finite number. Received: {flag.value}"
            )


def _open(settings: VideoConfig, blends: "Mixes") -> "Video":
    """Opens the clip; checks that it can be painted and written."""
    from tfstyle.pipelines import videos
    from tfstyle.report import page

    if _REPORT.value:
        page.check()
    end = _END.value
    video = videos.open_video(
        settings,
        {"content": _CONTENT.value, **control_flags.inputs()},
        _OUTPUT.value,
        blends=blends,
        codec=_CODEC.value,
        quality=_QUALITY.value,
        rate=_fraction(_RATE.value),
        start=_fraction(_START.value),
        end=None if end is None else _fraction(end),
        encoder_weights=_ENCODER_WEIGHTS.value,
        checkpoint_dir=_CHECKPOINT.value,
        report=_REPORT.value or None,
        max_pixels=_MAX_PIXELS.value,
    )
    format = video.target.format
    if format and not format.has_quality:
        with program.flag_errors():
            settings_flags.refuse(("quality",), format.codec)
    return video


def _fraction(value: float) -> Fraction:
    """What was meant by a decimal number: 29.97 is 2997/100."""
    return Fraction(value).limit_denominator(100_000)


def _note(video: "Video") -> None:
    """Notes what of the clip cannot be kept."""
    details, format = video.clip.details, video.target.format
    for note in details.notes:
        program.note(f"'{_CONTENT.value}': {note}")
    if format is None:
        return
    if details.sound and format.silent:
        program.note(f"'{_OUTPUT.value}' holds no sound; it is left out.")
    if details.alpha and not format.alpha:
        program.note(
            f"{format.codec} holds no transparency; what is transparent "
            "becomes white."
        )
    height, width = video.target.written
    if (height, width) != video.target.shape:
        program.note(
            f"{format.codec} needs even sides: the frames are cut to "
            f"{width}x{height}."
        )


def _paint(video: "Video") -> "tuple[Outcome, int]":
    """Paints and shows the progress; returns the exit status, too."""
    from tfstyle.motion.course import Course
    from tfstyle.pipelines import video_run

    course = Course() if _REPORT.value else None
    with program.Interrupt() as interrupt, _bar(video) as bar:

        def on_frame(painted: "Painted") -> None:
            bar.update(painted.number - bar.n)
            if course:
                frame = painted.frame
                course.look(float(frame.time), frame.pixels, painted.picture)
            every = _PREVIEW_EVERY.value
            if every and painted.number % every == 0:
                _preview(painted)

        outcome = video_run.paint(video, interrupt, on_frame)
        status = 0 if outcome.complete else interrupt.status
    height, width = video.target.written
    rate = outcome.painted / outcome.seconds
    print(
        f"{_OUTPUT.value}: {outcome.frames} frames of {width}x{height}"
        f"{'' if outcome.complete else ', interrupted'} after "
        f"{time.monotonic() - _BEGAN:.0f} s ({rate:.2f} frames/s)"
    )
    if course and _REPORT.value:
        _write_report(_REPORT.value, video, outcome, course)
    return outcome, status


def _write_report(
    path: str, video: "Video", outcome: "Outcome", course: "Course"
) -> None:
    """Writes the page of --report."""
    from tfstyle.images import provenance
    from tfstyle.report import clip

    remarks = [] if outcome.complete else ["The run was interrupted."]
    if outcome.painted < outcome.frames:
        remarks.append(
            f"The run was resumed: this page shows only its last "
            f"{outcome.painted} frames."
        )
    inputs = {
        role: path
        for role, path in {
            "content": _CONTENT.value,
            **control_flags.inputs(),
        }.items()
        if os.path.isfile(path)
    }
    clip.write(
        path,
        config=video.config,
        record=provenance.describe(video.config, inputs),
        command=notes.command(),
        title=os.path.basename(_OUTPUT.value.rstrip(os.sep)),
        shots=course.looks,
        values=course.measured,
        speed=outcome.painted / outcome.seconds,
        notes=remarks,
    )


def _preview(painted: "Painted") -> None:
    """Writes a frame beside the output; the run is worth more than that."""
    from tfstyle import images
    from tfstyle.clips import output

    with contextlib.suppress(OSError):
        images.save(output.preview_of(_OUTPUT.value), painted.picture)


def _bar(video: "Video") -> "tqdm.tqdm":
    import tqdm

    return tqdm.tqdm(
        total=video.expected or None,
        initial=video.done,
        unit="frame",
        dynamic_ncols=True,
        mininterval=0.2 if sys.stderr.isatty() else 30.0,
    )


if __name__ == "__main__":
    program.run(main)
