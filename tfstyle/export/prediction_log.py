"""Reads and writes requests in the log format of TensorFlow Serving.

A file is a TFRecord of `tensorflow.serving.PredictionLog` messages. Servers
read such files to warm up a model; with the answers they also serve as
reference results.

Only the parts of the messages that are used are declared here, because
tensorflow-serving-api, which has all, replaces the installed TensorFlow. A
tensor is declared as bytes, a serialized `TensorProto`: the encoding is the
same.
"""

import dataclasses
import os
from collections.abc import Iterable, Mapping
from typing import Any

import google.protobuf.descriptor_pb2 as descriptors
import numpy as np
import tensorflow as tf
from google.protobuf import descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2

from tfstyle.runtime.types import Path

# Message -> field -> number and type, or the message that it holds. A map is
# encoded as repeated `NamedTensor`.
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "NamedTensor": {"key": (1, "string"), "value": (2, "bytes")},
    "ModelSpec": {"name": (1, "string"), "signature_name": (3, "string")},
    "PredictRequest": {
        "model_spec": (1, "ModelSpec"),
        "inputs": (2, "repeated NamedTensor"),
    },
    "PredictResponse": {"outputs": (1, "repeated NamedTensor")},
    "PredictLog": {
        "request": (1, "PredictRequest"),
        "response": (2, "PredictResponse"),
    },
    "PredictionLog": {"predict_log": (6, "PredictLog")},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """A request and its answer.

    Attributes:
        signature: Name of the signature that is called.
        inputs: Arrays by name; files are bytes in an array of type object.
        outputs: Arrays of the answer by name; empty without an answer.
    """

    signature: str
    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)


def write(path: Path, records: Iterable[Record]) -> None:
    """Writes a file for `read` and for TensorFlow Serving."""
    with tf.io.TFRecordWriter(os.fspath(path)) as writer:
        for record in records:
            log = _PredictionLog()
            request = log.predict_log.request
            request.model_spec.signature_name = record.signature
            for name, array in record.inputs.items():
                request.inputs.add(key=name, value=_to_bytes(array))
            for name, array in record.outputs.items():
                log.predict_log.response.outputs.add(
                    key=name, value=_to_bytes(array)
                )
            writer.write(log.SerializeToString())


def read(path: Path) -> list[Record]:
    """Reads a file of `write`.

    Raises:
        ValueError: The file is damaged.
    """
    dataset = tf.data.TFRecordDataset(os.fspath(path))
    try:
        return [_record(data) for data in dataset.as_numpy_iterator()]
    except tf.errors.DataLossError as error:
        raise ValueError(
            f"'{os.fspath(path)}' is damaged. Copy the version again."
        ) from error


def _record(data: bytes) -> Record:
    log = _PredictionLog.FromString(data).predict_log
    return Record(
        signature=log.request.model_spec.signature_name,
        inputs=_arrays(log.request.inputs),
        outputs=_arrays(log.response.outputs),
    )


def _arrays(tensors: Iterable[Any]) -> dict[str, np.ndarray]:
    return {
        tensor.key: tf.make_ndarray(
            tensor_pb2.TensorProto.FromString(tensor.value)
        )
        for tensor in tensors
    }


def _to_bytes(array: np.ndarray) -> bytes:
    first = array.flat[0]
    if array.dtype.kind == "f" and (array == first).all():
        # One value stands for all: images of a single color take no space.
        proto = tf.make_tensor_proto(first, array.dtype, array.shape)
    else:
        proto = tf.make_tensor_proto(array)
    return proto.SerializeToString()


def _declare() -> type[Any]:
    """Returns the class of `PredictionLog`, in a separate descriptor pool."""
    file = descriptors.FileDescriptorProto(
        name="tfstyle/prediction_log.proto", package="tfstyle", syntax="proto3"
    )
    kinds = descriptors.FieldDescriptorProto
    for message, fields in _MESSAGES.items():
        declared = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            *repeated, kind = kind.split()
            field = declared.field.add(name=name, number=number)
            field.label = (
                kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            )
            if kind in _MESSAGES:
                field.type_name = f".tfstyle.{kind}"
                field.type = kinds.TYPE_MESSAGE
            else:
                field.type = kinds.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName("tfstyle.PredictionLog")
    return message_factory.GetMessageClass(found)


_PredictionLog = _declare()
