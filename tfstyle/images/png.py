"""What Pillow leaves to its callers in PNG files.

It refuses whole pixels for large or damaged texts and profiles, reads 8 of the
16 bits of a colour, writes none of 16, and gives transparent colours as the
file has them.
"""

import bisect
import io
import itertools
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import PIL.Image
import PIL.ImageFile
import PIL.PngImagePlugin

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Bytes of a chunk that is no pixels and of all of them, once decompressed:
# Pillow keeps them in memory. It raises where a text has more than this.
_LONGEST = PIL.PngImagePlugin.MAX_TEXT_CHUNK
_ALL = 16 * _LONGEST
# Profiles of presses, with tables for inks, have up to 4 MB.
_LONGEST_PROFILE = 16 * 2**20
# How samples are stored, in Pillow's words -> what reads their lower bytes.
_LOWER = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L", "LA;16B": "RGBA"}
# How grey is stored -> bits.
_BITS = {"L;2": 2, "L;4": 4, "L": 8}
# Channels -> type of colour in a file: RGB, and RGB with alpha.
_COLORS = {3: 2, 4: 6}
_SUB = 1  # Filter: each pixel less the one to its left.
_BAND = 64  # Rows that are filtered and compressed at once.


def without_odd_chunks(file: BinaryIO) -> tuple[BinaryIO, bytes | None]:
    """A PNG file without what is large or damaged but no pixels.

    Args:
        file: The file; it stays open as long as the other is read.

    Returns:
        What remains of it; and the ICC profile, which that lacks, or `None`.
    """
    parts, profile = _scan(file)
    return io.BufferedReader(_Parts(file, parts)), profile


def prepare(image: PIL.ImageFile.ImageFile) -> bool:
    """Scales the transparent colour as Pillow scales the pixels.

    Args:
        image: Not loaded.

    Returns:
        Whether Pillow loads the upper bytes only: see `load_lower`. Then the
        transparent colour has 16 bits.
    """
    samples, key = image.tile[0].args, image.info.get("transparency")
    if samples in _BITS and key is not None:
        largest = 2 ** _BITS[samples] - 1
        # Beyond the depth bits do not count.
        image.info["transparency"] = (key & largest) * 255 // largest
    elif samples == "RGB" and key is not None:
        image.info["transparency"] = tuple(tone & 255 for tone in key)
    return samples in _LOWER


def load_lower(image: PIL.ImageFile.ImageFile) -> PIL.Image.Image:
    """Loads the lower bytes of 16 bits, for which `prepare` was true.

    Args:
        image: Not loaded.
    """
    (tile,) = image.tile
    samples = str(tile.args)
    image.tile = [tile._replace(args=_LOWER[samples])]
    image.load()
    if samples != "LA;16B":
        return image
    _, grey, _, alpha = image.split()  # Upper and lower bytes in turn.
    return PIL.Image.merge("RGBA", (grey, grey, grey, alpha))


def encode(
    samples: np.ndarray, profile: bytes, texts: PIL.PngImagePlugin.PngInfo
) -> bytes:
    """Writes a picture of 16 bits per channel.

    It looks for runs of equal bytes only, as OpenCV does: a photograph would
    take five times as long for files that are up to 7 % smaller.

    Args:
        samples: uint16 array of shape `(height, width, 3)`, RGB, or
            `(height, width, 4)`, RGB and alpha.
        profile: ICC profile of sRGB.
        texts: Further chunks.

    Returns:
        The bytes of the file.
    """
    height, width, channels = samples.shape
    kind = _COLORS[channels]
    header = struct.pack(">2I5B", width, height, 16, kind, 0, 0, 0)
    packed = b"sRGB\0\0" + zlib.compress(profile)
    chunks = [(b"IHDR", header), (b"iCCP", packed)]
    chunks += [(bytes(name), bytes(data)) for name, data, *_ in texts.chunks]
    stream = zlib.compressobj(level=1, strategy=zlib.Z_RLE)
    parts = [stream.compress(band) for band in _filtered(samples)]
    parts.append(stream.flush())
    chunks += [(b"IDAT", part) for part in parts if part]
    file = io.BytesIO()
    file.write(SIGNATURE)
    for name, data in [*chunks, (b"IEND", b"")]:
        PIL.PngImagePlugin.putchunk(file, name, data)
    return file.getvalue()


def _filtered(samples: np.ndarray) -> Iterator[bytes]:
    """Rows of a file, each with its filter, in bands."""
    size = 2 * samples.shape[-1]
    for top in range(0, len(samples), _BAND):
        band = samples[top : top + _BAND].astype(">u2").view(np.uint8)
        pixels = band.reshape(len(band), -1)
        rows = np.pad(pixels, ((0, 0), (1, 0)), constant_values=_SUB)
        rows[:, 1 + size :] -= pixels[:, :-size]
        yield rows.tobytes()


def _scan(file: BinaryIO) -> tuple[list[tuple[int, int]], bytes | None]:
    """Start and length of the parts that remain, and the ICC profile."""
    parts, profile, memory = [], None, 0
    begin = 0
    for kind, at, end in _chunks(file):
        if not kind[:1].islower():  # Of the pixels.
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
    """Kind of each chunk, where it begins and where the next one does."""
    end, at = file.seek(0, io.SEEK_END), len(SIGNATURE)
    while at + 8 <= end:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        yield kind, at, min(at + 12 + length, end)
        at += 12 + length


def _content(file: BinaryIO, kind: bytes, at: int, end: int) -> bytes | None:
    """What a chunk holds; `None` if that is large or damaged."""
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
        # After the method, 0, language and translated keyword.
        packed = packed[1:2] + packed[2:].split(b"\0", 2)[-1]
    elif kind != b"zTXt":
        return len(content)
    text = _inflated(packed, _LONGEST)
    return None if text is None else len(text)


def _inflated(packed: bytes, longest: int) -> bytes | None:
    """What was compressed by method 0; `None` if it is longer, or damaged."""
    if packed[:1] != b"\0":
        return None
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(packed[1:], longest)
    except zlib.error:
        return None
    return None if stream.unconsumed_tail else data


class _Parts(io.RawIOBase):
    """Parts of a file, as if they were a file of their own.

    Args:
        file: The file.
        parts: Start and length of each.
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
