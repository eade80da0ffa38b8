"""Paints a clip from a file to a file; reading and writing overlap.

A run can be ended at any frame: what is painted is a whole clip then. With a
folder for checkpoints the next run goes on after the last finished segment.
"""

import dataclasses
import functools
import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from tfstyle import images
from tfstyle.clips import (
    formats,
    output,
    overlap,
    reading,
    segments,
    writing,
)
from tfstyle.clips.frames import Clip, CutShortError, Frame
from tfstyle.clips.output import Opened, Target
from tfstyle.clips.stills import Folder
from tfstyle.controls.regions import Regions
from tfstyle.images import provenance
from tfstyle.motion import frames as motion
from tfstyle.motion.config import VideoConfig
from tfstyle.motion.mixes import Mixes
from tfstyle.motion.painting import ClipPainter, StoppedError
from tfstyle.pipelines import preparation, transfer_inputs
from tfstyle.pipelines.video_masks import Masks
from tfstyle.pretrained import weights
from tfstyle.runtime import checkpoint, files
from tfstyle.runtime.checkpoint import Checkpoints


class Painted(NamedTuple):
    """A painted frame.

    Attributes:
        number: Number of the frame, from 1.
        frame: The frame of the clip, at the size that is painted.
        picture: What was painted of it, `(height, width, 3)`.
    """

    number: int
    frame: Frame
    picture: np.ndarray


class Outcome(NamedTuple):
    """Outcome of a run.

    Attributes:
        frames: Number of frames of the painted clip.
        painted: Number of those that this run painted.
        seconds: Time it took.
        complete: Whether all frames of the clip were painted.
        full: Whether the disk was full.
        left_out: Codecs of tracks that the container cannot hold.
    """

    frames: int
    painted: int
    seconds: float
    complete: bool
    full: bool
    left_out: Sequence[str]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Video:
    """A clip to paint; its files are checked.

    Attributes:
        config: Settings.
        blends: Shares of the styles over time; those of `config` if empty.
        clip: The clip.
        end: Second at which it ends; `None` for its own end.
        target: File or folder to write.
        styles: Style images, at the sizes at which they are seen.
        masks: Regions of the frames.
        encoder_weights: File of the encoder's weights, or `None`.
        checkpoint: Folder for checkpoints, or `None`.
        checkpoints: Checkpoints in that folder.
    """

    config: VideoConfig
    blends: Mixes
    clip: Clip
    end: Fraction | None
    target: Target
    styles: Sequence[np.ndarray]
    masks: Masks
    encoder_weights: str | None
    checkpoint: str | None
    checkpoints: Checkpoints

    @property
    def expected(self) -> int:
        """Number of frames that will be painted, about; 0 if not known."""
        details = self.clip.details
        rest = details.count - round(self.target.start * details.rate)
        if self.end is not None:
            span = round((self.end - self.target.start) * details.rate)
            rest = min(rest, span) if details.count else span
        return max(rest, 0)


