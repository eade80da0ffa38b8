"""TensorFlow Serving's gRPC protocol, without TensorFlow.

The official package of its messages imports all of TensorFlow; this module
needs grpcio, protobuf and numpy. A minimal client:

  call = protocol.stub(grpc.insecure_channel("localhost:8500"), "Predict")
  request = protocol.predict_request("style", "stylize_bytes", {
      "content_image_bytes": [photograph],
      "style_image_bytes": [picture],
      "strength": np.float32([1]),
  })
  array = protocol.to_array(call(request).outputs["stylized_image_bytes"])
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from google.protobuf.message import Message

from serving.messages import ENUMS, MESSAGES, PACKAGE, message_classes

# Data type -> NumPy's type code, and the field for single values.
DTYPES = {
    "DT_FLOAT": ("<f4", "float_val"),
    "DT_DOUBLE": ("<f8", "double_val"),
    "DT_INT32": ("<i4", "int_val"),
    "DT_UINT8": ("|u1", "int_val"),
    "DT_INT16": ("<i2", "int_val"),
    "DT_INT8": ("|i1", "int_val"),
    "DT_STRING": ("O", "string_val"),
    "DT_INT64": ("<i8", "int64_val"),
    "DT_BOOL": ("|b1", "bool_val"),
    "DT_UINT32": ("<u4", "uint32_val"),
    "DT_UINT64": ("<u8", "uint64_val"),
}
_NAMES = {
    enum: {number: name for name, number in values.items()}
    for enum, values in ENUMS.items()
}
# Number of a status -> its name.
CODES = _NAMES["Code"]

_CLASSES = message_classes(MESSAGES, ENUMS)
TensorProto = _CLASSES["TensorProto"]
PredictRequest = _CLASSES["PredictRequest"]
PredictResponse = _CLASSES["PredictResponse"]
SignatureDef = _CLASSES["SignatureDef"]
SignatureDefMap = _CLASSES["SignatureDefMap"]
GetModelMetadataRequest = _CLASSES["GetModelMetadataRequest"]
GetModelMetadataResponse = _CLASSES["GetModelMetadataResponse"]
GetModelStatusRequest = _CLASSES["GetModelStatusRequest"]
GetModelStatusResponse = _CLASSES["GetModelStatusResponse"]
PredictionLog = _CLASSES["PredictionLog"]

# Method -> its service, request and answer.
METHODS = {
    "Predict": ("PredictionService", PredictRequest, PredictResponse),
    "GetModelMetadata": (
        "PredictionService",
        GetModelMetadataRequest,
        GetModelMetadataResponse,
    ),
    "GetModelStatus": (
        "ModelService",
        GetModelStatusRequest,
        GetModelStatusResponse,
    ),
}


def stub(channel: Any, method: str) -> Callable[..., Message]:
    """Returns a `grpc.Channel`'s callable for one of `METHODS`."""
    service, request, answer = METHODS[method]
    return channel.unary_unary(
        f"/{PACKAGE}.{service}/{method}",
        request_serializer=request.SerializeToString,
        response_deserializer=answer.FromString,
    )


def predict_request(
    model: str, signature: str, inputs: Mapping[str, Any]
) -> Message:
    """Makes a `PredictRequest`; `inputs` are arrays or lists of bytes."""
    request = PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, values in inputs.items():
        fill_tensor(request.inputs[name], values)
    return request


def dtype_name(number: int) -> str:
    """Returns the name of a data type, `"DT_FLOAT"` for 1.

    Unknown ones are `"DT_INVALID"`.
    """
    return _NAMES["DataType"].get(number, "DT_INVALID")


def state_name(number: int) -> str:
    """Returns the name of a version's state, `"AVAILABLE"` for 30."""
    return _NAMES["State"].get(number, "UNKNOWN_STATE")


