import shutil

import numpy as np
import pytest
import tensorflow as tf

import helpers
from image_bytes import PNG, encoded
from serving import protocol
from serving.server.errors import StatusError
from serving.server.servable import Servable

INPUTS = {
    "content_image": helpers.image(8, 9, 1)[None],
    "style_image": helpers.image(6, 7, 2)[None],
    "strength": np.float32([0.5]),
}


LARGE = encoded(np.zeros((1200, 1200, 3)))


@pytest.fixture(scope="module")
def path(tiny_model):
    return tiny_model / "1"


@pytest.fixture(scope="module")
def servable(path):
    servable = Servable(path)
    yield servable
    servable.close()


def test_numbers_are_those_of_the_other_loader(servable, path):
    (found,) = servable.run("stylize", INPUTS).values()
    signature = tf.saved_model.load(str(path)).signatures["stylize"]
    expected = signature(**{k: tf.constant(v) for k, v in INPUTS.items()})
    np.testing.assert_allclose(found, expected["stylized_image"], atol=1e-6)


def test_default_signature_and_wanted_outputs(servable):
    inputs = {k: v for k, v in INPUTS.items() if k != "strength"}
    found = servable.run("", inputs, wanted=["stylized_image"])
    assert list(found) == ["stylized_image"]


def test_big_endian_is_no_other_type(servable):
    swapped = INPUTS | {"strength": np.array([0.5], ">f4")}
    with pytest.raises(StatusError, match="to be float"):
        servable.run("stylize", swapped)


def test_a_deadline_stops_the_graph(servable):
    with pytest.raises(StatusError) as caught:
        inputs = {
            "content_image_bytes": np.array([LARGE] * 64, object),
            "style_image_bytes": np.array([PNG] * 64, object),
            "strength": np.ones(64, np.float32),
        }
        servable.run("stylize_bytes", inputs, timeout=0.05)
    assert caught.value.code == "DEADLINE_EXCEEDED"


def warm_up(path, tmp_path, **inputs):
    """A copy of the version with one warm-up request."""
    copy = tmp_path / "1"
    shutil.copytree(path, copy)
    log = protocol.PredictionLog()
    log.predict_log.request.CopyFrom(
        protocol.predict_request("style", "stylize", INPUTS | inputs)
    )
    (copy / "assets.extra").mkdir()
    name = copy / "assets.extra" / "tf_serving_warmup_requests"
    with tf.io.TFRecordWriter(str(name)) as writer:
        writer.write(log.SerializeToString())
    return copy


def test_warm_up_requests_are_replayed(path, tmp_path):
    Servable(warm_up(path, tmp_path)).close()


def test_failing_warm_up_fails_the_version(path, tmp_path):
    copy = warm_up(path, tmp_path, strength=np.float32([7]))
    with pytest.raises(StatusError, match="strength must be in") as caught:
        Servable(copy)
    assert caught.value.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize("broken", ["empty", "junk", "no variables"])
def test_broken_versions(broken, path, tmp_path):
    copy = tmp_path / "1"
    if broken == "no variables":
        shutil.copytree(path, copy)
        shutil.rmtree(copy / "variables")
    else:
        copy.mkdir()
    if broken == "junk":
        (copy / "saved_model.pb").write_bytes(b"\x08junk" * 9)
    with pytest.raises(StatusError) as caught:
        Servable(copy)
    assert str(caught.value)


def test_one_bad_image_of_a_batch_is_named_by_its_error(servable):
    with pytest.raises(StatusError, match="JPEG or PNG") as caught:
        servable.run(
            "embed_style_bytes",
            {"style_image_bytes": np.array([b"junk"], object)},
        )
    assert "Graph execution error" not in str(caught.value)


def test_tiny_model_has_the_signatures_of_the_contract(servable):
    assert {
        name: (sorted(signature.inputs), sorted(signature.outputs))
        for name, signature in servable.signatures.items()
        if not name.startswith("__")
    } == {
        "serving_default": (
            ["content_image", "style_image"],
            ["stylized_image"],
        ),
        "stylize": (
            ["content_image", "strength", "style_image"],
            ["stylized_image"],
        ),
        "stylize_bytes": (
            ["content_image_bytes", "strength", "style_image_bytes"],
            ["stylized_image_bytes"],
        ),
        "embed_style": (["style_image"], ["style_embedding"]),
        "embed_style_bytes": (["style_image_bytes"], ["style_embedding"]),
        "apply_style": (
            ["content_image", "strength", "style_embedding"],
            ["stylized_image"],
        ),
        "apply_style_bytes": (
            ["content_image_bytes", "strength", "style_embedding"],
            ["stylized_image_bytes"],
        ),
    }