def open_video(
    config: VideoConfig,
    inputs: Mapping[str, str],
    path: str,
    *,
    blends: Mixes,
    codec: str = "auto",
    quality: int = 80,
    rate: Fraction = reading.RATE,
    start: Fraction = Fraction(0),
    end: Fraction | None = None,
    encoder_weights: str | None = None,
    checkpoint_dir: str | None = None,
    max_pixels: int = images.MAX_PIXELS,
) -> Video:
    """Opens a clip and reads what all frames share, without TensorFlow.

    Args:
        config: Settings.
        inputs: Role -> path of the clip, `"content"`, and of style images,
            masks and maps; see `tfstyle.controls.region_files`.
        path: File or folder to write.
        blends: Shares of the styles over time; those of `config` if empty.
        codec: One of `formats.CODECS`.
        quality: Quality of the file, from 1 to 100.
        rate: Frames a second of a folder of pictures.
        start: Second of the clip from which it is painted.
        end: Second at which it ends; `None` for its end.
        encoder_weights: File of the encoder's weights, or `None`.
        checkpoint_dir: Folder for checkpoints, or `None`.
        max_pixels: Maximum number of pixels of a frame or an image.

    Raises:
        ValueError: A file or a setting is wrong.
        FileNotFoundError: There is no such file.
        OSError: The output cannot be written.
    """
    content = inputs["content"]
    clip = reading.open_clip(content, max_pixels, rate)
    details = clip.details
    format = None
    if not formats.is_folder(path):
        format = formats.choose(path, codec, quality, details)
        files.check_writable(path)
    _check_paths(inputs, clip, path)
    read = functools.cache(lambda name: images.read(name, max_pixels))
    styles = transfer_inputs.styles(preparation.styles(inputs), config, read)
    masks = Masks(inputs, styles, read, max_pixels)
    shape = motion.shape_of((details.height, details.width), config.size)
    sound = content if details.sound and format and not format.silent else None
    model = _model(config, encoder_weights)
    identity: list[Any] = []
    if checkpoint_dir is not None:
        checkpoint.check_writable(checkpoint_dir)
        given = [config, blends, codec, quality, rate, start, end, path]
        identity = [repr(given), model, _digests(clip, inputs)]
    checkpoints = Checkpoints(checkpoint_dir, identity, [])
    checkpoints.load()  # Raises if it belongs to another run.
    return Video(
        config=config,
        blends=blends,
        clip=clip,
        end=end,
        target=Target(path, format, details, shape, sound, start),
        styles=styles,
        masks=masks,
        encoder_weights=encoder_weights,
        checkpoint=checkpoint_dir,
        checkpoints=checkpoints,
    )


def _model(config: VideoConfig, encoder_weights: str | None) -> Any:
    """Hashes of the model's files; raises an error if there is none."""
    if config.engine == "optimize":
        return weights.resolve(config.features, progressbar=True).digest
    return transfer_inputs.describe(config.model, encoder_weights)


def _check_paths(inputs: Mapping[str, str], clip: Clip, path: str) -> None:
    """Raises `ValueError` if an input would be written over."""
    if isinstance(clip, Folder):
        folders = {os.path.realpath(p.parent) for p in clip.paths}
        if os.path.realpath(path) in folders:
            raise ValueError(
                f"The frames in '{path}' would be written over. Give another "
                "folder."
            )
    for role, name in inputs.items():
        if os.path.realpath(name) == os.path.realpath(path):
            raise ValueError(
                f"The output '{path}' is the {role}, too. Give another name."
            )


def _digests(clip: Clip, inputs: Mapping[str, str]) -> list[str]:
    """Hashes of all files by which checkpoints tell runs apart."""
    paths = clip.paths if isinstance(clip, Folder) else [clip.path]
    others = [p for role, p in inputs.items() if role != "content"]
    return [
        provenance.digest(path)
        for path in [*paths, *others]
        if os.path.isfile(path)
    ]


def paint(
    video: Video,
    stop: Callable[[], bool] = lambda: False,
    on_frame: Callable[[Painted], None] = lambda painted: None,
) -> Outcome:
    """Paints a clip.

    Args:
        video: The clip.
        stop: Function that is true when the run should end.
        on_frame: Function called with each painted frame.

    Raises:
        ValueError: The clip is damaged, or has no frames in the given time.
            What was painted is kept as `output.part_of` names it.
        OSError: The file cannot be written.
        KeyboardInterrupt: The run was ended before the first frame.
    """
    began = time.monotonic()
    run = _Run(video, stop, on_frame)
    with output.opened(video.target, run.done) as opened:
        complete = run.go_on(opened)
        opened.writer.close(complete and video.end is None)
    if complete:
        run.forget()
    left_out = getattr(opened.writer, "left_out", ())
    seconds = time.monotonic() - began
    painted = run.number - run.done
    return Outcome(
        run.number, painted, seconds, complete, opened.full, left_out
    )


