"""Decodes image files; refuses what is not an image, damaged or too large.

`srgb` converts the pixels: color space, range, transparency.
"""

import contextlib
import io
import json
import os
import pathlib
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import pi_heif
import PIL.ExifTags
import PIL.Image
import PIL.ImageChops
import PIL.ImageFile

from tfstyle.images import jpeg, png
from tfstyle.runtime import files, host_memory
from tfstyle.runtime.types import Path

# Formats of pixels only. Pillow would hand EPS to Ghostscript, an interpreter.
READABLE = (
    "PNG",
    "JPEG",
    "WEBP",
    "TIFF",
    "GIF",
    "BMP",
    "PPM",
    "AVIF",
    "JPEG2000",
    "HEIF",
)
pi_heif.register_heif_opener(
    thumbnails=False, depth_images=False, aux_images=False
)
# Endings of cameras' raw files, whose formats are not.
UNREADABLE = (
    ".arw",
    ".cr2",
    ".cr3",
    ".dng",
    ".nef",
    ".orf",
    ".raf",
    ".rw2",
)
# Bytes per pixel, including the arrays that are made from it.
_DECODED = 40
# Held while Pillow's limit and the warning filters are replaced: both are
# global to the process.
_LOCK = threading.Lock()


def decode(
    path: Path, max_pixels: int
) -> tuple[PIL.Image.Image, PIL.Image.Image | None]:
    """Reads the first picture of a file, upright, otherwise as stored.

    Args:
        path: File of one of the formats in `READABLE`.
        max_pixels: Maximum number of pixels; larger pictures are refused
            before they are decoded.

    Returns:
        A Pillow image of any mode, with the `info` of the file. If it holds
        the upper bytes of 16 bits, as for colors in PNG files, also an image
        of the lower bytes, else `None`.

    Raises:
        FileNotFoundError: There is no such file.
        IsADirectoryError: It is a folder.
        ValueError: It is empty, damaged, not an image or too large.
    """
    with _open(path, max_pixels) as image:
        width, height = image.size
        host_memory.check(
            f"'{os.fspath(path)}' of {width}x{height} pixels",
            _DECODED * width * height,
        )
        try:
            deep = image.format == "PNG" and png.prepare(image)
            _load(image)
        except MemoryError:
            raise
        except Exception as error:  # Pillow's readers raise almost anything.
            ended = image.format == "JPEG" and _ended(path, max_pixels)
            if not ended:
                raise _damaged(path, error) from error
            return upright(ended), None
        picture = upright(image)
    if not deep:
        return picture, None
    with _open(path, max_pixels) as image:
        return picture, upright(png.load_lower(image))


def _load(image: PIL.Image.Image) -> None:
    # TIFF warns while it loads; other formats need no lock.
    quiet = _quiet() if image.format == "TIFF" else contextlib.nullcontext()
    with quiet:
        image.load()


def _ended(path: Path, max_pixels: int) -> PIL.Image.Image | None:
    """Reads a JPEG file that lacks its end marker; `None` if pixels are lost.

    Lost pixels show: they differ when other bytes take their place.
    """
    # The last byte may be half of the marker.
    data = pathlib.Path(path).read_bytes().rstrip(b"\xff")
    try:
        image, other = (
            _identified(io.BytesIO(data + more + jpeg.END), path, max_pixels)
            for more in (b"", jpeg.NOISE)
        )
        same = not PIL.ImageChops.difference(image, other).getbbox()
        whole = jpeg.has_all_scans(data, len(image.getbands()))
    except MemoryError:
        raise
    except Exception:  # As in `decode`.
        return None
    return image if same and whole else None


def read_metadata(path: Path) -> dict[str, str]:
    """Reads the text that `images.save` put into a file.

    Args:
        path: An image file; its pixels are not read.

    Returns:
        Keyword -> text; empty if there is none, or none of this package. For
        PNG files it includes the text chunks of other programs.

    Raises:
        FileNotFoundError: There is no such file.
        IsADirectoryError: It is a folder.
        ValueError: It is empty or not an image.
    """
    # No pixels are read, so none can be too many.
    with _open(path, sys.maxsize) as image:
        try:
            if image.format == "PNG":
                return _texts(image.info)
            if "comment" in image.info:
                return _parsed(image.info["comment"])
            with _quiet():
                exif = image.getexif()
            return _parsed(exif.get(PIL.ExifTags.Base.ImageDescription, ""))
        except Exception as error:  # As in `decode`.
            raise _damaged(path, error) from error


