import numpy as np
import pytest

from tfstyle.export import prediction_log
from tfstyle.export.prediction_log import Record

RECORD = Record(
    signature="stylize_bytes",
    inputs={
        "content_image_bytes": np.array([b"\xff\xd8\0", b"x\0\0"], object),
        "strength": np.array([0.25, 1], np.float32),
    },
    outputs={"stylized_image": np.arange(6, dtype=np.float32).reshape(1, 2, 3)},
)


def test_what_is_written_is_read(tmp_path):
    grey = Record(
        signature="a", inputs={"x": np.full((1, 8, 8, 3), 0.5, np.float32)}
    )
    prediction_log.write(tmp_path / "log", [RECORD, grey])
    for record, expected in zip(
        prediction_log.read(tmp_path / "log"), [RECORD, grey], strict=True
    ):
        assert record.signature == expected.signature
        for side in ("inputs", "outputs"):
            found = getattr(record, side)
            assert found.keys() == getattr(expected, side).keys()
            for name, array in getattr(expected, side).items():
                np.testing.assert_array_equal(found[name], array)
                assert found[name].dtype == array.dtype


def test_images_of_one_colour_take_no_space(tmp_path):
    image = np.full((1, 512, 512, 3), 0.5, np.float32)
    record = Record(signature="a", inputs={"content_image": image})
    prediction_log.write(tmp_path / "log", [record])
    assert (tmp_path / "log").stat().st_size < 200
    (found,) = prediction_log.read(tmp_path / "log")
    np.testing.assert_array_equal(found.inputs["content_image"], image)


def test_values_that_are_not_numbers_are_kept(tmp_path):
    record = Record(signature="a", inputs={"x": np.array([np.nan, 1.0])})
    prediction_log.write(tmp_path / "log", [record])
    (found,) = prediction_log.read(tmp_path / "log")
    np.testing.assert_array_equal(found.inputs["x"], [np.nan, 1])


def test_damage_is_found(tmp_path):
    path = tmp_path / "log"
    prediction_log.write(path, [RECORD])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=f"'{path}' is damaged. Copy"):
        prediction_log.read(path)


def test_tensorflow_serving_reads_it(tmp_path):
    apis = pytest.importorskip(
        "tensorflow_serving.apis.prediction_log_pb2",
        reason="needs tensorflow-serving-api (pip install --no-deps)",
    )
    import tensorflow as tf

    prediction_log.write(tmp_path / "log", [RECORD])
    (data,) = tf.data.TFRecordDataset(str(tmp_path / "log"))
    log = apis.PredictionLog.FromString(data.numpy()).predict_log
    assert log.request.model_spec.signature_name == RECORD.signature
    for name, array in RECORD.inputs.items():
        found = tf.make_ndarray(log.request.inputs[name])
        np.testing.assert_array_equal(found, array)
    found = tf.make_ndarray(log.response.outputs["stylized_image"])
    np.testing.assert_array_equal(found, RECORD.outputs["stylized_image"])
