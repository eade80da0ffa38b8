"""Encodes image files; knows what each format holds, such as metadata.

| format | transparency | bits  | metadata         | at most  | longest side |
|--------|--------------|-------|------------------|----------|--------------|
| PNG    | yes          | 8, 16 | text chunks      | 1 MB     | 2^31 - 1     |
| JPEG   | no           | 8     | comment, as JSON | 65533 B  | 65500        |
| WebP   | yes          | 8     | EXIF, as JSON    | 2^31 - 1 | 16383        |
| TIFF   | yes          | 8, 16 | tag 270, as JSON | 2^31 - 1 | 2^31 - 1     |
"""

import dataclasses
import importlib.util
import json
import os
import pathlib
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import IO, Any

import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.PngImagePlugin

from tfstyle.images import png, srgb
from tfstyle.runtime.types import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Format:
    """A file format and its limits.

    Attributes:
        name: Pillow's name of the format.
        alpha: Whether it holds transparency.
        deep: Whether it holds 16 bits per channel.
        longest: Maximum length of a side, in pixels.
        room: Maximum size of the metadata, in bytes.
        packed: Least size of a painted picture, as a share of its samples.
    """

    name: str
    alpha: bool
    deep: bool
    longest: int
    room: int
    packed: float

    @property
    def lossy(self) -> bool:
        """Whether files have a quality."""
        return self.name in ("JPEG", "WEBP")

    def holds(self, metadata: Mapping[str, str]) -> bool:
        """Whether the format has room for metadata: keyword -> text."""
        return len(json.dumps(dict(metadata))) <= self.room


_LARGE = 2**31 - 1
_PNG = Format(
    # PNG has room for 2 GB, but few programs read texts longer than this.
    name="PNG",
    alpha=True,
    deep=True,
    longest=_LARGE,
    room=2**20,
    packed=0.2,
)
_JPEG = Format(
    name="JPEG", alpha=False, deep=False, longest=65500, room=65533, packed=0.05
)
_WEBP = Format(
    name="WEBP", alpha=True, deep=False, longest=16383, room=_LARGE, packed=0.02
)
_TIFF = Format(
    name="TIFF", alpha=True, deep=True, longest=_LARGE, room=_LARGE, packed=0.2
)

WRITABLE = {
    ".png": _PNG,
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": _WEBP,
    ".tif": _TIFF,
    ".tiff": _TIFF,
}

_DESCRIPTION = PIL.ExifTags.Base.ImageDescription
_X_RESOLUTION = PIL.ExifTags.Base.XResolution
_Y_RESOLUTION = PIL.ExifTags.Base.YResolution
_UNIT = PIL.ExifTags.Base.ResolutionUnit
_INCH = 2
# TIFF holds 4 GiB at most, tags included; BigTIFF holds more.
_MOST_TIFF = 2**32 - 2**25


def check_format(
    path: Path,
    bit_depth: int = 8,
    alpha: bool = False,
    longest: int = 1,
) -> Format:
    """Raises `ValueError` if a format cannot hold a picture, before it is made.

    Args:
        path: File to write later; its suffix names the format.
        bit_depth: Bits per channel, 8 or 16.
        alpha: Whether the picture has transparency.
        longest: Longer side of the picture, in pixels.

    Returns:
        The format.

    Raises:
        ValueError: The format is unknown, or cannot hold the picture.
    """
    name = os.fspath(path)
    suffix = pathlib.Path(path).suffix
    format = WRITABLE.get(suffix.lower())
    if format is None:
        raise ValueError(
            f"Cannot write '{name}': the name must end in one of "
            f"{', '.join(WRITABLE)}. Received: {suffix!r}"
        )
    if bit_depth not in (8, 16):
        raise ValueError(
            f"Cannot write '{name}': `bit_depth` must be 8 or 16. "
            f"Received: {bit_depth!r}"
        )
    if bit_depth == 16 and not format.deep:
        raise ValueError(
            f"Cannot write '{name}': {format.name} holds 8 bits per channel. "
            "Write .png or .tiff for 16."
        )
    if bit_depth == 16 and format is _TIFF:
        _tifffile(name)
    if alpha and not format.alpha:
        raise ValueError(
            f"Cannot write '{name}': {format.name} holds no transparency. "
            "Write .png, .webp or .tiff, or leave the transparency out."
        )
    if longest > format.longest:
        raise ValueError(
            f"Cannot write '{name}': {format.name} holds at most "
            f"{format.longest} pixels a side. Received: {longest}"
        )
    return format


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Integers of a picture, made strip by strip.

    Attributes:
        shape: `(height, width, 3)` for RGB, or `(height, width, 4)` for RGB
            and alpha.
        dtype: uint8 or uint16.
        strips: Arrays of up to `ROWS` rows, from the top; all but the last
            have as many.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype
    strips: Iterable[np.ndarray]

    @property
    def size(self) -> int:
        """Number of bytes."""
        height, width, channels = self.shape
        return height * width * channels * self.dtype.itemsize


ROWS = 64
"""Rows of a strip: few, as readers of TIFF files keep a strip in memory."""


