import dataclasses

import numpy as np
import pytest

from tfstyle.export import known_answers
from tfstyle.export.config import ExportConfig
from tfstyle.export.signatures import Signatures


@pytest.fixture(scope="module")
def records(style_model):
    return known_answers.records(style_model, ExportConfig())


def record(records, name):
    return next(r for r in records if r.signature == name)


def test_each_signature_has_two_examples(records):
    assert [r.signature for r in records] == list(Signatures.NAMES)
    for found in records:
        for array in (*found.inputs.values(), *found.outputs.values()):
            assert len(array) == 2
            if array.dtype != object:
                assert np.isfinite(array).all()


def test_the_answers_are_pictures(records):
    painted = record(records, "serving_default").outputs["stylized_image"]
    assert painted.shape == (2, 49, 41, 3)
    # Neither all black nor all white: differences would not show.
    assert (0 < painted).mean() > 0.5 < (painted < 1).mean()
    half = record(records, "stylize").outputs["stylized_image"]
    np.testing.assert_allclose(half[1], painted[1], atol=1e-5)
    assert np.abs(half[0] - painted[0]).max() > 0.01


def test_the_model_passes_its_own_check(records):
    for found in records:
        assert known_answers.check(found, found.outputs) == 0


def test_contents_and_styles_differ_even_at_the_same_size(style_model):
    sizes = {"size": (32, 32), "style_size": (32, 32)}
    found = record(known_answers.records(style_model, **sizes), "stylize")
    (painted,) = found.outputs.values()
    assert np.abs(painted - found.inputs["content_image"]).mean() > 0.03


def test_sizes_and_number_can_be_chosen(style_model):
    found = known_answers.records(
        style_model, size=(16, 24), style_size=(20, 18), count=1
    )
    one = record(found, "stylize")
    assert one.inputs["content_image"].shape == (1, 16, 24, 3)
    assert one.inputs["style_image"].shape == (1, 20, 18, 3)
    assert one.inputs["strength"].shape == (1,)
    files = record(found, "embed_style_bytes").inputs["style_image_bytes"]
    pixels = known_answers.decode(files[0])
    np.testing.assert_array_equal(pixels, one.inputs["style_image"][0])


def test_a_difference_within_rounding_passes(records):
    found = record(records, "stylize")
    near = {k: v + np.float32(5e-6) for k, v in found.outputs.items()}
    assert 1e-6 < known_answers.check(found, near) < 1e-5


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("stylize", lambda x: x + np.float32(1e-4)),
        ("stylize", lambda x: x * np.nan),
        ("stylize", lambda x: x[:1]),
        ("stylize", lambda x: x.astype(np.float64)),
        ("embed_style", lambda x: x[:, ::-1]),
        ("stylize_bytes", lambda x: x[::-1]),
    ],
)
def test_a_larger_difference_is_found(records, name, change):
    found = record(records, name)
    outputs = {key: change(value) for key, value in found.outputs.items()}
    with pytest.raises(ValueError, match=f"{name}: .* differs by"):
        known_answers.check(found, outputs)


def test_other_outputs_are_found(records):
    found = record(records, "stylize")
    with pytest.raises(ValueError, match=r"stylize must answer \['stylized"):
        known_answers.check(found, {})
    empty = dataclasses.replace(found, outputs={})
    with pytest.raises(ValueError, match=r"must answer \[\]"):
        known_answers.check(empty, found.outputs)
