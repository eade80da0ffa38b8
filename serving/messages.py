"""TensorFlow Serving's protobuf messages, as tables and as classes.

The numbers are those of its .proto files; a test compares them. The classes
are in a separate descriptor pool, because TensorFlow's own messages, which the
same process may import, have the same names.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "tensorflow.serving"
_FIELD = descriptor_pb2.FieldDescriptorProto

# Enumeration -> name -> number.
ENUMS: dict[str, dict[str, int]] = {
    "DataType": {
        "DT_INVALID": 0,
        "DT_FLOAT": 1,
        "DT_DOUBLE": 2,
        "DT_INT32": 3,
        "DT_UINT8": 4,
        "DT_INT16": 5,
        "DT_INT8": 6,
        "DT_STRING": 7,
        "DT_INT64": 9,
        "DT_BOOL": 10,
        "DT_BFLOAT16": 14,
        "DT_HALF": 19,
        "DT_RESOURCE": 20,
        "DT_VARIANT": 21,
        "DT_UINT32": 22,
        "DT_UINT64": 23,
    },
    "State": {
        "UNKNOWN_STATE": 0,
        "START": 10,
        "LOADING": 20,
        "AVAILABLE": 30,
        "UNLOADING": 40,
        "END": 50,
    },
    "Code": {
        "OK": 0,
        "CANCELLED": 1,
        "UNKNOWN": 2,
        "INVALID_ARGUMENT": 3,
        "DEADLINE_EXCEEDED": 4,
        "NOT_FOUND": 5,
        "ALREADY_EXISTS": 6,
        "PERMISSION_DENIED": 7,
        "RESOURCE_EXHAUSTED": 8,
        "FAILED_PRECONDITION": 9,
        "ABORTED": 10,
        "OUT_OF_RANGE": 11,
        "UNIMPLEMENTED": 12,
        "INTERNAL": 13,
        "UNAVAILABLE": 14,
        "DATA_LOSS": 15,
        "UNAUTHENTICATED": 16,
    },
}
# Message -> field -> its number and type.
MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Int64Value": {"value": (1, "int64")},
    "Any": {"type_url": (1, "string"), "value": (2, "bytes")},
    "Dim": {"size": (1, "int64"), "name": (2, "string")},
    "TensorShapeProto": {
        "dim": (2, "repeated Dim"),
        "unknown_rank": (3, "bool"),
    },
    "TensorProto": {
        "dtype": (1, "DataType"),
        "tensor_shape": (2, "TensorShapeProto"),
        "tensor_content": (4, "bytes"),
        "float_val": (5, "repeated float"),
        "double_val": (6, "repeated double"),
        "int_val": (7, "repeated int32"),
        "string_val": (8, "repeated bytes"),
        "int64_val": (10, "repeated int64"),
        "bool_val": (11, "repeated bool"),
        "uint32_val": (16, "repeated uint32"),
        "uint64_val": (17, "repeated uint64"),
    },
    "ModelSpec": {
        "name": (1, "string"),
        "version": (2, "Int64Value"),
        "signature_name": (3, "string"),
        "version_label": (4, "string"),
    },
    "PredictRequest": {
        "model_spec": (1, "ModelSpec"),
        "inputs": (2, "map TensorProto"),
        "output_filter": (3, "repeated string"),
    },
    "PredictResponse": {
        "outputs": (1, "map TensorProto"),
        "model_spec": (2, "ModelSpec"),
    },
    "TensorInfo": {
        "name": (1, "string"),
        "dtype": (2, "DataType"),
        "tensor_shape": (3, "TensorShapeProto"),
    },
    "SignatureDef": {
        "inputs": (1, "map TensorInfo"),
        "outputs": (2, "map TensorInfo"),
        "method_name": (3, "string"),
    },
    "SignatureDefMap": {"signature_def": (1, "map SignatureDef")},
    "GetModelMetadataRequest": {
        "model_spec": (1, "ModelSpec"),
        "metadata_field": (2, "repeated string"),
    },
    "GetModelMetadataResponse": {
        "model_spec": (1, "ModelSpec"),
        "metadata": (2, "map Any"),
    },
    "StatusProto": {
        "error_code": (1, "Code"),
        "error_message": (2, "string"),
    },
    "ModelVersionStatus": {
        "version": (1, "int64"),
        "state": (2, "State"),
        "status": (3, "StatusProto"),
    },
    "GetModelStatusRequest": {"model_spec": (1, "ModelSpec")},
    "GetModelStatusResponse": {
        "model_version_status": (1, "repeated ModelVersionStatus"),
    },
    # Records of assets.extra/tf_serving_warmup_requests.
    "PredictLog": {"request": (1, "PredictRequest")},
    "PredictionLog": {"predict_log": (6, "PredictLog")},
}


def message_classes(
    messages: Mapping[str, Mapping[str, tuple[int, str]]],
    enums: Mapping[str, Mapping[str, int]],
) -> dict[str, Any]:
    """Returns the classes of a table's messages, in a separate pool."""
    file = descriptor_pb2.FileDescriptorProto(
        name="serving/protocol.proto", package=PACKAGE, syntax="proto3"
    )
    for name, values in enums.items():
        # A scope for each, because two enumerations may share a name.
        enum = file.message_type.add(name=f"{name}Enum").enum_type.add(
            name=name
        )
        for value, number in values.items():
            enum.value.add(name=value, number=number)
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add_field(message, field, number, kind, enums)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{PACKAGE}.{name}")
        )
        for name in messages
    }


def _add_field(
    message: descriptor_pb2.DescriptorProto,
    field: str,
    number: int,
    kind: str,
    enums: Mapping[str, Mapping[str, int]],
) -> None:
    form, _, rest = kind.rpartition(" ")
    proto = message.field.add(name=field, number=number, json_name=field)
    proto.label = _FIELD.LABEL_REPEATED if form else _FIELD.LABEL_OPTIONAL
    if form == "map":  # From string to `rest`.
        entry = message.nested_type.add(
            name="".join(part.title() for part in field.split("_")) + "Entry"
        )
        entry.options.map_entry = True
        _add_field(entry, "key", 1, "string", enums)
        _add_field(entry, "value", 2, rest, enums)
        rest = f"{message.name}.{entry.name}"
    if hasattr(_FIELD, f"TYPE_{rest.upper()}"):
        proto.type = getattr(_FIELD, f"TYPE_{rest.upper()}")
    elif rest in enums:
        proto.type = _FIELD.TYPE_ENUM
        proto.type_name = f".{PACKAGE}.{rest}Enum.{rest}"
    else:
        proto.type = _FIELD.TYPE_MESSAGE
        proto.type_name = f".{PACKAGE}.{rest}"
