"""Reads movie files by PyAV: upright frames with their own times."""

import os
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from tfstyle.clips import color
from tfstyle.clips.frames import CutShortError, Details, Frame, lasting
from tfstyle.runtime import files

_MOST_BITS = 8
# Containers that find key frames; others are read from their beginning.
_INDEXED = ("mov", "matroska")


def load_av() -> Any:
    """Imports PyAV; raises `ValueError` if it is not installed."""
    os.environ.setdefault("SVT_LOG", "1")  # Errors alone, from AV1's encoder.
    try:
        import av
    except ImportError as error:
        raise ValueError(
            "Movies need PyAV and OpenCV: pip install tfstyle[video]."
        ) from error
    av.logging.set_level(None)  # Errors are raised as well.
    return av


def opened(path: str) -> Any:
    """Opens a movie to read it; raises errors of PyAV."""
    # FFmpeg takes "12:30.mp4" for an address, but not a whole path.
    return load_av().open(os.path.abspath(path))


def seeks(container: Any) -> bool:
    """Whether a container finds the key frame before a time."""
    return container.format.name.startswith(_INDEXED)


def begin_of(container: Any) -> Fraction:
    """Returns the time, in seconds, that its files call their beginning."""
    return Fraction(container.start_time or 0, 1_000_000)


class Movie:
    """A movie file; see `Clip`.

    Args:
        path: The file.
        max_pixels: Maximum number of pixels of a frame.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a movie that can be read.
    """

    def __init__(self, path: str, max_pixels: int) -> None:
        self.path = path
        self._av = load_av()
        if not os.path.exists(path):
            files.check_no_address(path)
            raise FileNotFoundError(f"'{path}' does not exist.")
        with self._open() as container:
            stream = self._stream(container)
            base = Fraction(stream.time_base)
            self._begin = round(begin_of(container) / base) * base
            frame = self._first(container, stream, max_pixels)
            # AVI has times of decoding alone; those of frames that were put
            # in order are as far apart as the frames.
            self._by_decoding = container.format.name == "avi"
            if self._by_decoding and frame.dts is not None:
                self._begin = frame.dts * base
            self.details = _details(container, stream, frame)
        self._shape = frame.height, frame.width

    def frames(self, start: Fraction, end: Fraction | None) -> Iterator[Frame]:
        """See `Clip`."""
        with self._open() as container:
            stream = self._stream(container)
            if start and seeks(container):
                place = int((start + self._begin) / stream.time_base)
                container.seek(max(place, 0), stream=stream)
            for frame, time, duration in self._lasting(container, stream):
                if end is not None and time >= end:
                    return
                if time >= start:
                    shown = lasting(time, duration, end)
                    yield self._converted(frame, time, shown)

    def _lasting(
        self, container: Any, stream: Any
    ) -> Iterator[tuple[Any, Fraction, Fraction]]:
        """Yields frames, their times, and how long they are shown.

        A frame lasts until the next one: what files say of its duration is
        often the time to the next one that is decoded.
        """
        held: tuple[Any, Fraction] | None = None
        error: CutShortError | None = None
        timed = self._timed(container, stream)
        while True:
            try:
                following = next(timed, None)
            except CutShortError as cut:
                following, error = None, cut
            if held and following:
                yield *held, following[1] - held[1]
            elif held:
                rest = self._end(stream) - held[1]
                own = _own_duration(held[0], stream)
                yield *held, own if error or rest <= 0 else rest
            if error:
                raise error
            if not following:
                return
            held = following

    def _timed(
        self, container: Any, stream: Any
    ) -> Iterator[tuple[Any, Fraction]]:
        """Yields decoded frames, each with its own time, which increases."""
        last: Fraction | None = None
        rest, count = Fraction(0), 0
        decoded = container.decode(stream)
        while True:
            try:
                frame = next(decoded, None)
            except self._av.FFmpegError as error:
                raise self._cut_short(last, error) from error
            if frame is None:
                break
            time = self._time(frame, stream, last)
            if (frame.height, frame.width) != self._shape:
                raise self._changed(frame, time)
            yield frame, time
            rest = self._end(stream) - time - _own_duration(frame, stream)
            last, count = time, count + 1
        # Frames that are held until the end may not say so.
        whole = 0 < stream.frames <= count
        if rest > max(3 / _rate(stream), Fraction(1, 2)) and not whole:
            raise self._cut_short(last, "it is truncated")

    def _time(self, frame: Any, stream: Any, last: Fraction | None) -> Fraction:
        """Time of a frame; after the last one if it says none."""
        stamp = frame.dts if self._by_decoding else frame.pts
        if stamp is not None:
            time = stamp * Fraction(stream.time_base) - self._begin
            if last is None or time > last:
                return time
        if last is None:
            return Fraction(0)
        return last + 1 / _rate(stream)

    def _end(self, stream: Any) -> Fraction:
        """Second at which the stream should end, or an early one."""
        return _stated_end(stream) - self._begin

    def _converted(
        self, frame: Any, time: Fraction, duration: Fraction
    ) -> Frame:
        pixels = _upright(frame, color.to_rgb(frame, self.details.colors))
        return Frame(
            np.ascontiguousarray(pixels[..., :3]),
            time,
            duration,
            _alpha(pixels),
        )

    def _open(self) -> Any:
        try:
            return opened(self.path)
        except self._av.FFmpegError as error:
            if isinstance(error, OSError) and not isinstance(error, ValueError):
                raise
            raise ValueError(
                f"'{self.path}' is not a movie that can be read, or it is "
                f"damaged ({error.strerror})."
            ) from error

    def _stream(self, container: Any) -> Any:
        wanted = [
            stream
            for stream in container.streams.video
            # Covers of songs are pictures.
            if not stream.disposition & self._av.stream.Disposition.attached_pic
        ]
        if not wanted:
            kinds = sorted({s.type for s in container.streams}) or ["nothing"]
            raise ValueError(
                f"'{self.path}' has no video stream, only "
                f"{' and '.join(kinds)}. Give a movie."
            )
        (stream, *_) = wanted
        if stream.codec_context is None:
            raise ValueError(
                f"'{self.path}' has video of a codec that this FFmpeg cannot "
                "decode. Convert it to H.264 first."
            )
        stream.thread_type = "AUTO"
        return stream

    def _first(self, container: Any, stream: Any, max_pixels: int) -> Any:
        pixels = stream.codec_context.width * stream.codec_context.height
        if pixels > max_pixels:
            raise ValueError(
                f"'{self.path}' has frames of {pixels} pixels; at most "
                f"{max_pixels} are allowed. Raise `max_pixels`, or shrink it."
            )
        encrypted = False
        try:
            for packet in container.demux(stream):
                encrypted |= packet.has_sidedata("encryption_info")
                for frame in packet.decode():
                    return frame
        except self._av.FFmpegError as error:
            why = "it is encrypted" if encrypted else error.strerror
            raise ValueError(
                f"'{self.path}' has video that cannot be decoded ({why})."
            ) from error
        why = " It is encrypted." if encrypted else ""
        raise ValueError(
            f"'{self.path}' has a video stream without frames.{why}"
        )

    def _cut_short(
        self, last: Fraction | None, why: Exception | str
    ) -> CutShortError:
        reason = getattr(why, "strerror", None) or why
        return CutShortError(
            f"'{self.path}' cannot be read beyond {float(last or 0):.2f} s "
            f"({reason})."
        )

    def _changed(self, frame: Any, time: Fraction) -> CutShortError:
        height, width = self._shape
        return CutShortError(
            f"'{self.path}' changes its size from {width}x{height} to "
            f"{frame.width}x{frame.height} at {float(time):.2f} s: use --end, "
            "or convert it to one size."
        )