def write(
    file: IO[bytes],
    samples: Samples,
    format: Format,
    quality: int,
    metadata: Mapping[str, str],
    dpi: int | None = None,
) -> None:
    """Writes a picture to a file, with an sRGB profile.

    Args:
        file: File to write, open for reading, too.
        samples: Picture.
        format: A format that can hold it; see `check_format`.
        quality: Quality of JPEG and WebP, from 1 to 100.
        metadata: Keyword -> text.
        dpi: Pixels per inch when printed; `None` to leave it open.

    Raises:
        ValueError: The format cannot hold the metadata.
    """
    deep = samples.dtype == np.uint16
    if format is _TIFF and (deep or _strip_by_strip(samples)):
        _write_tiff(file, samples, metadata, dpi)
        return
    if deep:
        _write_png(file, samples, metadata, dpi)
        return
    stream: Any = _Undescribed(file)
    _image(samples).save(
        stream,
        format.name,
        icc_profile=srgb.icc_profile(),
        **_options(format, quality, metadata, dpi),
    )


def _strip_by_strip(samples: Samples) -> bool:
    """Whether tifffile is to write 8 bits: Pillow compresses in memory."""
    large = samples.size > _MOST_TIFF
    return large or importlib.util.find_spec("tifffile") is not None


class _Undescribed:
    """A file without its descriptor.

    What Pillow's encoders write to a descriptor may fail without a reason, as
    on a full disk.

    Args:
        file: The file.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.read, self.write, self.flush = file.read, file.write, file.flush
        self.seek, self.tell = file.seek, file.tell


def _image(samples: Samples) -> PIL.Image.Image:
    height, width, channels = samples.shape
    image = PIL.Image.new({3: "RGB", 4: "RGBA"}[channels], (width, height))
    for i, strip in enumerate(samples.strips):
        image.paste(PIL.Image.fromarray(strip), (0, i * ROWS))
    return image


def _options(
    format: Format,
    quality: int,
    metadata: Mapping[str, str],
    dpi: int | None,
) -> dict[str, Any]:
    """Arguments of `PIL.Image.Image.save`."""
    text = json.dumps(dict(metadata)) if metadata else ""
    density = {} if dpi is None else {"dpi": (dpi, dpi)}
    if format is _PNG:
        return {"pnginfo": _png_chunks(metadata), **density}
    if format is _JPEG:
        # Colors at full resolution: painted edges are often edges of color.
        return {
            "quality": quality,
            "subsampling": 0,
            "comment": text,
            **density,
        }
    if format is _WEBP:
        exif = PIL.Image.Exif()
        if text:
            exif[_DESCRIPTION] = text
        if dpi is not None:
            exif[_X_RESOLUTION] = exif[_Y_RESOLUTION] = dpi
            exif[_UNIT] = _INCH
        return {"quality": quality, "exif": exif.tobytes() if exif else b""}
    tags = {_DESCRIPTION: text} if text else {}
    return {
        "compression": "tiff_adobe_deflate",
        "tiffinfo": tags,
        **density,
    }


def _png_chunks(metadata: Mapping[str, str]) -> PIL.PngImagePlugin.PngInfo:
    chunks = PIL.PngImagePlugin.PngInfo()
    for keyword, text in metadata.items():
        chunks.add_itxt(keyword, text)
    return chunks


def _tifffile(name: str) -> ModuleType:
    try:
        import tifffile
    except ImportError as error:
        raise ValueError(
            f"Cannot write '{name}' with 16 bits per channel or more than 4 "
            "GB: tifffile is missing. Install tfstyle[print], or write .png."
        ) from error
    return tifffile


def _write_png(
    file: IO[bytes],
    samples: Samples,
    metadata: Mapping[str, str],
    dpi: int | None,
) -> None:
    chunks = _png_chunks(metadata)
    if dpi is not None:
        meters = round(dpi / 0.0254)
        chunks.add(b"pHYs", struct.pack(">IIB", meters, meters, 1))
    given = samples.shape, samples.strips, srgb.icc_profile(), chunks
    png.write(file, *given)


def _write_tiff(
    file: IO[bytes],
    samples: Samples,
    metadata: Mapping[str, str],
    dpi: int | None,
) -> None:
    _tifffile(".tiff").imwrite(
        file,
        _packed(samples.strips),
        shape=samples.shape,
        dtype=samples.dtype,
        rowsperstrip=ROWS,
        photometric="rgb",
        planarconfig="contig",
        extrasamples=["unassalpha"] * (samples.shape[-1] - 3),
        compression="zlib",
        predictor=True,
        byteorder="<",
        iccprofile=srgb.icc_profile(),
        description=json.dumps(dict(metadata)) if metadata else None,
        software=False,
        resolution=None if dpi is None else (dpi, dpi),
        resolutionunit=None if dpi is None else "inch",
        bigtiff=samples.size > _MOST_TIFF,
        metadata=None,  # Keeps out the text that tifffile adds.
    )


def _packed(strips: Iterable[np.ndarray]) -> Iterator[bytes]:
    """Compresses strips: each sample less the one to its left."""
    for strip in strips:
        gaps = strip.astype(strip.dtype.newbyteorder("<"))
        gaps[:, 1:] -= strip[:, :-1]
        yield zlib.compress(gaps.tobytes())
