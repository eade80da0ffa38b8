"""Reads and writes images for the clients: upright, sRGB, JPEG or PNG.

The model ignores EXIF and color profiles, and reads only JPEG and PNG. Files
that need no conversion are sent unchanged.
"""

import collections
import io
import os
import pathlib
import re
import secrets
import zlib
from collections.abc import Iterator
from typing import cast

import numpy as np
import pi_heif
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

# Pillow's names of the formats that are written, and sent as they are.
FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
_HEIF = {".heic", ".heif", ".hif"}
_READABLE = {*FORMATS, *_HEIF, ".webp", ".tif", ".tiff", ".bmp", ".gif"}
pi_heif.register_heif_opener(
    thumbnails=False, depth_images=False, aux_images=False
)
# Raw files of cameras: Pillow does not read them, or only a part.
_UNREADABLE = {".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"}
_PNG = b"\x89PNG\r\n\x1a\n"
_ORIENTATION = 0x0112  # Number of the EXIF tag.
_NOTE = b"Painted by the serving client of tfstyle"
_HEAD = 2**17  # Bytes that hold the header and the note of a written file.
_QUALITY = 95  # JPEG quality; the default of the other programs, too.


def find(folder: str | os.PathLike[str]) -> list[pathlib.Path]:
    """Returns the images in a folder and its subfolders, sorted by path.

    Raises:
        OSError: One of them cannot be read.
    """
    return sorted(
        path
        for path in _walk(folder)
        if path.suffix.lower() in _READABLE and path.is_file()
    )


def unreadable(folder: str | os.PathLike[str]) -> collections.Counter[str]:
    """Counts the photographs of a folder that `find` leaves out, by ending."""
    endings = (path.suffix.lower() for path in _walk(folder))
    return collections.Counter(e for e in endings if e in _UNREADABLE)


