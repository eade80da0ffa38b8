"""Writes painted frames: to a movie with its sound, or to a folder.

A movie is encoded in segments of `SEGMENT` frames, each by a new encoder, so
that a run which was killed goes on after the last whole one and makes the same
file.
"""

import contextlib
import math
import pathlib
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from tfstyle import images
from tfstyle.clips import animated, color
from tfstyle.clips.formats import Format
from tfstyle.clips.frames import Details, Frame
from tfstyle.clips.movies import load_av
from tfstyle.clips.sound import Copier
from tfstyle.images import folders

SEGMENT = 48
"""Frames of a segment."""


class Writer(Protocol):
    """Writes frames one after the other."""

    def write(self, frame: Frame) -> None:
        """Writes a frame; all have one shape.

        Raises:
            OSError: It cannot be written.
        """

    def end_segment(self) -> list[Any]:
        """Ends a segment; returns its encoded packets, if there are any."""

    def replay(self, packets: Iterable[Any]) -> None:
        """Writes the packets of an earlier segment again."""

    def close(self, complete: bool) -> None:
        """Ends the file.

        Args:
            complete: Whether the clip was written to its end; if not, the
                sound is cut where the frames end.
        """


class FolderWriter:
    """Writes PNG files, named as the frames or by their numbers.

    Args:
        folder: Folder, which exists.
        first: Number of the first frame to write, from 0.

    Attributes:
        others: Names of the pictures that were in the folder and were not
            written over; none where the first frames are of an earlier run.
    """

    def __init__(self, folder: str, first: int = 0) -> None:
        self._folder, self._number = pathlib.Path(folder), first
        self.others: set[str] = set()
        if first == 0:
            self.others = {
                path.name
                for path in self._folder.iterdir()
                if path.suffix.lower() in folders.endings()
            }

    def write(self, frame: Frame) -> None:
        """See `Writer`."""
        self._number += 1
        name = f"{frame.name or f'frame_{self._number:06d}'}.png"
        images.save(self._folder / name, frame.pixels, frame.alpha)
        self.others.discard(name)

    def end_segment(self) -> list[Any]:
        """See `Writer`."""
        return []

    def replay(self, packets: Iterable[Any]) -> None:
        """See `Writer`; the files are there."""

    def close(self, complete: bool) -> None:
        """See `Writer`."""