class _Run:
    """Run of `paint`.

    Attributes:
        done: Number of frames that earlier runs painted.
        number: Number of frames that are painted.
    """

    def __init__(
        self,
        video: Video,
        stop: Callable[[], bool],
        on_frame: Callable[[Painted], None],
    ) -> None:
        self._video, self._stop, self._on_frame = video, stop, on_frame
        self._found = video.checkpoints.load()
        self.done = self.number = self._found[1]["frames"] if self._found else 0
        self._segment = 0

    def go_on(self, opened: Opened) -> bool:
        """Paints until the clip or the run ends; returns whether all is done.

        Raises:
            CutShortError: The clip is damaged; what was painted is written.
        """
        self._opened = opened
        self._replay()
        complete = True
        try:
            with overlap.Behind(self._write) as behind:
                for item in self._painted():
                    behind.put(item)
                    if self._stop() or opened.full:
                        complete = False
                        break
        except CutShortError:
            opened.writer.close(complete=False)
            raise
        except StoppedError:
            complete = False
        if not self.number:
            raise self._nothing()
        return complete

    def forget(self) -> None:
        """Removes the checkpoint of a finished run."""
        if self._video.checkpoint is not None:
            segments.remove(self._video.checkpoint)
            checkpoint.remove(self._video.checkpoint)

    def _nothing(self) -> BaseException:
        if self._stop():
            return KeyboardInterrupt()
        return ValueError(
            f"'{self._video.clip.path}' has no frames in the time from "
            f"`start` to `end`: it has about {self._video.clip.details.count} "
            f"frames, {float(self._video.clip.details.rate):.3g} a second."
        )

    def _replay(self) -> None:
        """Writes the segments of earlier runs."""
        folder = self._video.checkpoint
        if folder is None or self._video.target.format is None:
            return
        while self._segment * writing.SEGMENT < self.done:
            self._opened.writer.replay(segments.load(folder, self._segment))
            self._segment += 1

    def _frames(self) -> Iterator[tuple[Frame, Regions | None]]:
        """Frames to paint, resized, and their regions."""
        video = self._video
        found = video.clip.frames(video.target.start, video.end)
        rest = itertools.islice(found, self.done, None)
        sized = (_resized(frame, video.target.shape) for frame in rest)
        return video.masks.regions(sized, video.target.start, self.done)

    def _painted(self) -> Iterator[tuple[Frame, dict[str, Any] | None]]:
        """Paints frames; with the last of a segment comes the state."""
        video = self._video
        painter: ClipPainter | None = None
        for frame, regions in overlap.ahead(self._frames()):
            if painter is None:
                painter = self._painter(regions)
            second = float(frame.time - video.target.start)
            picture = painter.paint(frame.pixels, second, regions)
            self.number += 1
            self._on_frame(Painted(self.number, frame, picture))
            state: dict[str, Any] | None = None
            if self.number % writing.SEGMENT == 0:
                state = {"frames": self.number, "arrays": {}}
                if video.checkpoint is not None:
                    state["arrays"] = painter.state()
            yield dataclasses.replace(frame, pixels=picture), state

    def _painter(self, regions: Regions | None) -> ClipPainter:
        video = self._video
        painter = motion.make_painter(
            video.styles,
            video.config,
            video.blends,
            regions,
            video.encoder_weights,
            self._stop,
        )
        if self._found is not None:
            painter.restore(self._found[0])
        return painter

    def _write(self, item: tuple[Frame, dict[str, Any] | None]) -> None:
        """Writes a frame; ends a segment if the state is with it."""
        frame, state = item
        self._opened.writer.write(frame)
        if state is None:
            return
        packets = self._opened.writer.end_segment()
        folder = self._video.checkpoint
        if folder is not None:
            if packets:
                os.makedirs(folder, exist_ok=True)
                segments.save(folder, self._segment, packets)
            self._video.checkpoints.save(
                state["arrays"], {"frames": state["frames"]}
            )
        self._segment += 1


def _resized(frame: Frame, shape: tuple[int, int]) -> Frame:
    alpha = frame.alpha
    return dataclasses.replace(
        frame,
        pixels=images.resize(frame.pixels, *shape),
        alpha=None if alpha is None else images.resize(alpha, *shape),
    )
