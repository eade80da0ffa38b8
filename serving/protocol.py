"""TensorFlow Serving's protocol, without TensorFlow.

The official package of its messages imports all of TensorFlow; this needs
grpcio, protobuf and numpy. A client is little more than this:

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

# Type of the protocol -> NumPy's, and the field for values one by one.
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
    """The callable of a `grpc.Channel` for one of `METHODS`."""
    service, request, answer = METHODS[method]
    return channel.unary_unary(
        f"/{PACKAGE}.{service}/{method}",
        request_serializer=request.SerializeToString,
        response_deserializer=answer.FromString,
    )


def predict_request(
    model: str, signature: str, inputs: Mapping[str, Any]
) -> Message:
    """A `PredictRequest`; `inputs` are arrays, or lists of bytes, by name."""
    request = PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, values in inputs.items():
        fill_tensor(request.inputs[name], values)
    return request


def dtype_name(number: int) -> str:
    """Such as `"DT_FLOAT"` for 1; `"DT_INVALID"` for what is unknown here."""
    return _NAMES["DataType"].get(number, "DT_INVALID")


def state_name(number: int) -> str:
    """Such as `"AVAILABLE"` for 30."""
    return _NAMES["State"].get(number, "UNKNOWN_STATE")


def fill_tensor(tensor: Message, values: Any, spell_out: bool = False) -> None:
    """Makes an empty `TensorProto` that of `values`.

    In place, because `CopyFrom` takes long for large tensors.

    Args:
        tensor: The message.
        values: An array, or a list of bytes.
        spell_out: Floats become values in place of bytes, which is how Serving
            answers by default.
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
    """A `GetModelStatusResponse` of tuples (number, state, code, text)."""
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

    A packed field is these bytes behind its number and their length; adding
    the values one by one takes a thousand times as long.
    """
    head, length = [MESSAGES["TensorProto"]["float_val"][0] << 3 | 2], len(data)
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    tensor.MergeFromString(b"".join([bytes([*head, length]), data]))


def to_array(tensor: Message) -> np.ndarray:
    """The array of a `TensorProto`, read-only; of type object for bytes.

    Raises:
        ValueError: Its type is unknown, or its values do not fill its shape.
    """
    name = dtype_name(tensor.dtype)
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if name not in DTYPES or tensor.tensor_shape.unknown_rank:
        raise ValueError(f"cannot read a tensor of {name} and shape {shape}")
    if any(size < 0 for size in shape):
        raise ValueError(f"a shape has no negative sizes, received {shape}")
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
    # Not through a list of the values: that takes a hundred times as long.
    values = np.array(getattr(tensor, field), dtype)
    if values.size not in (1, math.prod(shape)):
        raise ValueError(
            f"expected {math.prod(shape)} values for shape {shape}, "
            f"received {values.size}"
        )
    # One value stands for all, without the memory of them.
    return np.broadcast_to(
        values.reshape(() if values.size == 1 else shape), shape
    )


def _name_of(dtype: np.dtype) -> str:
    for name, (code, _) in DTYPES.items():
        if np.dtype(code) == dtype:
            return name
    raise ValueError(f"expected one of {list(DTYPES)}, received {dtype}")


def _strings(content: bytes, count: int) -> list[bytes]:
    """Strings in `tensor_content`: all their lengths, then their bytes.

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
    """The number at a place, of 10 bytes at most, and the place behind it."""
    number = 0
    for index, byte in enumerate(content[place : place + 10]):
        number |= (byte & 127) << (7 * index)
        if byte < 128:
            return number, place + index + 1
    raise ValueError("the length of a string has no end")
