import subprocess
import sys

import numpy as np
import pytest

from serving import messages, protocol


def to_tensor(values):
    tensor = protocol.TensorProto()
    protocol.fill_tensor(tensor, values)
    return tensor


def test_needs_no_tensorflow():
    code = (
        "import sys; from serving import style_client\n"
        "print({'tensorflow', 'keras', 'PIL', 'absl'} & set(sys.modules))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert process.stdout == "set()\n", process.stderr


@pytest.mark.parametrize(
    "array",
    [
        np.float32([[1, -2.5], [3, np.inf]]),
        np.arange(6, dtype=np.int64).reshape(1, 2, 3),
        np.uint8([255, 0]),
        np.float32(3),
        np.zeros((0, 3), np.float32),
        np.array([True, False]),
        np.arange(12, dtype=np.float32).reshape(3, 4).T,
        np.arange(4, dtype=">f4"),
    ],
    ids=str,
)
def test_arrays_come_back(array):
    tensor = to_tensor(array)
    data = tensor.SerializeToString()
    found = protocol.to_array(protocol.TensorProto.FromString(data))
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("<")


def test_bytes_come_back_with_their_zeros():
    found = protocol.to_array(to_tensor([b"a\0", b"", b"\xff"]))
    assert found.tolist() == [b"a\0", b"", b"\xff"]


def test_values_spelled_out_are_the_same():
    array = np.random.default_rng(0).normal(size=(30, 7)).astype(np.float32)
    tensor = protocol.TensorProto()
    protocol.fill_tensor(tensor, array, spell_out=True)
    assert not tensor.tensor_content
    assert len(tensor.float_val) == array.size
    np.testing.assert_array_equal(protocol.to_array(tensor), array)


def test_one_value_stands_for_all_without_their_memory():
    tensor = protocol.TensorProto(dtype=1, float_val=[0.5])
    tensor.tensor_shape.dim.add(size=10**6)
    tensor.tensor_shape.dim.add(size=10**6)
    array = protocol.to_array(tensor)
    assert array.shape == (10**6, 10**6)
    assert array[-1, -1] == 0.5


def test_type_that_is_not_there():
    with pytest.raises(ValueError, match="expected one of .*complex64"):
        to_tensor(np.complex64([1]))


def test_numbers_are_those_of_tensorflow_serving():
    pytest.importorskip(
        "tensorflow_serving",
        reason="needs pip install --no-deps tensorflow-serving-api",
    )
    from google.protobuf import descriptor_pool
    from tensorflow.core.protobuf import meta_graph_pb2  # noqa: F401
    from tensorflow_serving.apis import (  # noqa: F401
        get_model_metadata_pb2,
        get_model_status_pb2,
        predict_pb2,
        prediction_log_pb2,
    )

    pool = descriptor_pool.Default()
    elsewhere = {
        "Int64Value": "google.protobuf.Int64Value",
        "Any": "google.protobuf.Any",
        "Dim": "tensorflow.TensorShapeProto.Dim",
        "TensorShapeProto": "tensorflow.TensorShapeProto",
        "TensorProto": "tensorflow.TensorProto",
        "TensorInfo": "tensorflow.TensorInfo",
        "SignatureDef": "tensorflow.SignatureDef",
    }
    ours = messages.message_classes(messages.MESSAGES, messages.ENUMS)
    for name, fields in messages.MESSAGES.items():
        theirs = pool.FindMessageTypeByName(
            elsewhere.get(name, f"tensorflow.serving.{name}")
        )
        for field in fields:
            mine = ours[name].DESCRIPTOR.fields_by_name[field]
            other = theirs.fields_by_name[field]
            assert mine.number == other.number, (name, field)
            assert mine.type == other.type, (name, field)
            assert mine.is_repeated == other.is_repeated, (name, field)
    for name, full in {
        "DataType": "tensorflow.DataType",
        "State": "tensorflow.serving.ModelVersionStatus.State",
        "Code": "tensorflow.error.Code",
    }.items():
        values = pool.FindEnumTypeByName(full).values_by_name
        for value, number in messages.ENUMS[name].items():
            other = "UNKNOWN" if value == "UNKNOWN_STATE" else value
            assert values[other].number == number, value


def test_strings_may_come_in_the_content_of_a_tensor():
    # As --enable_serialization_as_tensor_content sends them.
    tf = pytest.importorskip("tensorflow")
    strings = [b"a", b"", bytes(range(256)) * 2, b"end"]
    tensor = to_tensor(np.array(strings, object).reshape(2, 2))
    lengths = bytes([1, 0, 0x80, 0x04, 3])
    content = lengths + b"".join(strings)
    tensor.ClearField("string_val")
    tensor.tensor_content = content
    found = protocol.to_array(tensor)
    assert found.shape == (2, 2) and found.ravel().tolist() == strings
    # TensorFlow reads it so, too.
    theirs = tf.compat.v1.make_tensor_proto(strings, shape=(2, 2))
    theirs.ClearField("string_val")
    theirs.tensor_content = content
    session = tf.io.parse_tensor(theirs.SerializeToString(), tf.string)
    assert session.numpy().ravel().tolist() == strings
    for wrong in (content[:-1], content + b"x", b"\0\0"):
        tensor.tensor_content = wrong
        with pytest.raises(ValueError, match="expected 4 strings"):
            protocol.to_array(tensor)
    for endless in (lengths[:3], b"\xff" * 2**20):
        tensor.tensor_content = endless
        with pytest.raises(ValueError, match="has no end"):
            protocol.to_array(tensor)


def test_many_strings_are_read_in_their_number():
    """Once in its square: an hour for these."""
    count = 200_000
    tensor = protocol.TensorProto(dtype=7, tensor_content=bytes(count))
    tensor.tensor_shape.dim.add(size=count)
    assert protocol.to_array(tensor).tolist() == [b""] * count
