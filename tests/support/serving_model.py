"""A tiny model with the signatures of the real one, for the serving tests.

"Style" is the mean colour of a picture: `strength` mixes the photograph with
it. The checks of values stand in for those of the exported model.
"""

import pathlib

import numpy as np
import tensorflow as tf

IMAGE = tf.TensorSpec([None, None, None, 3], tf.float32)
VECTOR = tf.TensorSpec([None, 3], tf.float32)
STRENGTH = tf.TensorSpec([None], tf.float32)
BYTES = tf.TensorSpec([None], tf.string)
MAX_PIXELS = 4_000_000


def _spec(spec, name):
    return tf.TensorSpec(spec.shape, spec.dtype, name)


def _check(test, text):
    tf.debugging.Assert(tf.reduce_all(test), [text])


def _decode(data):
    shape = tf.cond(
        tf.equal(tf.strings.substr(data, 0, 2), b"\xff\xd8"),
        lambda: tf.image.extract_jpeg_shape(data)[:2],
        lambda: _png_shape(data),
    )
    too_large = tf.debugging.Assert(
        tf.reduce_prod(tf.cast(shape, tf.int64)) <= MAX_PIXELS,
        ["an image has more pixels than allowed"],
    )
    with tf.control_dependencies([too_large]):
        image = tf.image.decode_image(data, channels=3, expand_animations=False)
    return tf.image.convert_image_dtype(image, tf.float32)


def _png_shape(data):
    known = tf.equal(tf.strings.substr(data, 0, 4), b"\x89PNG")
    check = tf.debugging.Assert(known, ["send a JPEG or PNG file"])
    with tf.control_dependencies([check]):
        header = tf.strings.substr(data, 16, 8)
    numbers = tf.io.decode_raw(header, tf.int32, little_endian=False)
    return tf.reshape(numbers, [2])


class TinyModel(tf.Module):
    """`scale` tells versions apart: each answer is multiplied by it."""

    def __init__(self, scale=1.0):
        self.scale = tf.Variable(scale)

    def embed(self, style):
        return tf.reduce_mean(style, [1, 2])

    def apply(self, content, embedding, strength):
        tf.debugging.assert_equal(
            tf.shape(content)[0], tf.shape(embedding)[0], "one style for each"
        )
        checks = [
            tf.debugging.Assert(
                tf.reduce_all((strength >= 0) & (strength <= 1)),
                ["strength must be in [0, 1]"],
            ),
            tf.debugging.assert_all_finite(content, "content has a NaN"),
        ]
        with tf.control_dependencies(checks):
            weight = strength[:, None, None, None]
        colour = embedding[:, None, None]
        return self.scale * ((1 - weight) * content + weight * colour)

    def apply_bytes(self, contents, embedding, strength):
        def one(inputs):
            image = _decode(inputs[0])[None]
            image = self.apply(image, inputs[1][None], inputs[2][None])[0]
            pixels = tf.image.convert_image_dtype(image, tf.uint8, True)
            return tf.io.encode_png(pixels)

        return tf.map_fn(
            one,
            (contents, embedding, strength),
            fn_output_signature=tf.string,
        )

    def embed_bytes(self, styles):
        return tf.map_fn(
            lambda data: self.embed(_decode(data)[None])[0],
            styles,
            fn_output_signature=tf.float32,
        )

    def signatures(self):
        def endpoint(specs, function):
            named = [_spec(spec, name) for name, spec in specs.items()]
            return tf.function(function, input_signature=named)

        content, style = {"content_image": IMAGE}, {"style_image": IMAGE}
        contents = {"content_image_bytes": BYTES}
        styles = {"style_image_bytes": BYTES}
        strength = {"strength": STRENGTH}
        vector = {"style_embedding": VECTOR}
        return {
            "serving_default": endpoint(
                content | style,
                lambda content_image, style_image: {
                    "stylized_image": self.apply(
                        content_image,
                        self.embed(style_image),
                        tf.ones(tf.shape(content_image)[:1]),
                    )
                },
            ),
            "stylize": endpoint(
                content | style | strength,
                lambda content_image, style_image, strength: {
                    "stylized_image": self.apply(
                        content_image, self.embed(style_image), strength
                    )
                },
            ),
            "stylize_bytes": endpoint(
                contents | styles | strength,
                lambda content_image_bytes, style_image_bytes, strength: {
                    "stylized_image_bytes": self.apply_bytes(
                        content_image_bytes,
                        self.embed_bytes(style_image_bytes),
                        strength,
                    )
                },
            ),
            "embed_style": endpoint(
                style,
                lambda style_image: {
                    "style_embedding": self.embed(style_image)
                },
            ),
            "embed_style_bytes": endpoint(
                styles,
                lambda style_image_bytes: {
                    "style_embedding": self.embed_bytes(style_image_bytes)
                },
            ),
            "apply_style": endpoint(
                content | vector | strength,
                lambda content_image, style_embedding, strength: {
                    "stylized_image": self.apply(
                        content_image, style_embedding, strength
                    )
                },
            ),
            "apply_style_bytes": endpoint(
                contents | vector | strength,
                lambda content_image_bytes, style_embedding, strength: {
                    "stylized_image_bytes": self.apply_bytes(
                        content_image_bytes, style_embedding, strength
                    )
                },
            ),
        }


def export(folder, version=1, scale=1.0):
    """Writes a version of the model; returns its directory."""
    path = pathlib.Path(folder) / str(version)
    model = TinyModel(scale)
    tf.saved_model.save(model, str(path), signatures=model.signatures())
    return path


def expected(content, style, strength=1.0):
    """What the model with scale 1 gives, by NumPy."""
    colour = style.mean((0, 1))
    return (1 - strength) * content + np.float32(strength) * colour
