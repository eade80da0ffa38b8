"""Reads and writes the parts of PNG files that Pillow does not handle.

Pillow refuses intact pixels because of large or damaged texts and profiles,
reads 8 of the 16 bits of a color, writes no 16-bit files, and returns
transparent colors as the file has them.
"""

import bisect
import io
import itertools
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, BinaryIO

import numpy as np
import PIL.Image
import PIL.ImageFile
import PIL.PngImagePlugin

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Decompressed bytes of one chunk without pixels, and of all of them: Pillow
# keeps them in memory, and raises if a text is longer.
_LONGEST = PIL.PngImagePlugin.MAX_TEXT_CHUNK
_ALL = 16 * _LONGEST
# Profiles of presses, with tables for inks, have up to 4 MB.
_LONGEST_PROFILE = 16 * 2**20
# Pillow's raw mode of samples -> raw mode that reads their lower bytes.
_LOWER = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L", "LA;16B": "RGBA"}
# Pillow's raw mode of gray -> bits.
_BITS = {"L;2": 2, "L;4": 4, "L": 8}
# Channels -> color type in a file: RGB, and RGB with alpha.
_COLORS = {3: 2, 4: 6}
_SUB = 1  # Filter: each pixel less the one to its left.


def without_odd_chunks(file: BinaryIO) -> tuple[BinaryIO, bytes | None]:
    """Hides chunks that hold no pixels but are large or damaged.

    Args:
        file: PNG file; must stay open as long as the result is read.

    Returns:
        The file without these chunks and without its ICC profile; and the
        profile, or `None`.
    """
    parts, profile = _scan(file)
    return io.BufferedReader(_Parts(file, parts)), profile


def prepare(image: PIL.ImageFile.ImageFile) -> bool:
    """Scales the transparent color as Pillow scales the pixels.

    Args:
        image: Image that is not loaded yet.

    Returns:
        Whether Pillow loads only the upper bytes of 16 bits; see
        `load_lower`. Then the transparent color has 16 bits.
    """
    samples, key = image.tile[0].args, image.info.get("transparency")
    if samples in _BITS and key is not None:
        largest = 2 ** _BITS[samples] - 1
        # Bits beyond the depth do not count.
        image.info["transparency"] = (key & largest) * 255 // largest
    elif samples == "RGB" and key is not None:
        image.info["transparency"] = tuple(tone & 255 for tone in key)
    return samples in _LOWER


def load_lower(image: PIL.ImageFile.ImageFile) -> PIL.Image.Image:
    """Loads the lower bytes of 16 bits, if `prepare` returned true.

    Args:
        image: Image that is not loaded yet.

    Returns:
        Image of mode RGB or RGBA; LA of gray with alpha, of whose upper bytes
        Pillow makes RGBA.
    """
    (tile,) = image.tile
    samples = str(tile.args)
    image.tile = [tile._replace(args=_LOWER[samples])]
    image.load()
    if samples != "LA;16B":
        return image
    _, gray, _, alpha = image.split()  # Upper and lower bytes in turn.
    return PIL.Image.merge("LA", (gray, alpha))


def write(
    file: IO[bytes],
    shape: tuple[int, int, int],
    strips: Iterable[np.ndarray],
    profile: bytes,
    texts: PIL.PngImagePlugin.PngInfo,
) -> None:
    """Writes a picture with 16 bits per channel.

    It compresses only runs of equal bytes, as OpenCV does: a full search
    takes five times as long for files that are up to 7 % smaller.

    Args:
        file: File to write.
        shape: `(height, width, 3)` for RGB, or `(height, width, 4)` for RGB
            and alpha.
        strips: uint16 arrays of some rows each, from the top.
        profile: ICC profile of sRGB.
        texts: Text chunks.
    """
    height, width, channels = shape
    kind = _COLORS[channels]
    header = struct.pack(">2I5B", width, height, 16, kind, 0, 0, 0)
    packed = b"sRGB\0\0" + zlib.compress(profile)
    chunks = [(b"IHDR", header), (b"iCCP", packed)]
    chunks += [(bytes(name), bytes(data)) for name, data, *_ in texts.chunks]
    file.write(SIGNATURE)
    for name, data in chunks:
        PIL.PngImagePlugin.putchunk(file, name, data)
    for part in _compressed(strips):
        PIL.PngImagePlugin.putchunk(file, b"IDAT", part)
    PIL.PngImagePlugin.putchunk(file, b"IEND", b"")