def _details(container: Any, stream: Any, frame: Any) -> Details:
    colors = color.of_frame(frame)
    turned = round(frame.rotation / 90) % 2
    height, width = frame.height, frame.width
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    if turned:
        height, width, aspect = width, height, Fraction(1, 1) / aspect
    return Details(
        height=height,
        width=width,
        count=stream.frames or _guessed(container, stream),
        rate=_rate(stream),
        time_base=Fraction(stream.time_base),
        aspect=aspect,
        alpha=color.has_alpha(frame.format),
        colors=colors,
        sound=[
            s.codec_context.name if s.codec_context else "unknown"
            for s in container.streams.audio
        ],
        notes=_notes(frame, colors),
    )


def _notes(frame: Any, colors: color.Colors) -> list[str]:
    if color.is_hdr(colors):
        return ["it is HDR; the painted clip is SDR of Rec. 709."]
    bits = max(component.bits for component in frame.format.components)
    if bits > _MOST_BITS:
        return [f"its {bits} bits per channel become {_MOST_BITS}."]
    return []


def _rate(stream: Any) -> Fraction:
    return Fraction(stream.average_rate or stream.guessed_rate or 25)


def _guessed(container: Any, stream: Any) -> int:
    """Number of frames by the duration; 0 if that is not known."""
    if not container.duration:
        return 0
    return round(Fraction(container.duration, 1_000_000) * _rate(stream))


def _own_duration(frame: Any, stream: Any) -> Fraction:
    """Seconds that a frame says it lasts, or the mean."""
    own = (frame.duration or 0) * Fraction(frame.time_base or 0)
    return own or 1 / _rate(stream)


def _stated_end(stream: Any) -> Fraction:
    """Time at which the stream should end; 0 if it does not say."""
    if stream.duration:
        ticks = (stream.start_time or 0) + stream.duration
        return ticks * Fraction(stream.time_base)
    # Matroska has it as text.
    found = re.match(
        r"(\d+):(\d\d):(\d\d\.\d+)", stream.metadata.get("DURATION", "")
    )
    if not found:
        return Fraction(0)
    hours, minutes, seconds = map(Fraction, found.groups())
    return 3600 * hours + 60 * minutes + seconds


def _upright(frame: Any, pixels: np.ndarray) -> np.ndarray:
    """Mirrors and turns pixels as the frame says."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is not None:
        a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
        if a * d < b * c:
            pixels = pixels[::-1]
    return np.rot90(pixels, round(frame.rotation / 90) % 4)


def _alpha(pixels: np.ndarray) -> np.ndarray | None:
    if pixels.shape[-1] < 4:
        return None
    return np.ascontiguousarray(pixels[..., 3])
