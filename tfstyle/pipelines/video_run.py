"""Paints a clip from a file to a file; reading and writing overlap.

A run can be ended at any frame: what is painted is a whole clip then. With a
folder for checkpoints the next run goes on after the last finished segment.
"""

import dataclasses
import itertools
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfstyle import images
from tfstyle.clips import output, overlap, segments, writing
from tfstyle.clips.frames import CutShortError, Frame
from tfstyle.clips.output import Opened
from tfstyle.controls.regions import Regions
from tfstyle.motion import frames as motion
from tfstyle.motion.painting import ClipPainter, StoppedError
from tfstyle.pipelines.videos import Video
from tfstyle.runtime import checkpoint


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
        unsaved: Error that ended the writing of checkpoints, or `None`.
        left_out: Codecs of tracks that the container cannot hold.
        others: Names of pictures in the folder that are not of this clip.
    """

    frames: int
    painted: int
    seconds: float
    complete: bool
    full: bool
    unsaved: OSError | None
    left_out: Sequence[str]
    others: Collection[str]


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
    return Outcome(
        frames=run.number,
        painted=run.number - run.done,
        seconds=time.monotonic() - began,
        complete=complete,
        full=opened.full,
        unsaved=run.unsaved,
        left_out=getattr(opened.writer, "left_out", ()),
        others=getattr(opened.writer, "others", ()),
    )


class _Run:
    """Run of `paint`.

    Attributes:
        done: Number of frames that earlier runs painted.
        number: Number of frames that are painted.
        unsaved: Error that ended the writing of checkpoints, or `None`.
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
        self.unsaved: OSError | None = None

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
        if folder is not None and self.unsaved is None:
            try:
                self._save(folder, packets, state)
            except OSError as error:  # The clip is worth more.
                self.unsaved = error
        self._segment += 1

    def _save(
        self, folder: str, packets: list[Any], state: dict[str, Any]
    ) -> None:
        """Saves a segment, and the state after it.

        Raises:
            OSError: One of them cannot be written.
        """
        if packets:
            os.makedirs(folder, exist_ok=True)
            segments.save(folder, self._segment, packets)
        frames = {"frames": state["frames"]}
        self._video.checkpoints.save(state["arrays"], frames)
        if self._video.checkpoints.error is not None:
            raise self._video.checkpoints.error


def _resized(frame: Frame, shape: tuple[int, int]) -> Frame:
    alpha = frame.alpha
    return dataclasses.replace(
        frame,
        pixels=images.resize(frame.pixels, *shape),
        alpha=None if alpha is None else images.resize(alpha, *shape),
    )
