"""Runs a SavedModel like loader.cc, by the session of TensorFlow 1.

  python -m export.session MODEL REQUESTS

For machines without a compiler. It restores the model as a server does, but
the session casts its inputs, such as float64, which a server refuses.
"""

import pathlib
import sys
from collections.abc import Mapping
from typing import Any

import tensorflow.compat.v1 as tf
from tensorflow.core.framework import tensor_pb2


def main(model: str, requests: str) -> None:
    """Answers all requests in a folder; see loader.cc for its files."""
    with tf.Session(graph=tf.Graph()) as session:
        loaded = tf.saved_model.loader.load(session, ["serve"], model)
        for request in sorted(pathlib.Path(requests).iterdir()):
            status = _answer(session, loaded.signature_def, request)
            (request / "status").write_text(status, "utf-8")


def _answer(
    session: tf.Session, signatures: Mapping[str, Any], request: pathlib.Path
) -> str:
    name = (request / "signature").read_text("utf-8")
    if name not in signatures:
        return f'FAILED_PRECONDITION: Serving signature key "{name}" not found.'
    inputs, outputs = signatures[name].inputs, signatures[name].outputs
    feeds = {}
    for path in (request / "inputs").iterdir():
        if path.name not in inputs:
            return f"INVALID_ARGUMENT: the signature has no input {path.name}"
        proto = tensor_pb2.TensorProto.FromString(path.read_bytes())
        feeds[inputs[path.name].name] = tf.make_ndarray(proto)
    try:
        nodes = {alias: info.name for alias, info in outputs.items()}
        arrays = session.run(nodes, feeds)
    except (tf.errors.InvalidArgumentError, ValueError) as error:
        return f"INVALID_ARGUMENT: {error}"
    (request / "outputs").mkdir()
    for alias, array in arrays.items():
        data = tf.make_tensor_proto(array).SerializeToString()
        (request / "outputs" / alias).write_bytes(data)
    return "OK"


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (OSError, tf.errors.OpError) as error:
        sys.exit(f"{type(error).__name__}: {' '.join(str(error).split())}")
