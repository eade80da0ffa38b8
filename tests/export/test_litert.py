import numpy as np
import pytest

from tfstyle.export import known_answers, litert
from tfstyle.export.signatures import UncheckedSignatures

interpreters = pytest.importorskip(
    "ai_edge_litert.interpreter", reason="needs tfstyle[export]"
)
SIZES = {"float32": 5.5e6, "float16": 2.85e6, "int8": 1.65e6}


def records(model, **sizes):
    found = known_answers.records(model, count=1, **sizes)
    return [r for r in found if r.signature in UncheckedSignatures.NAMES]


@pytest.mark.parametrize(
    ("precision", "limit"),
    [("float32", 1e-5), ("float16", 2e-3), ("int8", 0.02)],
)
def test_a_file_gives_the_numbers_of_the_model(
    style_model, tmp_path, precision, limit
):
    path = tmp_path / "model.tflite"
    worst = litert.export(style_model, path, precision)
    assert 0 < worst < limit
    assert path.stat().st_size < SIZES[precision]
    interpreter = interpreters.Interpreter(model_path=str(path))
    # A size that the exporter did not try.
    for record in records(style_model, size=(66, 35), style_size=(16, 58)):
        ((name, expected),) = record.outputs.items()
        found = litert.run(interpreter, record)[name]
        assert found.shape == expected.shape
        assert np.abs(found - expected).mean() < limit


def test_sizes_can_be_fixed(style_model, tmp_path):
    path = tmp_path / "model.tflite"
    size, style_size = (32, 48), (24, 24)
    worst = litert.export(style_model, path, "float32", size, style_size)
    assert worst < 1e-5
    interpreter = interpreters.Interpreter(model_path=str(path))
    runner = interpreter.get_signature_runner("stylize")
    shapes = {
        name: details["shape_signature"].tolist()
        for name, details in runner.get_input_details().items()
    }
    assert shapes == {
        "content_image": [1, 32, 48, 3],
        "style_image": [1, 24, 24, 3],
        "strength": [1],
    }


@pytest.mark.parametrize(
    ("sizes", "seen"),
    [
        ({"size": (10**5, 10**5)}, "100000x100000"),
        ({"size": (None, 10**9)}, "1000000000x49"),
        ({"style_size": (10**5, 10**5)}, "100000x100000"),
    ],
)
def test_sizes_beyond_memory_are_refused(style_model, tmp_path, sizes, seen):
    path = tmp_path / "model.tflite"
    with pytest.raises(MemoryError, match=f"that sees {seen} pixels needs"):
        litert.export(style_model, path, **sizes)
    assert not path.exists()


def test_a_file_with_other_numbers_is_not_kept(
    style_model, tmp_path, monkeypatch
):
    right = litert.run

    def wrong(interpreter, record):
        answer = right(interpreter, record)
        return {name: x + np.float32(0.1) for name, x in answer.items()}

    monkeypatch.setattr(litert, "run", wrong)
    with pytest.raises(ValueError, match="differs by .* Try float16"):
        litert.export(style_model, tmp_path / "model.tflite", "int8")
    assert list(tmp_path.iterdir()) == []
