"""Converts any image that Pillow reads to sRGB in [0, 1] and transparency.

Colors are converted by the ICC profile of the file; a profile that is damaged,
or of another kind of pixels, is ignored, as browsers do. PNG files without a
profile may state gamma and primaries (gAMA, cHRM), which an sRGB chunk
overrides; HEIC files may state primaries (nclx).

RGB of 16 bits is read as 8 bits, except in PNG files without a profile or with
that of `icc_profile`; gray keeps all 16 bits.
"""

import io
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageCms
import PIL.TiffImagePlugin

_TIFF = PIL.TiffImagePlugin
_GRAY = ("1", "L", "LA", "La")
# Color space of an ICC profile -> Pillow's mode of the pixels it describes.
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_WHITE_IS_0, _APART = 0, 2  # Values of TIFF tags.
_STRIP = 512  # Rows that are converted together.


def convert(
    image: PIL.Image.Image, lower: PIL.Image.Image | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Converts an image to sRGB colors and transparency.

    Gray tones without a known range (32-bit integers and floats) are kept if
    they are within 16 bits or [0, 1]; else they are stretched from their
    minimum to their maximum.

    Args:
        image: Image of any mode, with the `info` of its file.
        lower: Lower bytes of 16 bits, if `image` holds the upper ones; of the
            same mode, RGB or RGBA, or LA if the RGB of `image` is gray.

    Returns:
        Float32 array of shape `(height, width, 3)`, RGB in [0, 1]; and one of
        shape `(height, width)`, from 0, transparent, to 1, or `None` if all
        is opaque. Invisible pixels have the mean of the visible colors.

    Raises:
        ValueError: Some tones are not finite, or it is a TIFF file that
            Pillow misreads.
    """
    _check_planes(image)
    profile = _profile(image)
    pixels, alpha = _channels(image, lower, profile)
    own = image.info.get("icc_profile") == icc_profile()
    if profile is None and not (own or "srgb" in image.info):
        pixels = _calibrated(pixels, image.info)
    if alpha is None or alpha.min() == 1:
        return pixels, None
    return without_hidden_colors(pixels, alpha), alpha


def _channels(
    image: PIL.Image.Image,
    lower: PIL.Image.Image | None,
    profile: PIL.ImageCms.ImageCmsProfile | None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Colors, converted by their profile, and alpha."""
    if image.mode.startswith("I") or image.mode == "F":
        tones, alpha = _deep_gray(image)
        return _colored(tones, profile), alpha
    if lower is not None:
        image = image.convert(lower.mode)
        pixels, alpha = _deep_colors(image, lower)
        if image.mode == "LA":
            return _colored(pixels[..., 0], profile), alpha
        if profile is not None:  # Pillow transforms 8 bits.
            pixels = unit(_srgb(image.convert("RGB"), profile))
        return pixels, alpha
    image, alpha = _without_alpha(image)
    if image.mode == "L":
        return _colored(unit(image), profile), alpha
    return unit(_srgb(image, profile)), alpha


def unit(image: PIL.Image.Image) -> np.ndarray:
    """Converts the samples of an 8-bit image to float32 in [0, 1]."""
    width, height = image.size
    bands = len(image.getbands())
    shape = (height, width) if bands == 1 else (height, width, bands)
    found = np.empty(shape, np.float32)
    for top in range(0, height, _STRIP):
        strip = image.crop((0, top, width, min(top + _STRIP, height)))
        np.divide(np.asarray(strip), 255, out=found[top : top + _STRIP])
    return found


def icc_profile() -> bytes:
    """Returns the ICC profile of sRGB, always the same bytes."""
    srgb = PIL.ImageCms.createProfile("sRGB")
    data = bytearray(PIL.ImageCms.ImageCmsProfile(srgb).tobytes())
    # The date of creation: equal pixels must give equal files.
    data[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(data)


def _without_alpha(
    image: PIL.Image.Image,
) -> tuple[PIL.Image.Image, np.ndarray | None]:
    """Splits an 8-bit image into colors, of mode L, RGB or CMYK, and alpha."""
    mode = "L" if image.mode in _GRAY else "RGB"
    if image.has_transparency_data:
        image = image.convert("LA" if mode == "L" else "RGBA")
        return image.convert(mode), unit(image.getchannel("A"))
    if image.mode in ("CMYK", mode):
        return image, None
    return image.convert(mode), None


def _deep_gray(
    image: PIL.Image.Image,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Tones in [0, 1] and alpha of one channel of 16 or 32 bits."""
    values = np.asarray(image)
    # Of a TIFF file; Pillow overlooks some. Others have signed integers.
    tags = getattr(image, "tag_v2", {_TIFF.SAMPLEFORMAT: (2,)})
    unsigned = tags.get(_TIFF.SAMPLEFORMAT, (1,)) == (1,)
    if values.dtype == np.int32 and unsigned:
        values = values.view(np.uint32)
    if not np.isfinite(values).all():
        raise ValueError(
            "Expected finite gray tones. Received: NaN or infinite ones."
        )
    hidden = image.info.get("transparency")
    alpha = None if hidden is None else (values != hidden).astype(np.float32)
    bits = min(tags.get(_TIFF.BITSPERSAMPLE, (16,))[0], 16)
    low, high = 0, 1 if image.mode == "F" else 2**bits - 1
    if values.min() < low or values.max() > high:
        low, high = values.min(), values.max()
    tones = (values.astype(np.float64) - low) / (float(high) - low or 1)
    if tags.get(_TIFF.PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_0:
        tones = 1 - tones
    return np.clip(tones, 0, 1).astype(np.float32), alpha


def _check_planes(image: PIL.Image.Image) -> None:
    """Raises `ValueError` where Pillow takes bytes of 16 bits for samples."""
    tags = getattr(image, "tag_v2", {})
    deep = max(tags.get(_TIFF.BITSPERSAMPLE, (8,))) > 8
    raw = tags.get(_TIFF.COMPRESSION, 1) == 1
    if deep and raw and tags.get(_TIFF.PLANAR_CONFIGURATION) == _APART:
        raise ValueError(
            "TIFF of 16 bits with a plane for each channel cannot be read. "
            "Save it with interleaved channels, or with 8 bits."
        )


def _deep_colors(
    image: PIL.Image.Image, lower: PIL.Image.Image
) -> tuple[np.ndarray, np.ndarray | None]:
    """RGB or gray in [0, 1] and alpha from upper and lower bytes."""
    values = np.asarray(image).astype(np.uint16) << 8 | np.asarray(lower)
    samples = values.astype(np.float32) / 65535
    if image.mode in ("LA", "RGBA"):
        return samples[..., :-1], samples[..., -1]
    hidden = image.info.get("transparency")
    if hidden is None:
        return samples, None
    return samples, (values != hidden).any(-1).astype(np.float32)


def _profile(image: PIL.Image.Image) -> PIL.ImageCms.ImageCmsProfile | None:
    data = image.info.get("icc_profile")
    if not data or data == icc_profile():  # Converting would cost precision.
        return None
    try:
        return PIL.ImageCms.ImageCmsProfile(io.BytesIO(data))
    except OSError:
        return None


def _srgb(
    image: PIL.Image.Image, profile: PIL.ImageCms.ImageCmsProfile | None
) -> PIL.Image.Image:
    """Converts the colors of an image from `profile` to sRGB."""
    if profile is None:
        return image if image.mode == "RGB" else image.convert("RGB")
    mode = _MODES.get(profile.profile.xcolor_space.strip())
    if mode == "RGB" and image.mode == "L":
        image = image.convert("RGB")
    if image.mode != mode:
        return image.convert("RGB")
    srgb = PIL.ImageCms.createProfile("sRGB")
    try:
        converted = PIL.ImageCms.profileToProfile(
            image, profile, srgb, outputMode="RGB"
        )
    except PIL.ImageCms.PyCMSError:
        return image.convert("RGB")
    return converted or image.convert("RGB")


def _colored(
    tones: np.ndarray, profile: PIL.ImageCms.ImageCmsProfile | None
) -> np.ndarray:
    """Converts gray tones to RGB, without rounding 16 bits to 8."""
    if profile is None:
        return np.repeat(tones[..., None], 3, axis=-1)
    # Pillow transforms 8 bits: that gives the curve to interpolate.
    steps = np.arange(256, dtype=np.uint8)[None]
    curve = unit(_srgb(PIL.Image.fromarray(steps), profile))[0]
    places = np.linspace(0, 1, 256)
    channels = [np.interp(tones, places, curve[:, i]) for i in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def without_hidden_colors(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Replaces invisible pixels, often black or noise, by the visible mean."""
    if not alpha.any():
        return pixels
    visible = alpha[..., None] > 0
    return np.where(visible, pixels, _mean(pixels, alpha))


def _mean(pixels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean color."""
    # Sums of float32 are wrong from millions of pixels on.
    total = np.einsum("yxc,yx->c", pixels, weights, dtype=np.float64)
    return (total / weights.sum(dtype=np.float64)).astype(np.float32)


def _calibrated(pixels: np.ndarray, info: Mapping[Any, Any]) -> np.ndarray:
    """Converts colors of other primaries or another gamma to sRGB.

    Args:
        pixels: Array of shape `(height, width, 3)`.
        info: Pillow's `info`, with or without `"gamma"`, `"chromaticity"` and
            `"nclx_profile"`.
    """
    gamma = info.get("gamma") or _GAMMA
    matrix = _to_primaries(_chromaticity(info))
    same = np.allclose(matrix, np.eye(3), atol=1e-3)
    if same and abs(gamma / _GAMMA - 1) < _SAME_GAMMA:
        return pixels
    if same:
        return pixels ** (_GAMMA / gamma)
    linear = pixels ** (1 / gamma) @ matrix.T.astype(np.float32)
    return np.clip(linear, 0, 1) ** _GAMMA


def _chromaticity(info: Mapping[Any, Any]) -> Sequence[float]:
    """Chromaticities of white, red, green and blue: own ones, or sRGB's."""
    nclx = info.get("nclx_profile")
    if nclx is None:
        return info.get("chromaticity", _CHROMATICITY)
    return [
        nclx[f"color_primary_{color}_{axis}"]
        for color in ("white", "red", "green", "blue")
        for axis in "xy"
    ]


# sRGB's x and y of white, red, green and blue, and the gamma that the PNG
# specification gives for its curve. libpng takes any gamma within 5 % for it.
_CHROMATICITY = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
_GAMMA = 1 / 2.2
_SAME_GAMMA = 0.05
# Lam and Rigg: XYZ to responses of the eye's cones, for chromatic adaptation.
_BRADFORD = np.array(
    [
        [0.8951, 0.2664, -0.1614],
        [-0.7502, 1.7135, 0.0367],
        [0.0389, -0.0685, 1.0296],
    ]
)


def _to_primaries(chromaticity: Sequence[float]) -> np.ndarray:
    """Matrix from linear RGB of other primaries to sRGB; white stays white.

    Primaries that are no basis of colors are ignored.
    """
    try:
        white, theirs = _basis(chromaticity)
        ours_white, ours = _basis(_CHROMATICITY)
        cones = np.diag((_BRADFORD @ ours_white) / (_BRADFORD @ white))
        adapted = np.linalg.solve(_BRADFORD, cones @ _BRADFORD @ theirs)
        return np.linalg.solve(ours, adapted)
    except (ZeroDivisionError, np.linalg.LinAlgError):
        return np.eye(3)


def _basis(chromaticity: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """XYZ of white, and of the primaries as columns, which sum to white."""
    pairs = np.reshape(chromaticity, (4, 2)).tolist()
    white, *primaries = (
        np.array([x / y, 1, (1 - x - y) / y]) for x, y in pairs
    )
    columns = np.stack(primaries, axis=1)
    return white, columns * np.linalg.solve(columns, white)
