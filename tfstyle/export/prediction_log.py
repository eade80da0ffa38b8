"""Requests to a model server in files, as TensorFlow Serving logs them.

A file is a TFRecord of `tensorflow.serving.PredictionLog` messages. Servers
read such files to warm a model up; with the answers they are also examples of
what the model should say.

The messages are declared here, those parts of them that are used:
tensorflow-serving-api, which has them all, replaces the TensorFlow that is
installed. A tensor in them is bytes here: a serialized `TensorProto`, for
which the encoding is the same.
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

# Message -> field -> its number, and its type or the message it holds; that
# of `NamedTensor` is what a map is on the wire.
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
    """A request, and what was answered.

    Attributes:
        signature: Name of what is called.
        inputs: Name -> array; files are bytes in an array of type object.
        outputs: As the inputs; empty if the answer was not kept.
    """

    signature: str
    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)


def write(path: Path, records: Iterable[Record]) -> None:
    """Writes a file for `read`, and for TensorFlow Serving."""
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
    """What `write` wrote."""
    records = []
    for data in tf.data.TFRecordDataset(os.fspath(path)).as_numpy_iterator():
        log = _PredictionLog.FromString(data).predict_log
        records.append(
            Record(
                signature=log.request.model_spec.signature_name,
                inputs=_arrays(log.request.inputs),
                outputs=_arrays(log.response.outputs),
            )
        )
    return records


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
        # One value stands for all: images of one colour take no space.
        proto = tf.make_tensor_proto(first, array.dtype, array.shape)
    else:
        proto = tf.make_tensor_proto(array)
    return proto.SerializeToString()


def _declare() -> type[Any]:
    """The class of `PredictionLog`, in a pool of its own."""
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