class MovieWriter:
    """Writes a movie with the sound of its source.

    Args:
        file: File object of the container; must seek.
        format: Format to write.
        source: Details of the source.
        shape: Height and width of the frames.
        sound: Movie whose sound is copied; `None` for none.
        start: Second of the source at which the painted movie begins.

    Attributes:
        left_out: Codecs of tracks that the container cannot hold.
    """

    def __init__(
        self,
        file: Any,
        format: Format,
        source: Details,
        shape: tuple[int, int],
        sound: str | None,
        start: Fraction,
    ) -> None:
        self._av, self._file = load_av(), file
        self._format, self._source, self._start = format, source, start
        self._base = max(source.time_base, format.tick)
        self._colors = color.of_output(source.colors)
        self._height, self._width = cropped(shape, format)
        self._container = self._av.open(
            file,
            "w",
            format=format.container,
            container_options=format.container_options,
        )
        self._stream = self._container.add_stream(
            format.encoder.name,
            rate=source.rate,
            options=dict(format.options),
        )
        self._configure(self._stream.codec_context)
        self._stream.time_base = self._base
        self._sound = sound and Copier(sound, self._container, start)
        self.left_out = self._sound.left_out if self._sound else []
        self._encoder: Any = None
        self._held: Any = None  # The last packet.
        self._delay: Any = None  # Ticks from decoding to showing the first.
        self._packets: list[Any] = []
        self._durations: dict[int, int] = {}
        # Ticks at which the last packet is decoded, the last frame shown.
        self._last = self._shown = -(2**62)
        self._end = Fraction(0)

    def write(self, frame: Frame) -> None:
        """See `Writer`."""
        with self._said():
            if self._encoder is None:
                self._encoder = self._new_encoder()
            encoded = self._encoded(frame)
            self._durations[encoded.pts] = encoded.duration
            self._mux_new(self._encoder.encode(encoded))

    def end_segment(self) -> list[Any]:
        """See `Writer`."""
        if self._encoder is not None:
            with self._said():
                self._mux_new(self._encoder.encode(None))
        self._encoder, made, self._packets = None, self._packets, []
        self._durations = {}
        return made

    def replay(self, packets: Iterable[Any]) -> None:
        """See `Writer`."""
        for packet in packets:
            self._shown = max(self._shown, packet.pts)
            with self._said():
                self._mux(packet)

    def close(self, complete: bool) -> None:
        """See `Writer`."""
        self.end_segment()
        self._mux_last()
        end = None if complete else self._end
        if self._sound:
            self._sound.chapters(end)
            self._sound.copy(end)
            self._sound.close()
        self._container.close()
        if self._format.container == "webp":
            animated.replace_frames(self._file)

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        """Says of an error of PyAV what could not be written."""
        try:
            yield
        except self._av.FFmpegError as error:
            raise ValueError(
                f"{self._format.codec} of {self._width}x{self._height} pixels "
                f"cannot be written to {self._format.container} at "
                f"{float(self._end):.2f} s ({error.strerror}). Give a smaller "
                "`size`, another `codec`, or a file of another kind."
            ) from error

    def _mux_new(self, packets: list[Any]) -> None:
        for packet in packets:
            if self._format.codec == "gif" and self._last >= 0:
                packet = animated.without_header(self._av, packet)
            packet.duration = self._durations.get(packet.pts, packet.duration)
            packet.dts = self._decoding_time(packet)
            self._packets.append(packet)
            self._mux(packet)

    def _decoding_time(self, packet: Any) -> int:
        """Repairs the time at which a packet is decoded.

        Reordered frames of a new encoder may begin too early, and x265 gives
        any number for clips of few frames.
        """
        first, span = min(self._durations), sum(self._durations.values())
        earliest = max(first - span, self._last + 1)
        if earliest <= packet.dts <= packet.pts:
            return packet.dts
        return earliest

    def _mux(self, packet: Any) -> None:
        """Muxes the packet before this one, which may be the last."""
        if self._delay is None:
            self._delay = packet.pts - packet.dts
        self._last = packet.dts
        end = (packet.pts + packet.duration) * Fraction(packet.time_base)
        self._end = max(self._end, end)
        self._mux_held()
        self._held = packet

    def _mux_held(self) -> None:
        if self._held is None:
            return
        packet, self._held = self._held, None
        packet.stream = self._stream
        base = Fraction(packet.time_base)
        if self._sound:
            self._sound.copy(packet.pts * base)
        times = packet.pts, packet.dts, packet.duration
        self._container.mux_one(packet)
        # That turned them into ticks of the container.
        packet.pts, packet.dts, packet.duration = times
        packet.time_base = base

    def _mux_last(self) -> None:
        """Muxes the last packet.

        Tables of MP4 add up the durations as packets are decoded: a frame
        that is shown last, but decoded before others, would lose its own.
        The last packet takes it, and is decoded as long before it is shown
        as the first one.
        """
        packet = self._held
        with self._said():
            if packet and self._format.container in ("mp4", "mov"):
                end = round(self._end / Fraction(packet.time_base))
                packet.duration = end - packet.pts
                packet.dts = max(packet.dts, packet.pts - self._delay)
            self._mux_held()

    def _new_encoder(self) -> Any:
        context = self._av.CodecContext.create(self._format.encoder.name, "w")
        self._configure(context)
        context.options = dict(self._format.options)
        return context

    def _configure(self, context: Any) -> None:
        """Sets up an encoder: that of the header, or of a segment."""
        context.width, context.height = self._width, self._height
        context.pix_fmt = self._format.pixels
        context.time_base = self._base
        context.framerate = self._source.rate
        context.sample_aspect_ratio = self._source.aspect
        context.flags |= self._av.codec.context.Flags.global_header
        if not context.format.is_rgb:
            context.colorspace = self._colors.matrix
            context.color_range = self._colors.range
            context.color_trc = self._colors.transfer
            context.color_primaries = self._colors.primaries

    def _encoded(self, frame: Frame) -> Any:
        """Makes a frame for the encoder."""
        samples = _samples(frame, self._format.alpha)
        samples = np.ascontiguousarray(samples[: self._height, : self._width])
        if self._format.pixels == "pal8":
            made = animated.palette(self._av, samples)
        else:
            kind = "rgba" if self._format.alpha else "rgb24"
            made = self._av.VideoFrame.from_ndarray(samples, kind)
            made = color.to_yuv(made, self._format.pixels, self._colors)
        made.time_base = self._base
        made.pts = self._shown = self._shown_at(frame)
        made.duration = max(1, round(frame.duration / self._base))
        return made

    def _shown_at(self, frame: Frame) -> int:
        """Tick at which a frame is shown, after that of the last one.

        Halves become less, so that frames of even distances keep them, and
        the first one is at 0.
        """
        ticks = (frame.time - self._start) / self._base
        return max(math.ceil(ticks - Fraction(1, 2)), self._shown + 1)


def cropped(shape: tuple[int, int], format: Format) -> tuple[int, int]:
    """Returns the shape without an odd last row or column, where they must.

    Args:
        shape: Height and width of the frames.
        format: Format to write.
    """
    if not format.encoder.even:
        return shape
    return shape[0] // 2 * 2, shape[1] // 2 * 2


def _samples(frame: Frame, alpha: bool) -> np.ndarray:
    """Rounds to 8 bits; transparent frames become white without alpha."""
    pixels = frame.pixels
    if frame.alpha is not None:
        cover = frame.alpha[..., None]
        if alpha:
            pixels = np.concatenate([pixels, cover], -1)
        else:
            pixels = cover * pixels + (1 - cover)
    elif alpha:
        pixels = np.pad(pixels, [(0, 0), (0, 0), (0, 1)], constant_values=1)
    return np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)