def fill_tensor(tensor: Message, values: Any, spell_out: bool = False) -> None:
    """Writes values into an empty `TensorProto`.

    In place, because `CopyFrom` is slow for large tensors.

    Args:
        tensor: Empty message.
        values: Array, or list of bytes.
        spell_out: Whether floats are written as single values, as Serving does
            by default, not as bytes.
    """
    array = np.asarray(values)
    if array.dtype.kind in "SUO":
        # NumPy's own arrays of bytes drop zeros at the end.
        array = np.array(values, object)
        flat = [v.encode() if isinstance(v, str) else v for v in array.flat]
        tensor.dtype = ENUMS["DataType"]["DT_STRING"]
        tensor.string_val.extend(flat)
    else:
        array = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
        tensor.dtype = ENUMS["DataType"][_name_of(array.dtype)]
        if spell_out and array.dtype == np.float32:
            _set_floats(tensor, array.tobytes())
        else:
            tensor.tensor_content = array.tobytes()
    tensor.tensor_shape.SetInParent()
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)


def status_response(versions: Iterable[tuple[int, str, str, str]]) -> Message:
    """Makes a `GetModelStatusResponse` of (number, state, code, text)."""
    response = GetModelStatusResponse()
    for number, state, code, text in versions:
        item = response.model_version_status.add(
            version=number, state=ENUMS["State"][state]
        )
        item.status.error_code = ENUMS["Code"][code]
        item.status.error_message = text
    return response


def _set_floats(tensor: Message, data: bytes) -> None:
    """Sets `float_val` to the floats whose bytes are `data`.

    A packed field consists of its number, the length and these bytes; adding
    the values one by one takes a thousand times as long.
    """
    head, length = [MESSAGES["TensorProto"]["float_val"][0] << 3 | 2], len(data)
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    tensor.MergeFromString(b"".join([bytes([*head, length]), data]))


def to_array(tensor: Message) -> np.ndarray:
    """Returns a `TensorProto` as a read-only array, of type object for bytes.

    Raises:
        ValueError: Its type is unknown, or its values do not fill its shape.
    """
    name = dtype_name(tensor.dtype)
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if name not in DTYPES or tensor.tensor_shape.unknown_rank:
        raise ValueError(f"cannot read a tensor of {name} and shape {shape}")
    if any(size < 0 for size in shape):
        raise ValueError(f"sizes must not be negative, received {shape}")
    dtype, field = DTYPES[name]
    if tensor.tensor_content and name == "DT_STRING":
        strings = _strings(tensor.tensor_content, math.prod(shape))
        return np.array(strings, object).reshape(shape)
    if tensor.tensor_content:
        length = math.prod(shape) * np.dtype(dtype).itemsize
        if len(tensor.tensor_content) != length:
            raise ValueError(
                f"expected {length} bytes for {name} of shape {shape}, "
                f"received {len(tensor.tensor_content)}"
            )
        return np.frombuffer(tensor.tensor_content, dtype).reshape(shape)
    # A list of the values would take a hundred times as long.
    values = np.array(getattr(tensor, field), dtype)
    if values.size not in (1, math.prod(shape)):
        raise ValueError(
            f"expected {math.prod(shape)} values for shape {shape}, "
            f"received {values.size}"
        )
    # One value stands for all, without using memory for them.
    return np.broadcast_to(
        values.reshape(() if values.size == 1 else shape), shape
    )


def _name_of(dtype: np.dtype) -> str:
    for name, (code, _) in DTYPES.items():
        if np.dtype(code) == dtype:
            return name
    raise ValueError(f"expected one of {list(DTYPES)}, received {dtype}")


def _strings(content: bytes, count: int) -> list[bytes]:
    """Splits `tensor_content` into strings: all lengths, then all bytes.

    Lengths are varints: 7 bits a byte, the lowest first, the highest bit set in
    all bytes but the last.
    """
    lengths: list[int] = []
    place = 0
    while len(lengths) < min(count, len(content)):
        length, place = _varint(content, place)
        lengths.append(length)
    ends = list(itertools.accumulate(lengths, initial=place))
    if len(lengths) != count or ends[-1] != len(content):
        raise ValueError(
            f"expected {count} strings, received {len(content)} bytes that "
            "hold others"
        )
    return [content[begin:end] for begin, end in itertools.pairwise(ends)]


def _varint(content: bytes, place: int) -> tuple[int, int]:
    """Reads a number of at most 10 bytes; returns it and the next place."""
    number = 0
    for index, byte in enumerate(content[place : place + 10]):
        number |= (byte & 127) << (7 * index)
        if byte < 128:
            return number, place + index + 1
    raise ValueError("the length of a string has no end")