def read(path: str | os.PathLike[str], size: int | None = None) -> bytes:
    """Reads an image file as the bytes of a JPEG or PNG file.

    Args:
        path: File of any format that Pillow reads.
        size: Longest side, in pixels; larger images are reduced.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not an image, damaged, or has more pixels than Pillow
            reads.
    """
    check_no_address(path)
    data = pathlib.Path(path).read_bytes()
    try:
        with Image.open(io.BytesIO(_without_texts(data))) as image:
            return data if _fine(image, size) else _remade(image, size)
    except (UnidentifiedImageError, SyntaxError) as error:
        wrong = pathlib.Path(path).suffix.lower() in _UNREADABLE
        advice = " Convert it to JPEG." if wrong else ""
        raise ValueError(
            f"'{os.fspath(path)}' is not an image.{advice}"
        ) from error
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"'{os.fspath(path)}' is too large: {error}"
        ) from error
    except (OSError, ValueError, EOFError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        # Pillow's own, for a file that breaks off, and the HEIC decoder's.
        raise ValueError(f"'{os.fspath(path)}' is damaged: {error}") from error


def is_transparent(data: bytes) -> bool:
    """Whether what `read` returned has parts that are not opaque."""
    with Image.open(io.BytesIO(_without_texts(data))) as image:
        if not image.has_transparency_data:
            return False
        alpha = image.convert("RGBA").getchannel("A")
        return alpha.getextrema() != (255, 255)


def write(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes the bytes of an image, as a whole or not at all.

    The image is converted to the format of the name's suffix, and gets a note
    by which `is_ours` knows the file.
    """
    path = pathlib.Path(path)
    wanted = FORMATS[path.suffix.lower()]
    with Image.open(io.BytesIO(data)) as image:
        if image.format != wanted:
            data = _encoded(image, wanted)
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(part, "xb") as file:
            file.write(_noted(data))
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def is_ours(path: str | os.PathLike[str]) -> bool:
    """Whether `write` wrote a file."""
    with open(path, "rb") as file:
        return _NOTE in file.read(_HEAD)


def check_no_address(path: str | os.PathLike[str]) -> None:
    """Raises `FileNotFoundError` for a URL, unless a file has this name."""
    name = os.fspath(path)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", name) and not os.path.exists(
        name
    ):
        raise FileNotFoundError(
            f"'{name}' is an address, not a file. Download it first, and give "
            "the name of the file."
        )


def check_output(path: str | os.PathLike[str]) -> None:
    """Raises `ValueError` unless `write` knows the name's suffix."""
    suffix = pathlib.Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise ValueError(
            f"--output must be a folder, or a file that ends in one of "
            f"{', '.join(FORMATS)}. Received: '{os.fspath(path)}'"
        )


def _walk(folder: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    for place, _, names in os.walk(folder, onerror=_raise):
        # Not the companion files of macOS, which hold no picture.
        pictures = (name for name in names if not name.startswith("._"))
        yield from (pathlib.Path(place, name) for name in pictures)


def _raise(error: OSError) -> None:
    """For `os.walk`, which leaves out what it cannot read."""
    raise error


def _without_texts(data: bytes) -> bytes:
    """Removes texts from a PNG file: Pillow refuses files with large ones."""
    if not data.startswith(_PNG):
        return data
    at, parts = len(_PNG), [_PNG]
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] not in (b"tEXt", b"zTXt", b"iTXt"):
            parts.append(data[at:end])
        at = end
    return b"".join(parts)


def _noted(data: bytes) -> bytes:
    """Adds the note as a comment, after the header."""
    if data.startswith(_PNG):
        at, chunk = len(_PNG) + 25, b"tEXtComment\0" + _NOTE
        length, check = len(chunk) - 4, zlib.crc32(chunk)
        note = length.to_bytes(4, "big") + chunk + check.to_bytes(4, "big")
    else:
        at = 4 + int.from_bytes(data[4:6], "big")
        note = b"\xff\xfe" + (2 + len(_NOTE)).to_bytes(2, "big") + _NOTE
    return data[:at] + note + data[at:]


def _fine(image: Image.Image, size: int | None) -> bool:
    return (
        image.format in FORMATS.values()
        and image.mode in ("RGB", "RGBA", "L")
        and not (size and max(image.size) > size)
        and image.getexif().get(_ORIENTATION, 1) == 1
        and not image.info.get("icc_profile")
    )


def _remade(image: Image.Image, size: int | None) -> bytes:
    # MPO and HEIF: of phones.
    lossless = image.format not in ("JPEG", "MPO", "HEIF")
    image = ImageOps.exif_transpose(image)
    image = _to_srgb(image)
    if size and max(image.size) > size:
        scale = size / max(image.size)
        # At least one pixel: a panorama of 1000x3 at size 256 rounds to 0.
        shape = [max(1, round(scale * side)) for side in image.size]
        image = image.resize(shape, Image.Resampling.LANCZOS)
    return _encoded(image, "PNG" if lossless else "JPEG")


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode == "F" or image.mode.startswith("I"):
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
    elif image.mode not in ("L", "CMYK"):
        image = image.convert("RGB")
    if profile:
        image = _converted(image, profile)
    return image if image.mode == "RGBA" else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scales gray of 16 or 32 bits to 8 bits, where Pillow would clip it.

    16 bits are divided by 257, floats in [0, 1] multiplied by 255. Other
    values have no known range: the least becomes 0, the largest 255.
    """
    values = np.asarray(image)
    low, high = 0.0, 1.0 if image.mode == "F" else 65535.0
    if values.min() < low or values.max() > high:
        low, high = float(values.min()), float(values.max())
    tones = (values.astype(np.float64) - low) / (high - low or 1)
    gray = Image.fromarray(np.rint(255 * tones).astype(np.uint8))
    hidden = image.info.get("transparency")
    if hidden is not None:
        gray.putalpha(Image.fromarray(values != hidden).convert("L"))
    return gray


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    """Converts to sRGB; a damaged or unsuitable profile is ignored."""
    try:
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGBA" if image.mode == "RGBA" else "RGB",
        )
        return cast(Image.Image, converted)  # `None` only with inPlace=True.
    except (OSError, ImageCms.PyCMSError):
        return image


def _encoded(image: Image.Image, format: str) -> bytes:
    if format == "JPEG" and image.mode != "RGB":
        # JPEG has no transparency: put the image on white.
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    file = io.BytesIO()
    # Pillow would copy both, but the pixels are sRGB now, and a comment may be
    # too long for JPEG.
    image.save(file, format, quality=_QUALITY, icc_profile=None, comment=b"")
    return file.getvalue()