def _compressed(strips: Iterable[np.ndarray]) -> Iterator[bytes]:
    stream = zlib.compressobj(level=1, strategy=zlib.Z_RLE)
    for strip in strips:
        if part := stream.compress(_filtered(strip)):
            yield part
    yield stream.flush()


def _filtered(strip: np.ndarray) -> bytes:
    """Returns filtered rows, each with its filter type."""
    size = 2 * strip.shape[-1]
    pixels = strip.astype(">u2").view(np.uint8).reshape(len(strip), -1)
    rows = np.pad(pixels, ((0, 0), (1, 0)), constant_values=_SUB)
    rows[:, 1 + size :] -= pixels[:, :-size]
    return rows.tobytes()


def _scan(file: BinaryIO) -> tuple[list[tuple[int, int]], bytes | None]:
    """Start and length of the parts to keep, and the ICC profile."""
    parts, profile, memory = [], None, 0
    begin = 0
    for kind, at, end in _chunks(file):
        if not kind[:1].islower():  # Critical: needed for the pixels.
            continue
        content = _content(file, kind, at, end)
        if kind == b"iCCP":
            profile, size = _profile(content), None
        else:
            size = _size(kind, content)
        if size is not None and memory + size <= _ALL:
            memory += size
        else:
            parts.append((begin, at - begin))
            begin = end
    return [*parts, (begin, file.seek(0, io.SEEK_END) - begin)], profile


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yields the type, the start and the end of each chunk."""
    end, at = file.seek(0, io.SEEK_END), len(SIGNATURE)
    while at + 8 <= end:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        yield kind, at, min(at + 12 + length, end)
        at += 12 + length


def _content(file: BinaryIO, kind: bytes, at: int, end: int) -> bytes | None:
    """Content of a chunk; `None` if it is large or damaged."""
    length = end - at - 12
    if length > (_LONGEST_PROFILE if kind == b"iCCP" else _LONGEST):
        return None
    file.seek(at + 4)
    checked, checksum = file.read(4 + max(0, length)), file.read(4)
    whole = checksum == struct.pack(">I", zlib.crc32(checked))
    return checked[4:] if whole else None


def _profile(content: bytes | None) -> bytes | None:
    _, _, packed = (content or b"").partition(b"\0")
    return _inflated(packed, _LONGEST_PROFILE)


def _size(kind: bytes, content: bytes | None) -> int | None:
    """Bytes that a chunk takes in memory; `None` if it cannot be read."""
    if content is None:
        return None
    _, _, packed = content.partition(b"\0")
    if kind == b"iTXt" and packed[:1] == b"\1":
        # Skips the method, 0, the language and the translated keyword.
        packed = packed[1:2] + packed[2:].split(b"\0", 2)[-1]
    elif kind != b"zTXt":
        return len(content)
    text = _inflated(packed, _LONGEST)
    return None if text is None else len(text)


def _inflated(packed: bytes, longest: int) -> bytes | None:
    """Decompresses data of method 0; `None` if it is too long or damaged."""
    if packed[:1] != b"\0":
        return None
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(packed[1:], longest)
    except zlib.error:
        return None
    return None if stream.unconsumed_tail else data


class _Parts(io.RawIOBase):
    """Reads parts of a file as if they were a file of their own.

    Args:
        file: The whole file.
        parts: Start and length of each part, in bytes.
    """

    def __init__(
        self, file: BinaryIO, parts: Sequence[tuple[int, int]]
    ) -> None:
        super().__init__()
        self._file, self._parts = file, parts
        self._ends = [*itertools.accumulate(length for _, length in parts)]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        index = bisect.bisect_right(self._ends, self._at)
        if index == len(self._ends):
            return 0
        left = self._ends[index] - self._at
        self._file.seek(sum(self._parts[index]) - left)
        data = self._file.read(min(left, len(buffer)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origins = {io.SEEK_SET: 0, io.SEEK_CUR: self._at}
        self._at = origins.get(whence, self._ends[-1]) + offset
        return self._at
