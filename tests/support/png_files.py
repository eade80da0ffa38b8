"""PNG files chunk by chunk, with what Pillow does not write."""

import struct
import zlib

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Channels -> the number of their kind in the header.
_KINDS = {1: 0, 3: 2, 2: 4, 4: 6}
# Of interlaced files: first row and column of each pass, and their steps.
_PASSES = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)


def chunk(kind, content):
    """A chunk with its length and checksum."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def profile(data):
    """The chunk of an ICC profile."""
    return chunk(b"iCCP", b"any\0\0" + zlib.compress(data))


def transparent(key):
    """The chunk that names a transparent colour: one or three samples."""
    return chunk(b"tRNS", np.asarray(key, ">u2").tobytes())


def encode(
    samples, depth, *chunks, palette=False, interlaced=False, after=False
):
    """A file.

    Args:
        samples: Integers of shape `(height, width, channels)`.
        depth: 1, 2, 4, 8 or 16 bits.
        *chunks: Between the header and the pixels.
        palette: Whether the samples are places in a palette.
        interlaced: Whether the pixels come in seven passes.
        after: Whether `chunks` follow the pixels instead.
    """
    height, width, channels = samples.shape
    kind = 3 if palette else _KINDS[channels]
    fields = width, height, depth, kind, 0, 0, interlaced
    rows = b""
    for top, left, down, right in _PASSES if interlaced else [(0, 0, 1, 1)]:
        for row in samples[top::down, left::right]:
            rows += b"\0" + _packed(row, depth) if row.size else b""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *fields))
    pixels = chunk(b"IDAT", zlib.compress(rows))
    others = b"".join(chunks)
    parts = [header, pixels, others] if after else [header, others, pixels]
    return _SIGNATURE + b"".join(parts) + chunk(b"IEND", b"")


def _packed(row, depth):
    """The bytes of a row of samples."""
    if depth == 16:
        return row.astype(">u2").tobytes()
    bits = np.unpackbits(row.astype(np.uint8).reshape(-1, 1), axis=1)
    return np.packbits(bits[:, 8 - depth :]).tobytes()
