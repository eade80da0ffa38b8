"""Colors of movies: range, matrix and transfer; tone mapping of HDR.

A movie holds luma and chroma. `Colors` says how they were made from RGB, with
the numbers of ITU-T H.273; the painted movie is written in the same way, so
that players show it alike. HDR becomes SDR: models know no other pictures.

References:
    ITU-R BT.2100 for PQ and HLG; BT.2087 for the change of primaries.
"""

import dataclasses
from typing import Any

import numpy as np

RANGE_LIMITED, RANGE_FULL = 1, 2
_BT709, _UNSPECIFIED, _BT601, _SMPTE170M, _BT2020 = 1, 2, 5, 6, 9
_PQ, _HLG = 16, 18
_HIGH = 720  # Rows from which movies that do not say so are of Rec. 709.

# Scene-referred white of HLG and PQ movies, in candelas per square meter.
_WHITE = 203.0
_HLG_PEAK = 1000.0
_BRIGHTER = 1.6  # Middle tones keep their brightness.
# Rec. 2020 to Rec. 709, linear.
_TO_709 = np.array(
    [
        [1.6605, -0.5876, -0.0728],
        [-0.1246, 1.1329, -0.0083],
        [-0.0182, -0.1006, 1.1187],
    ],
    np.float32,
)


@dataclasses.dataclass(frozen=True)
class Colors:
    """How luma and chroma are made from RGB: numbers of ITU-T H.273.

    Attributes:
        matrix: Matrix from RGB to luma and chroma.
        range: 1 for 16 to 235 of 255, 2 for all.
        transfer: Transfer characteristic.
        primaries: Primaries.
    """

    matrix: int = _BT709
    range: int = RANGE_LIMITED
    transfer: int = _BT709
    primaries: int = _BT709

    @property
    def space(self) -> int:
        """The matrix as libswscale names it."""
        return _BT601 if self.matrix == _SMPTE170M else self.matrix


def of_frame(frame: Any) -> Colors:
    """Returns the colors of a decoded frame, guessed where they are not said.

    Args:
        frame: An `av.VideoFrame`.
    """
    if frame.format.is_rgb:
        return Colors()
    full = frame.color_range == RANGE_FULL or frame.format.name.startswith(
        "yuvj"
    )
    matrix = int(frame.colorspace)
    if matrix not in (_BT709, 4, _BT601, _SMPTE170M, 7, _BT2020):
        matrix = _BT709 if frame.height >= _HIGH else _SMPTE170M
    usual = matrix if matrix in (_BT709, _SMPTE170M) else _BT709
    return Colors(
        matrix,
        RANGE_FULL if full else RANGE_LIMITED,
        _known(frame.color_trc, usual),
        _known(frame.color_primaries, usual),
    )


def _known(value: int, usual: int) -> int:
    return int(value) if int(value) not in (0, _UNSPECIFIED) else usual


def is_hdr(colors: Colors) -> bool:
    """Whether the values are those of PQ or HLG, which screens differ in."""
    return colors.transfer in (_PQ, _HLG)


def of_output(colors: Colors) -> Colors:
    """Returns the colors to write: those of the source, or SDR for HDR."""
    return Colors() if is_hdr(colors) else colors


def to_rgb(frame: Any, colors: Colors) -> np.ndarray:
    """Converts a decoded frame to RGB.

    Args:
        frame: An `av.VideoFrame`.
        colors: Its colors.

    Returns:
        Array of shape `(height, width, 3)`, or with alpha `(height, width,
        4)`, float32, in [0, 1].
    """
    alpha = has_alpha(frame.format)
    if is_hdr(colors):
        values = _array(frame, colors, "rgb48le") / np.float32(65535)
        return tone_map(values, colors)
    return _array(frame, colors, "rgba" if alpha else "rgb24") / np.float32(255)


def has_alpha(format: Any) -> bool:
    """Whether an `av.VideoFormat` has transparency."""
    return any(component.is_alpha for component in format.components) or (
        format.name == "pal8"
    )


def _array(frame: Any, colors: Colors, format: str) -> np.ndarray:
    if frame.format.is_rgb:
        return frame.to_ndarray(format=format)
    return frame.to_ndarray(
        format=format,
        src_colorspace=colors.space,
        src_color_range=colors.range,
        interpolation="BICUBIC",
    )


def to_yuv(frame: Any, format: str, colors: Colors) -> Any:
    """Converts an `av.VideoFrame` of RGB to the format of an encoder."""
    made = frame.reformat(
        format=format,
        dst_colorspace=colors.space,
        dst_color_range=colors.range,
        interpolation="BICUBIC",
    )
    made.color_range = colors.range
    return made


def tone_map(values: np.ndarray, colors: Colors) -> np.ndarray:
    """Converts HDR to SDR of Rec. 709.

    Light up to the reference white of 203 candelas keeps its place; what is
    brighter is compressed (extended Reinhard).

    Args:
        values: Array of shape `(height, width, 3)`, in [0, 1], as the movie
            holds them: PQ or HLG, of Rec. 2020.
        colors: Colors of the movie.

    Returns:
        Float32 array of the same shape, in [0, 1].
    """
    linear = _pq(values) if colors.transfer == _PQ else _hlg(values)
    linear = np.maximum(linear @ _TO_709.T, 0) / _WHITE
    peak = _HLG_PEAK / _WHITE
    light = linear.max(-1, keepdims=True)
    mapped = light * (1 + light / peak**2) / (1 + light)
    scale = _BRIGHTER * mapped / np.maximum(light, 1e-6)
    linear = np.minimum(linear * scale, 1)
    return (linear ** np.float32(1 / 2.4)).astype(np.float32)


def _pq(values: np.ndarray) -> np.ndarray:
    """Converts PQ to light in candelas per square meter."""
    root = values ** np.float32(32 / 2523)
    ratio = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
    return 10_000 * ratio ** np.float32(8192 / 1305)


def _hlg(values: np.ndarray) -> np.ndarray:
    """Converts HLG to light in candelas, on a screen of 1,000."""
    scene = np.where(
        values <= 0.5,
        values**2 / 3,
        (np.exp((values - 0.55991073) / 0.17883277) + 0.28466892) / 12,
    )
    luminance = scene @ np.array([0.2627, 0.678, 0.0593], np.float32)
    return _HLG_PEAK * scene * luminance[..., None] ** np.float32(0.2)
