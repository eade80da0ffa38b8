import numpy as np
import pytest

from tfstyle.export import known_answers, onnx
from tfstyle.export.signatures import UncheckedSignatures

pytest.importorskip("tf2onnx", reason="needs tfstyle[export]")
pytest.importorskip("onnxruntime", reason="needs tfstyle[export]")


@pytest.fixture(scope="module")
def painter(style_model):
    """The file of the signature `stylize`."""
    return onnx.convert(style_model, "stylize")


def record(model, signature, **sizes):
    found = known_answers.records(model, **sizes)
    return next(r for r in found if r.signature == signature)


@pytest.mark.parametrize("size", [(16, 16), (33, 70)])
@pytest.mark.parametrize("count", [1, 2])
def test_batch_and_sizes_are_free(style_model, painter, size, count):
    asked = record(style_model, "stylize", size=size, count=count)
    assert known_answers.check(asked, onnx.run(painter, asked)) < 1e-5


def test_the_file_is_valid_and_says_what_is_free(painter):
    package = pytest.importorskip("onnx")
    proto = package.load_from_string(painter)
    package.checker.check_model(proto, full_check=True)
    inputs = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in proto.graph.input
    }
    assert inputs == {
        "content_image": [0, 0, 0, 3],
        "style_image": [0, 0, 0, 3],
        "strength": [0],
    }


@pytest.mark.parametrize("signature", UncheckedSignatures.NAMES)
def test_each_signature_is_written(style_model, tmp_path, signature):
    path = tmp_path / "model.onnx"
    assert onnx.export(style_model, path, signature) < 1e-5
    asked = record(style_model, signature)
    (name,) = asked.outputs
    (found,) = onnx.run(path.read_bytes(), asked).values()
    np.testing.assert_allclose(found, asked.outputs[name], atol=1e-5)


def test_a_file_with_other_numbers_is_not_kept(
    style_model, tmp_path, monkeypatch
):
    right = record(style_model, "embed_style")

    def wrong(data, asked):
        return {k: v + np.float32(0.01) for k, v in right.outputs.items()}

    monkeypatch.setattr(onnx, "run", wrong)
    with pytest.raises(ValueError, match="embed_style: .* differs by 0.01"):
        onnx.export(style_model, tmp_path / "model.onnx", "embed_style")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_said_at_once(style_model, tmp_path):
    with pytest.raises(FileNotFoundError, match="Create it first"):
        onnx.export(style_model, tmp_path / "missing" / "model.onnx")
