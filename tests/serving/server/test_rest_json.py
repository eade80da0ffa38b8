import base64
import json

import numpy as np
import pytest

from serving import protocol
from serving.server import rest_json
from serving.server.errors import StatusError
from serving.server.predictions import Answer

DTYPES = {
    "FLOAT": 1,
    "INT32": 3,
    "UINT8": 4,
    "STRING": 7,
    "INT64": 9,
    "BOOL": 10,
}


def signature(**inputs):
    found = protocol.SignatureDef()
    for name, dtype in inputs.items():
        found.inputs[name].dtype = DTYPES[dtype]
    return found


def arrays(document, **inputs):
    document = rest_json.parse(json.dumps(document).encode())
    return rest_json.question(document, signature(**inputs)).inputs


def answered(document, **outputs):
    return json.loads(rest_json.answer(document, Answer(1, "", outputs)))


def test_rows_and_columns_are_the_same_arrays():
    rows = {"instances": [{"a": [1, 2.5], "b": 3}, {"a": [0, 0], "b": 4}]}
    columns = {"inputs": {"a": [[1, 2.5], [0, 0]], "b": [3, 4]}}
    for document in (rows, columns):
        found = arrays(document, a="FLOAT", b="INT64")
        np.testing.assert_array_equal(found["a"], [[1, 2.5], [0, 0]])
        assert found["a"].dtype == np.float32 and found["b"].dtype == np.int64


def test_a_single_input_needs_no_name():
    for document in ({"instances": [1, 2]}, {"inputs": [1, 2]}):
        assert arrays(document, x="FLOAT")["x"].tolist() == [1, 2]


def test_bytes_and_text():
    data = base64.b64encode(b"\xff\x00").decode()
    found = arrays({"instances": [{"b64": data}, "text"]}, x="STRING")["x"]
    assert found.tolist() == [b"\xff\x00", b"text"]


def test_nan_and_infinity_are_numbers():
    document = rest_json.parse(b'{"inputs": [NaN, -Infinity]}')
    found = rest_json.question(document, signature(x="FLOAT")).inputs["x"]
    assert np.isnan(found[0]) and found[1] == -np.inf


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("INT32", 2**31), ("UINT8", 256), ("UINT8", -1), ("INT64", 2**63)],
)
def test_whole_numbers_out_of_range_are_refused(dtype, value):
    near = value - 1 if value > 0 else 0
    assert arrays({"inputs": [near]}, x=dtype)["x"].tolist() == [near]
    with pytest.raises(StatusError, match="a value is out of range"):
        arrays({"inputs": [value]}, x=dtype)


def test_more_columns_than_inputs_are_left_alone():
    document = {"inputs": {"x": [1], "y": [2]}}
    assert list(arrays(document, x="FLOAT")) == ["x"]


def test_answers_have_the_form_of_the_request():
    one = {"image": np.float32([[1], [2]])}
    two = one | {"score": np.float32([5, 6])}
    rows, columns = {"instances": []}, {"inputs": []}
    assert answered(rows, **one) == {"predictions": [[1], [2]]}
    assert answered(columns, **one) == {"outputs": [[1], [2]]}
    assert answered(rows, **two) == {
        "predictions": [
            {"image": [1], "score": 5},
            {"image": [2], "score": 6},
        ]
    }
    assert answered(columns, **two) == {
        "outputs": {"image": [[1], [2]], "score": [5, 6]}
    }


def test_only_names_that_say_so_are_bytes():
    data = np.array([b"\x01\x02"], object)
    assert answered({"instances": []}, image_bytes=data) == {
        "predictions": [{"b64": "AQI="}]
    }
    assert answered({"instances": []}, word=np.array([b"hi"], object)) == {
        "predictions": ["hi"]
    }


@pytest.mark.parametrize("value", [0.1, 1 / 3, 3e-42, 16777217.0])
def test_floats_come_back_as_they_were(value):
    array = np.float32([value])
    text = answered({"inputs": []}, x=array)["outputs"]
    assert np.float32(text) == array
