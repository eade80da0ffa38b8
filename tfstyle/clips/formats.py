"""Kinds of output files, and the settings of their encoders."""

import os
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from tfstyle.clips.frames import Details
from tfstyle.clips.movies import load_av

CODECS = ("auto", "h264", "h265", "vp9", "av1", "prores", "ffv1")


class Encoder(NamedTuple):
    """An encoder and its pixel formats.

    Attributes:
        name: Name in FFmpeg.
        pixels: Pixel format of opaque frames.
        alpha: Pixel format of frames with transparency; empty if it has none.
        even: Whether sides must be even.
    """

    name: str
    pixels: str
    alpha: str = ""
    even: bool = True


_ENCODERS = {
    "h264": Encoder("libx264", "yuv420p"),
    "h265": Encoder("libx265", "yuv420p"),
    "vp9": Encoder("libvpx-vp9", "yuv420p", even=False),
    "av1": Encoder("libsvtav1", "yuv420p"),
    "prores": Encoder("prores_ks", "yuv422p10le", "yuva444p10le"),
    "ffv1": Encoder("ffv1", "bgr0", "bgra", even=False),
    "gif": Encoder("gif", "pal8", "pal8", even=False),
    "webp": Encoder("libwebp", "bgra", "bgra", even=False),
}
# Ending -> name of the format, and its codecs; the first is the usual one.
_CONTAINERS = {
    ".mp4": ("mp4", ("h264", "h265", "av1", "vp9")),
    ".mov": ("mov", ("h264", "h265", "prores")),
    ".mkv": ("matroska", ("h264", "h265", "vp9", "av1", "prores", "ffv1")),
    ".webm": ("webm", ("vp9", "av1")),
    ".gif": ("gif", ("gif",)),
    ".webp": ("webp", ("webp",)),
}
# Frames a second; others take what there is.
_MOST = {"gif": 100, "webp": 1000}


class Format(NamedTuple):
    """Format of a movie to write.

    Attributes:
        container: Name of the container in FFmpeg.
        codec: Key of `CODECS`, "gif" or "webp".
        encoder: The encoder.
        alpha: Whether frames are written with transparency.
        options: Options of the encoder.
        silent: Whether the container has no sound.
    """

    container: str
    codec: str
    encoder: Encoder
    alpha: bool
    options: Mapping[str, str]
    silent: bool

    @property
    def has_quality(self) -> bool:
        """Whether the encoder has a quality to choose."""
        return self.codec not in ("prores", "ffv1", "gif")

    @property
    def container_options(self) -> dict[str, str]:
        """Options of the container.

        Times are as exact as those of the source; Matroska has no random
        number, so that the same frames are the same file; WebP is shown for
        ever, as GIF is.
        """
        if self.container in ("mp4", "mov"):
            return {"movie_timescale": "90000"}
        if self.container in ("matroska", "webm"):
            return {"fflags": "+bitexact"}
        if self.container == "webp":
            return {"loop": "0"}
        return {}

    @property
    def tick(self) -> Fraction:
        """Seconds that any two frames are apart at least."""
        most = _MOST.get(self.container)
        return Fraction(1, most) if most else Fraction(0)

    @property
    def pixels(self) -> str:
        """Pixel format of the frames."""
        return self.encoder.alpha if self.alpha else self.encoder.pixels


def is_folder(path: str) -> bool:
    """Whether an output is a folder of frames: it exists or has no ending."""
    return os.path.isdir(path) or path.endswith(os.sep)


def choose(path: str, codec: str, quality: int, source: Details) -> Format:
    """Chooses container and encoder for a file.

    Args:
        path: File to write.
        codec: One of `CODECS`.
        quality: Quality from 1 to 100.
        source: Details of the clip that is painted.

    Raises:
        ValueError: The ending or the codec is unknown, does not suit the
            other, the sound or the rate, or this PyAV lacks the encoder.
    """
    ending = os.path.splitext(path)[1].lower()
    if ending not in _CONTAINERS:
        raise ValueError(
            f"The output '{path}' must end in {', '.join(_CONTAINERS)}, or be "
            "an existing folder, or end in a slash."
        )
    container, codecs = _CONTAINERS[ending]
    if codec == "auto":
        codec = _usual(ending, codecs, source.alpha)
    if codec not in codecs:
        raise ValueError(
            f"`codec` of a file that ends in {ending} must be one of "
            f"{', '.join(codecs)}. Received: codec={codec!r}"
        )
    encoder = _ENCODERS[codec]
    _check_encoder(encoder.name)
    silent = codec in ("gif", "webp")
    if not silent:
        _check_sound(path, container, source)
    _check_rate(path, container, source)
    alpha = source.alpha and bool(encoder.alpha)
    options = _options(codec, quality)
    return Format(container, codec, encoder, alpha, options, silent)


def _usual(ending: str, codecs: tuple[str, ...], alpha: bool) -> str:
    if alpha and ending == ".mov":
        return "prores"
    return codecs[0]


def _options(codec: str, quality: int) -> dict[str, str]:
    """Options of an encoder; constant quality, in the codec's own measure.

    x264's macroblock tree reads beyond its rows: two runs would not give the
    same file. Which widths are affected depends on the processor.
    """
    if codec in ("h264", "h265"):
        own = {
            "h264": {"x264-params": "mbtree=0"},
            "h265": {"x265-params": "log-level=none"},
        }[codec]
        crf = f"{40 - 0.28 * quality:.0f}"
        return {"crf": crf, "preset": "medium", **own}
    if codec == "vp9":
        crf = f"{55 - 0.4 * quality:.0f}"
        return {"crf": crf, "b": "0", "row-mt": "1", "cpu-used": "3"}
    if codec == "av1":
        return {"crf": f"{55 - 0.35 * quality:.0f}", "preset": "8"}
    if codec == "gif":
        return {"global_palette": "0"}
    if codec == "webp":
        return {"quality": f"{quality}"}
    return {}


def _check_encoder(name: str) -> None:
    av = load_av()
    try:
        av.Codec(name, "w")
    except av.codec.codec.UnknownCodecError as error:
        raise ValueError(
            f"This PyAV {av.__version__} has no encoder {name}. Choose another "
            "`codec`, or install the wheel of PyPI."
        ) from error


def _check_sound(path: str, container: str, source: Details) -> None:
    """Raises `ValueError` if a container cannot hold the sound as it is."""
    if not source.sound:
        return
    av = load_av()
    with av.open(os.devnull, "w", format=container) as empty:
        known = empty.supported_codecs
    missing = [codec for codec in source.sound if codec not in known]
    if missing:
        raise ValueError(
            f"'{path}' cannot hold sound of the codec {missing[0]}, which is "
            "copied as it is. Write .mkv, or .mp4 or .mov."
        )


def _check_rate(path: str, container: str, source: Details) -> None:
    """Raises `ValueError` if there are more frames than a container holds."""
    most = _MOST.get(container, source.rate)
    if source.rate > most:
        raise ValueError(
            f"'{path}' holds at most {most} frames a second; the clip has "
            f"{float(source.rate):g}. Write .webp, .mp4 or .mkv."
        )
