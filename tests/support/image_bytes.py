"""Picture files as bytes: small ones, and headers that promise too much."""

import io
import struct
import zlib

import numpy as np
import PIL.Image

import helpers
import png_files


def file(image, kind="PNG", **options):
    """What a Pillow image is as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def photo(mode="RGB", height=40, width=30):
    """A Pillow image."""
    samples = np.uint8(255 * helpers.image(height, width))
    return PIL.Image.fromarray(samples).convert(mode)


def encoded(image, kind="PNG"):
    """What an array in [0, 1] is as a file."""
    pixels = np.round(255 * image).astype(np.uint8)
    return file(PIL.Image.fromarray(pixels), kind)


def decoded(data):
    """The array in [0, 1] that a file holds."""
    return np.asarray(PIL.Image.open(io.BytesIO(data)), np.float32) / 255


def animate(path, size):
    """Writes an animation of three colors, its sides (width, height)."""
    first, *rest = (
        PIL.Image.new("RGB", size, color) for color in ("red", "lime", "blue")
    )
    first.save(path, save_all=True, append_images=rest)


def png_of_size(width, height):
    """A PNG whose header promises more pixels than follow."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = {
        b"IHDR": header,
        b"IDAT": zlib.compress(bytes(1000)),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        png_files.chunk(kind, content) for kind, content in chunks.items()
    )


CONTENT, STYLE = helpers.image(8, 9, 1), helpers.image(5, 7, 2)
PNG, JPEG = encoded(CONTENT), encoded(helpers.image(40, 50), "JPEG")
