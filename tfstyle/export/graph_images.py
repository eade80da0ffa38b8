"""Checks, decodes and encodes images inside a TensorFlow graph.

A server runs only the graph, so requests are checked there. An assertion that
fails becomes the status INVALID_ARGUMENT with our message.
"""

import tensorflow as tf

from tfstyle.export.config import ExportConfig

_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER = 24  # Bytes up to the end of width and height.
# Resizing overshoots a little; pixels up to 255 are the common mistake.
_DARKEST, _BRIGHTEST = -0.5, 1.5


def ensure(
    value: tf.Tensor, *conditions: tuple[tf.Tensor, str, tf.Tensor]
) -> tf.Tensor:
    """Returns the value after asserting some conditions.

    Args:
        value: Tensor that is not available before.
        *conditions: Tuples of a boolean scalar that must be true, the message
            of the error, and the tensor that the error shows as received.
    """
    assertions = [
        tf.debugging.Assert(truth, [f"{text} Received:", received], 8)
        for truth, text, received in conditions
    ]
    with tf.control_dependencies(assertions):
        return tf.identity(value)


def ensure_shape(tensor: tf.Tensor, name: str) -> tf.Tensor:
    """Returns the tensor after asserting that it has its declared shape.

    A session accepts arrays of any shape. TensorFlow optimizes away checks
    that the declared shape implies, so this one must not know it.
    """
    free = tf.raw_ops.PlaceholderWithDefault(input=tensor, shape=None)
    # As text, because the optimizer takes the rank for known, too.
    sides = tf.strings.as_string(tf.shape(free))
    received = tf.strings.reduce_join(sides, separator=", ")
    expected = tensor.shape.as_list()
    pattern = ", ".join(r"\d+" if n is None else str(n) for n in expected)
    form = ", ".join("any" if n is None else str(n) for n in expected)
    fits = tf.strings.regex_full_match(received, pattern)
    text = f"{name} must have shape [{form}]."
    return tf.ensure_shape(ensure(free, (fits, text, received)), expected)


def check(
    images: tf.Tensor, name: str, smallest: int, max_pixels: int
) -> tf.Tensor:
    """Returns the images after asserting their size and range.

    Args:
        images: Float32 of shape `(batch, height, width, 3)`.
        name: Name of the images in errors.
        smallest: Least length of each side, in pixels.
        max_pixels: Largest number of pixels of each image.
    """
    size = tf.shape(images)[1:3]
    images = ensure(images, *_fits(size, name, smallest, max_pixels))
    low, high = tf.reduce_min(images), tf.reduce_max(images)
    finite = tf.reduce_all(tf.math.is_finite(images))
    return ensure(
        images,
        (
            finite & (low >= _DARKEST) & (high <= _BRIGHTEST),
            f"{name} must have values from 0 to 1 (8-bit pixels divided by "
            "255), none of them NaN.",
            tf.stack([low, high]),
        ),
    )


def decode(
    data: tf.Tensor, name: str, smallest: int, max_pixels: int
) -> tf.Tensor:
    """Returns the pixels of a JPEG or PNG file.

    Transparent pixels are put on white; orientation (EXIF) and color profile
    are ignored. The size is checked before anything is decoded.

    Args:
        data: Scalar of type string.
        name: Name of the file in errors.
        smallest: Least length of each side, in pixels.
        max_pixels: Largest number of pixels.

    Returns:
        Float32 of shape `(height, width, 3)`, RGB in [0, 1].
    """
    start = tf.strings.substr(data, 0, len(_PNG))
    length = tf.strings.length(data)
    is_png = (start == _PNG) & (length >= _PNG_HEADER)
    is_jpeg = tf.strings.substr(data, 0, len(_JPEG)) == _JPEG
    text = f"{name} must be whole files of type JPEG or PNG, in bytes."
    data = ensure(data, (is_png | is_jpeg, text, length))
    size = tf.cond(is_png, lambda: _png_size(data), lambda: _jpeg_size(data))
    data = ensure(data, *_fits(size, name, smallest, max_pixels))
    return tf.cond(
        is_png, lambda: _decode_png(data), lambda: _decode_jpeg(data)
    )


def encode(image: tf.Tensor, config: ExportConfig) -> tf.Tensor:
    """Returns the file of an image of shape `(height, width, 3)` in [0, 1]."""
    samples = tf.cast(tf.round(image * 255.0), tf.uint8)
    if config.image_format == "png":
        return tf.io.encode_png(samples)
    # Colors at full resolution, as in the files that this package writes.
    return tf.io.encode_jpeg(
        samples, quality=config.quality, chroma_downsampling=False
    )


def _fits(
    size: tf.Tensor, name: str, smallest: int, max_pixels: int
) -> list[tuple[tf.Tensor, str, tf.Tensor]]:
    """Returns the conditions of `ensure` for an image's height and width."""
    pixels = tf.reduce_prod(tf.cast(size, tf.int64))
    return [
        (
            tf.reduce_min(size) >= smallest,
            f"{name} must have {smallest} pixels or more on each side.",
            size,
        ),
        (
            pixels <= max_pixels,
            f"{name} must have {max_pixels} pixels or fewer: send it smaller.",
            size,
        ),
    ]


def _png_size(data: tf.Tensor) -> tf.Tensor:
    numbers = tf.strings.substr(data, _PNG_HEADER - 8, 8)
    sides = tf.io.decode_raw(numbers, tf.int32, little_endian=False)
    return tf.ensure_shape(sides, (2,))


def _jpeg_size(data: tf.Tensor) -> tf.Tensor:
    return tf.image.extract_jpeg_shape(data)[:2]


def _decode_png(data: tf.Tensor) -> tf.Tensor:
    samples = tf.io.decode_png(data, channels=4)
    color, alpha = samples[..., :3], samples[..., 3:]
    # Where a file has no alpha, TensorFlow takes the largest sample of its
    # bits: 1 of 255 for black and white.
    depth = tf.io.decode_raw(tf.strings.substr(data, _PNG_HEADER, 1), tf.uint8)
    missing = 2 ** tf.cast(tf.minimum(depth[0], 8), tf.int32) - 1
    opaque = tf.reduce_all(tf.cast(alpha, tf.int32) == missing)
    color, alpha = (tf.cast(x, tf.float32) / 255.0 for x in (color, alpha))
    return tf.where(opaque, color, color * alpha + (1.0 - alpha))


def _decode_jpeg(data: tf.Tensor) -> tf.Tensor:
    # As Pillow and browsers do; TensorFlow's default is faster and less exact.
    samples = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
    return tf.cast(samples, tf.float32) / 255.0