def size(path: Path) -> tuple[int, int]:
    """Returns width and height of an image file, as stored, in pixels.

    Raises:
        FileNotFoundError: There is no such file.
        IsADirectoryError: It is a folder.
        ValueError: It is empty or not an image.
    """
    with _open(path, sys.maxsize) as image:
        return image.size


def frames(path: Path) -> int:
    """Returns the number of pictures of an animation; 1 of other images.

    Of a file that breaks off, those before.

    Raises:
        FileNotFoundError: There is no such file.
        IsADirectoryError: It is a folder.
        ValueError: It is empty or not an image.
    """
    with _open(path, sys.maxsize) as image:
        # Not the pages of a TIFF file, nor what phones add to a JPEG file.
        animated = image.format in ("GIF", "WEBP", "PNG")
        try:
            return getattr(image, "n_frames", 1) if animated else 1
        except Exception:  # As in `decode`, on the way through the frames.
            return image.tell() + 1


@contextlib.contextmanager
def _open(path: Path, max_pixels: int) -> Iterator[PIL.ImageFile.ImageFile]:
    """Opens a file by its header, and refuses what that shows to be wrong."""
    _check_readable(path)
    with contextlib.ExitStack() as stack:
        file: BinaryIO = stack.enter_context(open(path, "rb"))
        profile = None
        if file.read(len(png.SIGNATURE)) == png.SIGNATURE:
            file, profile = png.without_odd_chunks(file)
        image = stack.enter_context(_identified(file, path, max_pixels))
        if profile is not None:
            image.info["icc_profile"] = profile
        yield image


def _identified(
    file: BinaryIO, path: Path, max_pixels: int
) -> PIL.ImageFile.ImageFile:
    """Opens a file with Pillow; errors name it by `path`."""
    with _quiet():
        warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
        limit = PIL.Image.MAX_IMAGE_PIXELS
        PIL.Image.MAX_IMAGE_PIXELS = max_pixels
        try:
            return PIL.Image.open(file, formats=READABLE)
        except (
            PIL.Image.DecompressionBombWarning,
            PIL.Image.DecompressionBombError,
        ) as error:
            raise ValueError(
                f"'{os.fspath(path)}' has more than max_pixels={max_pixels} "
                "pixels. Shrink it, or raise `max_pixels`."
            ) from error
        except PIL.UnidentifiedImageError as error:
            ending = pathlib.Path(path).suffix.lower()
            advice = " Convert it to JPEG." if ending in UNREADABLE else ""
            raise ValueError(
                f"'{os.fspath(path)}' is not an image that can be read, or "
                f"not a whole one. Expected: {', '.join(READABLE)}.{advice}"
            ) from error
        except Exception as error:  # As in `decode`.
            raise _damaged(path, error) from error
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = limit


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides Pillow's warnings about metadata, which is not used."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check_readable(path: Path) -> None:
    name, file = os.fspath(path), pathlib.Path(path)
    if file.is_dir():
        raise IsADirectoryError(f"'{name}' is a folder. Expected: an image.")
    if not file.exists():
        files.check_no_address(path)
        raise FileNotFoundError(f"'{name}' does not exist. Expected: an image.")
    if not file.is_file():
        raise ValueError(f"'{name}' is not a file. Expected: an image.")
    if not file.stat().st_size:
        raise ValueError(f"'{name}' is empty. Expected: an image.")


def _damaged(path: Path, error: Exception) -> ValueError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ValueError(
        f"'{os.fspath(path)}' is damaged or incomplete ({reason})."
    )


def upright(image: PIL.Image.Image) -> PIL.Image.Image:
    """Turns an image upright as its EXIF orientation says."""
    image.load()  # Pillow turns TIFF itself, and forgets its orientation.
    # Not `ImageOps.exif_transpose`: it rewrites the EXIF data, and fails if
    # other parts of them are damaged.
    try:
        with _quiet():
            exif = image.getexif()
        orientation = exif.get(PIL.ExifTags.Base.Orientation, 1)
    except Exception:  # As in `decode`: EXIF data are a file within the file.
        return image
    method = _UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)


_UPRIGHT = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}


def _parsed(text: str | bytes) -> dict[str, str]:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):  # Another program wrote it.
        return {}
    return _texts(parsed) if isinstance(parsed, dict) else {}


def _texts(values: Mapping[Any, Any]) -> dict[str, str]:
    # `str` turns Pillow's subclass of it, which has a language, into text.
    return {
        key: str(value)
        for key, value in values.items()
        if isinstance(key, str) and isinstance(value, str)
    }
