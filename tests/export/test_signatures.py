"""Each signature against the Keras model, with sizes that differ.

What they refuse is asked of a session, in test_export.py.
"""

import io

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

import helpers
from tfstyle.export import known_answers
from tfstyle.export.config import ExportConfig
from tfstyle.export.graphs import Graphs
from tfstyle.export.signatures import Signatures, UncheckedSignatures

STRENGTH = np.array([1.0, 0.3], np.float32)


@pytest.fixture(scope="module")
def loaded(served):
    return tf.saved_model.load(str(served))


def batch(height, width, seed):
    return np.stack([helpers.image(height, width, seed + i) for i in range(2)])


def files(*sizes):
    """PNG files of pictures, and their pixels."""
    made, pixels = [], []
    for seed, size in enumerate(sizes):
        samples = np.uint8(255 * helpers.image(*size, seed))
        buffer = io.BytesIO()
        PIL.Image.fromarray(samples).save(buffer, "PNG")
        made.append(buffer.getvalue())
        pixels.append(samples[None] / np.float32(255))
    return np.array(made, object), pixels


def ask(loaded, signature, **inputs):
    inputs = {name: tf.constant(value) for name, value in inputs.items()}
    (output,) = loaded.signatures[signature](**inputs).values()
    return output.numpy()


@pytest.mark.parametrize("size", [(16, 16), (33, 47), (17, 96), (60, 31)])
def test_pictures_have_the_size_and_values_of_the_models(
    loaded, style_model, size
):
    contents, styles = batch(*size, seed=0), batch(21, 39, seed=5)
    painted = ask(
        loaded,
        "stylize",
        content_image=contents,
        style_image=styles,
        strength=STRENGTH,
    )
    embedding = style_model.embed_style(styles)
    expected = style_model.apply_style(contents, embedding, STRENGTH)
    assert painted.shape == contents.shape
    np.testing.assert_allclose(painted, expected, atol=1e-5)


def test_the_default_is_full_strength_and_in_range(loaded, style_model):
    contents, styles = batch(33, 47, seed=0), batch(21, 39, seed=5)
    painted = ask(
        loaded, "serving_default", content_image=contents, style_image=styles
    )
    expected = np.clip(style_model((contents, styles)), 0, 1)
    np.testing.assert_allclose(painted, expected, atol=1e-5)


def test_a_style_embedded_once_paints_the_same(loaded):
    contents, styles = batch(33, 47, seed=0), batch(21, 39, seed=5)
    whole = ask(
        loaded,
        "stylize",
        content_image=contents,
        style_image=styles,
        strength=STRENGTH,
    )
    embedding = ask(loaded, "embed_style", style_image=styles)
    applied = ask(
        loaded,
        "apply_style",
        content_image=contents,
        style_embedding=embedding,
        strength=STRENGTH,
    )
    np.testing.assert_allclose(applied, whole, atol=1e-6)


def test_files_of_a_request_may_differ_in_size(loaded, style_model):
    contents, contents_read = files((30, 41), (52, 20))
    styles, styles_read = files((24, 19), (16, 60))
    painted = ask(
        loaded,
        "stylize_bytes",
        content_image_bytes=contents,
        style_image_bytes=styles,
        strength=STRENGTH,
    )
    embedding = ask(loaded, "embed_style_bytes", style_image_bytes=styles)
    applied = ask(
        loaded,
        "apply_style_bytes",
        content_image_bytes=contents,
        style_embedding=embedding,
        strength=STRENGTH,
    )
    for i in range(2):
        expected = style_model.embed_style(styles_read[i])
        np.testing.assert_allclose(embedding[i], expected[0], atol=1e-5)
        image = style_model.apply_style(contents_read[i], expected, STRENGTH[i])
        for data in (painted[i], applied[i]):
            pixels = known_answers.decode(data)
            np.testing.assert_allclose(pixels, image[0], atol=0.502 / 255)


def test_inputs_are_the_parameters_in_their_order(style_model):
    offered = Signatures(style_model, ExportConfig())
    function = offered.function(offered.serving_default)
    names = [spec.name for spec in function.input_signature]
    assert names == ["content_image", "style_image"]


def test_sizes_can_be_fixed(style_model):
    graphs = Graphs(style_model, 1, (24, 32), (16, None))
    offered = UncheckedSignatures(style_model, graphs)
    function = offered.function(offered.stylize)
    shapes = [spec.shape.as_list() for spec in function.input_signature]
    assert shapes == [[1, 24, 32, 3], [1, 16, None, 3], [1]]


def test_without_checks_no_operation_needs_strings(style_model):
    offered = UncheckedSignatures(style_model)
    for name in offered.NAMES:
        function = offered.function(getattr(offered, name))
        graph = function.get_concrete_function().graph
        assert not [op for op in graph.get_operations() if "Assert" in op.type]
        tensors = [t for op in graph.get_operations() for t in op.outputs]
        assert tf.string not in {tensor.dtype for tensor in tensors}
