"""Copies sound, subtitles and chapters of a movie, packet by packet."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from tfstyle.clips.movies import begin_of, load_av, opened, seeks

_KINDS = ("audio", "subtitle")


class Copier:
    """Copies streams of a movie into another, in step with its frames.

    Times are moved so that `start` becomes 0.

    Args:
        path: The movie.
        output: Container that is written, before its header.
        start: Second of the movie from which packets are copied.

    Attributes:
        left_out: Codecs of streams that the container cannot hold.
    """

    def __init__(self, path: str, output: Any, start: Fraction) -> None:
        self._path, self._container = path, opened(path)
        self._output, self._whole = output, not start
        self._start = start + begin_of(self._container)
        self.left_out: list[str] = []
        self._made = {}
        for stream in self._container.streams:
            if stream.type in _KINDS and self._fits(stream):
                made = output.add_stream_from_template(stream)
                made.metadata.update(_described(stream))
                self._made[stream] = made
        self._packets = self._read()
        self._next = next(self._packets, None)

    def _fits(self, stream: Any) -> bool:
        name = stream.codec_context.name if stream.codec_context else "unknown"
        if name in self._output.supported_codecs:
            return True
        self.left_out.append(name)
        return False

    def copy(self, until: Fraction | None) -> None:
        """Copies the packets that begin before a second; all if `None`.

        Args:
            until: Second of the painted clip, from its beginning.

        Raises:
            ValueError: A packet is damaged, or begins before the last one.
        """
        while self._next is not None:
            time, packet = self._next
            if until is not None and time >= until:
                return
            try:
                self._output.mux_one(packet)
                self._next = next(self._packets, None)
            except load_av().FFmpegError as error:
                raise ValueError(
                    f"The sound of '{self._path}' cannot be copied "
                    f"({error.strerror}). Convert the clip to .mkv first, or "
                    "write to a folder."
                ) from error

    def chapters(self, end: Fraction | None) -> None:
        """Copies the chapters that begin before a second; cuts the last."""
        made = []
        for chapter in self._container.chapters():
            base = Fraction(chapter["time_base"])
            first, last = (
                chapter[name] * base - self._start for name in ("start", "end")
            )
            last = last if end is None else min(last, end)
            if last > max(first, 0):
                times = {
                    "start": round(max(first, 0) / base),
                    "end": round(last / base),
                }
                made.append(chapter | times)
        self._output.set_chapters(made)

    def close(self) -> None:
        """Closes the movie."""
        self._container.close()

    def _read(self) -> Iterator[tuple[Fraction, Any]]:
        """Yields packets and their times, without those before the start."""
        if not self._made:
            return
        if not self._whole and seeks(self._container):
            self._container.seek(int(self._start * 1_000_000))
        for packet in self._container.demux(list(self._made)):
            if not packet.size:  # The end of a stream.
                continue
            base = Fraction(packet.time_base)
            shown = packet.dts if packet.pts is None else packet.pts
            if shown is None:
                continue
            if not self._whole and shown * base < self._start:
                continue
            moved = round(self._start / base)
            if packet.dts is not None:
                packet.dts -= moved
            packet.pts = shown - moved
            packet.stream = self._made[packet.stream]
            yield packet.pts * base, packet


def _described(stream: Any) -> dict[str, str]:
    """Language and title; nothing that tells of the camera or the place."""
    kept = ("language", "title")
    return {
        name: stream.metadata[name] for name in kept if name in stream.metadata
    }
