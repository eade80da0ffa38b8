"""Converts TensorFlow Serving's JSON to arrays, and arrays to JSON.

Rows, `{"instances": [{"a": ..., "b": ...}, ...]}`, are answered by
`{"predictions": [...]}`, and columns, `{"inputs": {"a": [...], "b": [...]}}`,
by `{"outputs": ...}`. Bytes are `{"b64": "..."}`, in answers if the name of
the output ends with `_bytes`.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from serving import protocol
from serving.server.errors import StatusError
from serving.server.predictions import Answer, Question

_KINDS = {"f": "iuf", "i": "iu", "u": "iu", "b": "b"}


def parse(body: bytes) -> dict[str, Any]:
    """Parses the body of a request as a JSON object.

    Raises:
        StatusError: The body is not JSON or not a valid request.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"JSON Parse error: {error}") from error
    if not isinstance(document, dict):
        raise _invalid("JSON Value: Is not object")
    if not isinstance(document.get("signature_name", ""), str):
        raise _invalid("'signature_name' key must be a string value.")
    if "instances" in document and "inputs" in document:
        raise _invalid(
            "Not formatted correctly expecting only one of 'inputs' or "
            "'instances' keys to exist"
        )
    if "instances" not in document and "inputs" not in document:
        raise _invalid("Missing 'inputs' or 'instances' key")
    return document


def question(document: dict[str, Any], signature: Any) -> Question:
    """Converts the inputs of a request to arrays.

    Args:
        document: Result of `parse`.
        signature: `SignatureDef` that the request names.

    Raises:
        StatusError: The values do not fit the signature, or JSON has no form
            for it.
    """
    name = document.get("signature_name", "")
    if not signature.inputs:
        raise _invalid(
            f"Failed to get input map for signature: {name or 'DEFAULT'}"
        )
    if "instances" in document:
        columns = _columns(document["instances"], signature.inputs)
    else:
        columns = _named(document["inputs"], signature.inputs)
    return Question(
        name,
        {
            key: _array(key, value, signature.inputs[key].dtype)
            for key, value in columns.items()
        },
    )


def answer(document: dict[str, Any], reply: Answer) -> bytes:
    """Returns the body of an answer, in the form of the request."""
    columns = {
        name: _values(name, array) for name, array in reply.outputs.items()
    }
    if "inputs" in document:
        whole = columns if len(columns) > 1 else next(iter(columns.values()))
        return json.dumps({"outputs": whole}).encode()
    if len(columns) > 1:
        rows = [
            dict(zip(columns, row, strict=True))
            for row in zip(*columns.values(), strict=True)
        ]
    else:
        (rows,) = columns.values()
    return json.dumps({"predictions": rows}).encode()


def _columns(instances: Any, expected: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(instances, list) or not instances:
        raise _invalid("Expecting 'instances' to be a list with values")
    if not _is_named(instances[0]):
        if len(expected) > 1:
            raise _invalid(
                "instances is a plain list, but expecting list of objects as "
                "multiple input tensors required as per tensorinfo_map"
            )
        (name,) = expected
        return {name: instances}
    for index, row in enumerate(instances):
        if not _is_named(row) or set(row) != set(expected):
            raise _invalid(
                f"Failed to process element: {index} of 'instances' list. "
                f"JSON object keys must be equal to: "
                f"{','.join(sorted(expected))}"
            )
    return {name: [row[name] for row in instances] for name in expected}


def _named(inputs: Any, expected: Mapping[str, Any]) -> dict[str, Any]:
    if not _is_named(inputs):
        if len(expected) > 1:
            raise _invalid(
                "inputs is a plain value/list, but expecting an object as "
                "multiple input tensors required as per tensorinfo_map"
            )
        (name,) = expected
        return {name: inputs}
    for name in sorted(expected):
        if name not in inputs:
            raise _invalid(f"Missing named input: {name} in 'inputs' object.")
    # TensorFlow Serving ignores others in this form.
    return {name: inputs[name] for name in expected}


def _array(name: str, value: Any, dtype: int) -> np.ndarray:
    type_name = protocol.dtype_name(dtype)
    plain = type_name.removeprefix("DT_").lower()
    if type_name not in protocol.DTYPES:
        raise StatusError(
            "UNIMPLEMENTED",
            f"Conversion of JSON Value of '{name}' to type: {plain}",
        )
    try:
        return _converted(name, value, protocol.DTYPES[type_name][0])
    except (ValueError, OverflowError, RecursionError) as error:
        raise _invalid(
            f"JSON Value of '{name}' is not of expected type: {plain}: {error}"
        ) from error


def _converted(name: str, value: Any, code: str) -> np.ndarray:
    if code == "O":
        return _files(_bytes(name, value))
    array = np.array(value)
    if array.dtype.kind not in _KINDS[np.dtype(code).kind]:
        raise ValueError(f"its values are of type {array.dtype}")
    with np.errstate(over="ignore"):  # Checked in the next lines.
        converted = array.astype(code)
    if not _is_kept(array, converted):
        raise ValueError("a value is out of range")
    return converted


def _is_kept(array: np.ndarray, converted: np.ndarray) -> bool:
    """Returns whether all values are in the range of another type."""
    if converted.dtype.kind == "f":
        return np.array_equal(np.isfinite(converted), np.isfinite(array))
    return np.array_equal(converted, array)


def _files(value: Any) -> np.ndarray:
    array = np.array(value, object)
    if any(isinstance(item, list) for item in array.flat):
        raise ValueError("its rows differ in length")
    return array


def _bytes(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_bytes(name, item) for item in value]
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and list(value) == ["b64"]:
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise _invalid("Unable to base64 decode") from error
    raise _invalid(
        f"JSON Value of '{name}' is not of expected type: string. Send bytes "
        'as {"b64": "..."}'
    )


def _values(name: str, array: np.ndarray) -> Any:
    if array.dtype != object:
        return array.tolist()
    if name.endswith("_bytes"):
        return _each(array.tolist(), _b64)
    return _each(array.tolist(), lambda data: data.decode(errors="replace"))


def _b64(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}


def _each(value: Any, function: Callable[[Any], Any]) -> Any:
    if isinstance(value, list):
        return [_each(item, function) for item in value]
    return function(value)


def _is_named(value: object) -> bool:
    return isinstance(value, dict) and list(value) != ["b64"]


def _invalid(text: str) -> StatusError:
    return StatusError("INVALID_ARGUMENT", text)
