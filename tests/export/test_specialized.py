"""Models with styles inside, exported: they paint without a style image."""

import numpy as np
import pytest
import tensorflow as tf

import helpers
from tfstyle.adain import specialization
from tfstyle.export import (
    known_answers,
    litert,
    onnx,
    prediction_log,
    saved_model,
)
from tfstyle.export.config import ExportConfig
from tfstyle.export.signatures import Signatures, UncheckedSignatures

PHOTO = helpers.image(40, 33)


@pytest.fixture(scope="module")
def specialized(style_model):
    styles = [helpers.image(32, 40, 7), helpers.image(40, 32, 8)]
    return specialization.copy(style_model, styles, "float32")


def test_only_they_have_the_signatures(style_model, specialized):
    assert "paint" not in Signatures.names(style_model)
    assert "paint" not in UncheckedSignatures.names(style_model)
    assert Signatures.names(specialized)[-2:] == ("paint", "paint_bytes")
    assert UncheckedSignatures.names(specialized)[-1:] == ("paint",)


def test_a_saved_model_paints(specialized, tmp_path):
    config = ExportConfig(image_format="png", warmup_sizes=())
    path, worst = saved_model.export(specialized, tmp_path / "m", config)
    assert worst < 1e-5
    loaded = tf.saved_model.load(str(path))
    painted = loaded.signatures["paint"](
        content_image=tf.constant(PHOTO[None]), strength=tf.constant([1.0])
    )
    expected = specialized.stylize(PHOTO)
    found = painted["stylized_image"][0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    records = prediction_log.read(path / saved_model.KNOWN_ANSWERS)
    assert [r.signature for r in records] == [*Signatures.names(specialized)]
    assert not (path / saved_model.WARMUP).exists()
    card = (path / "assets.extra" / "README.md").read_text()
    assert "| `paint_bytes` |" in card
    assert '"styles": 2' in card


def test_a_file_for_phones_paints(specialized, tmp_path):
    interpreters = pytest.importorskip(
        "ai_edge_litert.interpreter", reason="needs tfstyle[export]"
    )
    path = tmp_path / "model.tflite"
    assert litert.export(specialized, path, "float32") < 1e-5
    runner = interpreters.Interpreter(
        model_path=str(path)
    ).get_signature_runner("paint")
    (found,) = runner(
        content_image=PHOTO[None], strength=np.ones(1, np.float32)
    ).values()
    expected = specialized.stylize(PHOTO)
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_an_onnx_file_paints(style_model, specialized, tmp_path):
    pytest.importorskip("tf2onnx", reason="needs tfstyle[export]")
    pytest.importorskip("onnxruntime", reason="needs tfstyle[export]")
    path = tmp_path / "model.onnx"
    assert onnx.export(specialized, path, "paint") < 1e-5
    asked = known_answers.records(specialized, size=(33, 40), count=1)[-2]
    (found,) = onnx.run(path.read_bytes(), asked).values()
    (expected,) = asked.outputs.values()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(ValueError, match="no style inside"):
        onnx.export(style_model, tmp_path / "none.onnx", "paint")
    assert not (tmp_path / "none.onnx").exists()
