import re

import numpy as np
import pytest
import tensorflow as tf

import helpers
from tfstyle.adain import loading, saved_models
from tfstyle.adain.stylizers import ControlledStylizer
from tfstyle.controls import regions
from tfstyle.controls.settings import Controls

CONTENT, STYLE = helpers.image(40, 52), helpers.image(30, 26, 3)
HALVES = np.zeros((40, 52), np.float32)
HALVES[:, :26] = 1


class Mean(tf.Module):
    """Called as Magenta's model on TensorFlow Hub is."""

    @tf.function(
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)] * 2
    )
    def __call__(self, content, style):
        colour = tf.reduce_mean(style, axis=(1, 2), keepdims=True)
        return [0.5 * content + 0.5 * colour]


class Bare(Mean):
    """Answers the images, not a list of them."""

    @tf.function(
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)] * 2
    )
    def __call__(self, content, style):
        return content


@pytest.mark.parametrize(
    ("answer", "shape"),
    [
        (Bare(), "(1, 40, 52, 3)"),
        (lambda content, style: {"image": content}, "{'image': (1, 40, 52, 3)"),
        (lambda content, style: [], "[]"),
        (lambda content, style: [content[..., :1]], "[(1, 40, 52, 1)]"),
        (lambda content, style: [content / 0], "[(1, 40, 52, 3)]"),
    ],
)
def test_answers_that_are_no_lists_of_images(answer, shape):
    stylizer = saved_models.CallableStylizer(answer)
    message = "list of RGB images .* Received shapes: " + re.escape(shape)
    with pytest.raises(ValueError, match=message):
        stylizer.stylize(CONTENT, stylizer.embed([STYLE]))


class Signatures(tf.Module):
    """With the signatures of `export.saved_model`."""

    def __init__(self, model):
        super().__init__()
        images = tf.TensorSpec((None, None, None, 3), tf.float32)
        self.model = model
        self.embed = tf.function(
            lambda style_image: {
                "style_embedding": model.embed_style(style_image)
            },
            input_signature=[tf.TensorSpec(images.shape, name="style_image")],
        )
        self.apply = tf.function(
            lambda content_image, style_embedding, strength: {
                "stylized_image": model.apply_style(
                    content_image, style_embedding, strength
                )
            },
            input_signature=[
                tf.TensorSpec(images.shape, name="content_image"),
                tf.TensorSpec((None, None), name="style_embedding"),
                tf.TensorSpec((None,), name="strength"),
            ],
        )


def stylized(stylizer, strength=1.0, styles=(STYLE,), shares=None):
    style = stylizer.embed(styles, Controls(style_mix=shares))
    return stylizer.stylize(CONTENT, style, strength)


def test_a_saved_model_with_our_signatures(tmp_path):
    model = helpers.style_model()
    module = Signatures(model)
    signatures = {"embed_style": module.embed, "apply_style": module.apply}
    tf.saved_model.save(module, str(tmp_path), signatures)
    stylizer = loading.load(str(tmp_path))
    other = helpers.image(24, 24, 8)
    found = stylized(stylizer, 0.5, [STYLE, other], (1, 3))
    expected = model.stylize(CONTENT, [STYLE, other], 0.5, [1, 3])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_a_graph_refuses_is_said_in_its_words(served):
    stylizer = loading.load(str(served))
    style = stylizer.embed([STYLE])
    large = helpers.image(101, 100)
    ending = "must have 10000 pixels or fewer.* Received: .101 100.$"
    with pytest.raises(ValueError, match=f": style_image {ending}"):
        stylizer.embed([large])
    with pytest.raises(ValueError, match=f": content_image {ending}"):
        stylizer.stylize(large, style)
    with pytest.raises(ValueError, match=": strength must be from 0 to 1"):
        stylizer.stylize(CONTENT, style, 2.0)


def test_a_saved_model_that_is_called(tmp_path):
    tf.saved_model.save(Mean(), str(tmp_path))
    stylizer = loading.load(str(tmp_path))
    expected = 0.5 * CONTENT + 0.5 * STYLE.mean((0, 1))
    np.testing.assert_allclose(stylized(stylizer), expected, atol=1e-6)
    with pytest.raises(ValueError, match="one strength.*strength=0.5"):
        stylized(stylizer, 0.5)
    with pytest.raises(ValueError, match="one style. Received: 2"):
        stylized(stylizer, styles=[STYLE, STYLE])


def test_a_saved_model_that_is_called_blends_nothing():
    called = saved_models.CallableStylizer(Mean())
    stylizer = ControlledStylizer(called)
    pictures = stylizer.blends(
        CONTENT, [STYLE, STYLE], Controls(), [[0.5, 0.5]]
    )
    with pytest.raises(ValueError, match="one style. Received: 2"):
        next(pictures)


class Half(tf.Module):
    """Takes images of two sizes only; its results are smaller."""

    @tf.function(
        input_signature=[
            tf.TensorSpec((1, *CONTENT.shape), tf.float32),
            tf.TensorSpec((1, *STYLE.shape), tf.float32),
        ]
    )
    def __call__(self, content, style):
        return [content[:, ::2, ::2] + 0 * tf.reduce_sum(style)]


def test_a_saved_model_may_be_of_other_sizes(tmp_path):
    tf.saved_model.save(Half(), str(tmp_path))
    stylizer = loading.load(str(tmp_path))
    assert stylized(stylizer).shape == CONTENT.shape
    height, width = CONTENT.shape[:2]
    with pytest.raises(
        ValueError, match=f"of {width}x{height} pixels with a style of 20x18:"
    ):
        stylized(stylizer, styles=[helpers.image(18, 20, 3)])


def test_the_hub_is_on_the_network(monkeypatch):
    monkeypatch.setenv("TFSTYLE_OFFLINE", "1")
    with pytest.raises(ValueError, match="'https://hub/1' is on the network"):
        loading.load("https://hub/1")


def test_what_cannot_paint_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(ValueError, match="neither the signatures"):
        loading.load(str(tmp_path))


def test_damaged_folders_are_refused(tmp_path):
    module = tf.Module()
    module.variable = tf.Variable(tf.zeros(1000))
    for i, name in enumerate(("data-00000-of-00001", "index")):
        folder = tmp_path / str(i)
        tf.saved_model.save(module, str(folder))
        (folder / "variables" / f"variables.{name}").write_bytes(b"less")
        with pytest.raises(ValueError, match=f"{i}' is not a SavedModel .*: "):
            loading.load(str(folder))


def test_a_saved_model_keeps_but_knows_no_regions(tmp_path):
    tf.saved_model.save(Mean(), str(tmp_path))
    stylizer = ControlledStylizer(loading.load(str(tmp_path)))
    whole = stylizer.stylize(CONTENT, stylizer.embed([STYLE]))
    for mask in (HALVES, 0.25 * HALVES):
        found = regions.from_masks(CONTENT, [STYLE], keep_mask=mask)
        style = stylizer.embed([STYLE], regions=found)
        painted = stylizer.stylize(CONTENT, style)
        expected = mask[..., None] * (CONTENT - whole) + whole
        np.testing.assert_allclose(painted, expected, atol=1e-6)
        kept = mask == 1
        np.testing.assert_array_equal(painted[kept], CONTENT[kept])
    part = np.zeros((30, 26), np.float32)
    part[:9] = 1
    guides = regions.from_masks(CONTENT, [STYLE], [], [part])
    for more in (
        {"regions": guides},
        {"controls": Controls(style_detail=("fine",))},
    ):
        with pytest.raises(ValueError, match="`style_detail`.*.h5 or .keras"):
            stylizer.embed([STYLE], **more)
