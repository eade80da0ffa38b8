"""Loads a version of a model, a SavedModel, and runs requests.

It is loaded like TensorFlow 1 and TensorFlow Serving do: the graph and its
variables, without Python code of the model. Names, types and shapes of
requests are checked against the signature here, because `Session.run` in
Python casts silently where Serving's C++ session refuses.
"""

import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from serving import protocol
from serving.server.errors import StatusError

DEFAULT_SIGNATURE = "serving_default"
_WARM_UP = "assets.extra/tf_serving_warmup_requests"
_MAX_WARM_UPS = 1000
# Names in TensorFlow's texts that differ from NumPy's.
_TYPES = {"float32": "float", "float64": "double", "object": "string"}
_PREFIX = "Graph execution error:\n\n"


class Servable:
    """A SavedModel in memory.

    Args:
        path: Folder of the version.
        threads: Number of threads of an operation; 0 for one on each core.

    Raises:
        StatusError: It cannot be loaded, or a warm-up request fails.
    """

    def __init__(self, path: str | os.PathLike[str], threads: int = 0):
        import tensorflow as tf

        self._tf = tf
        self._session = tf.compat.v1.Session(
            graph=tf.Graph(),
            config=tf.compat.v1.ConfigProto(
                intra_op_parallelism_threads=threads
            ),
        )
        try:
            with self._session.graph.as_default():
                meta = tf.compat.v1.saved_model.loader.load(
                    self._session, ["serve"], os.fspath(path)
                )
            self.signatures = {
                name: protocol.SignatureDef.FromString(
                    signature.SerializeToString()
                )
                for name, signature in meta.signature_def.items()
            }
            self._warm_up(pathlib.Path(path) / _WARM_UP)
        except StatusError:
            self.close()
            raise
        # A broken folder raises almost anything: KeyError, DecodeError, ...
        except Exception as error:
            self.close()
            raise StatusError(*_status(error)) from error

    def close(self) -> None:
        """Frees the memory; no request may be running."""
        self._session.close()

    def signature(self, name: str) -> Any:
        """Returns the `SignatureDef` of a name, `""` for the default one."""
        name = name or DEFAULT_SIGNATURE
        if name not in self.signatures:
            raise StatusError(
                "FAILED_PRECONDITION",
                f'Serving signature key "{name}" not found.',
            )
        return self.signatures[name]

    def run(
        self,
        name: str,
        inputs: Mapping[str, np.ndarray],
        wanted: Sequence[str] = (),
        timeout: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
            name: Name of the signature, or `""` for the default one.
            inputs: Arrays by name, of type object for bytes.
            wanted: Names of the outputs to return; all if empty.
            timeout: Time limit in seconds, or `None`.

        Returns:
            Output arrays by name.

        Raises:
            StatusError: The request does not fit the signature, the graph
                refuses its values, or the time ran out.
        """
        signature = self.signature(name)
        _check_inputs(signature.inputs, inputs)
        outputs = _outputs(signature.outputs, wanted)
        options = self._tf.compat.v1.RunOptions()
        if timeout is not None:
            # 0 would mean no limit.
            options.timeout_in_ms = max(1, int(timeout * 1000))
        try:
            arrays = self._session.run(
                [signature.outputs[output].name for output in outputs],
                {signature.inputs[k].name: v for k, v in inputs.items()},
                options=options,
            )
        except (self._tf.errors.OpError, ValueError) as error:
            raise StatusError(*_status(error)) from error
        return dict(zip(outputs, arrays, strict=True))

    def _warm_up(self, path: pathlib.Path) -> None:
        """Runs the stored warm-up requests, so that no user has to wait."""
        for request in self._stored(path):
            inputs = {
                name: protocol.to_array(tensor)
                for name, tensor in request.inputs.items()
            }
            self.run(request.model_spec.signature_name, inputs)

    def _stored(self, path: pathlib.Path) -> Iterator[Any]:
        if not path.exists():
            return
        records = self._tf.compat.v1.io.tf_record_iterator(os.fspath(path))
        for number, record in enumerate(records, start=1):
            if number > _MAX_WARM_UPS:
                raise ValueError(f"more than {_MAX_WARM_UPS} warm-up requests")
            yield protocol.PredictionLog.FromString(record).predict_log.request


def _check_inputs(
    expected: Mapping[str, Any], inputs: Mapping[str, np.ndarray]
) -> None:
    names, sent = set(expected), set(inputs)
    if names != sent:
        raise StatusError(
            "INVALID_ARGUMENT",
            f"input size does not match signature: {len(sent)}!={len(names)} "
            f"len({_set(sent)}) != len({_set(names)}). Sent extra: "
            f"{_set(sent - names)}. Missing but required: "
            f"{_set(names - sent)}.",
        )
    for index, name in enumerate(sorted(names)):
        _check_type(index, name, expected[name], inputs[name])
        _check_shape(name, expected[name], inputs[name])


def _check_type(index: int, name: str, info: Any, array: np.ndarray) -> None:
    wanted = protocol.dtype_name(info.dtype)
    plain = wanted.removeprefix("DT_").lower()
    known = protocol.DTYPES.get(wanted)
    if known is None or array.dtype != np.dtype(known[0]):
        found = _TYPES.get(str(array.dtype), array.dtype)
        raise StatusError(
            "INVALID_ARGUMENT",
            f"Expects arg[{index}] to be {plain} but {found} is provided "
            f"(input '{name}')",
        )


def _check_shape(name: str, info: Any, array: np.ndarray) -> None:
    if info.tensor_shape.unknown_rank:
        return
    wanted = [dim.size for dim in info.tensor_shape.dim]
    fits = len(wanted) == array.ndim and all(
        size in (-1, found)
        for size, found in zip(wanted, array.shape, strict=True)
    )
    if not fits:
        raise StatusError(
            "INVALID_ARGUMENT",
            f"input '{name}' must have shape {_shape(wanted)}, received "
            f"{_shape(array.shape)}",
        )


def _outputs(known: Mapping[str, Any], wanted: Sequence[str]) -> list[str]:
    for name in wanted:
        if name not in known:
            raise StatusError(
                "INVALID_ARGUMENT",
                f"output tensor alias not found in signature: {name} Outputs "
                f"expected to be in the set {_set(known)}.",
            )
        if list(wanted).count(name) > 1:
            raise StatusError(
                "INVALID_ARGUMENT", f"duplicate output tensor alias: {name}"
            )
    return list(wanted) or sorted(known)


def _status(error: Exception) -> tuple[str, str]:
    """Returns code and text of an error of TensorFlow or a broken file."""
    code = getattr(error, "error_code", -1)
    text = getattr(error, "message", None) or str(error)
    default = "INVALID_ARGUMENT" if isinstance(error, ValueError) else "UNKNOWN"
    code = protocol.CODES.get(code, default)
    return code, text.removeprefix(_PREFIX).strip()


def _set(names: Iterable[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"


def _shape(sizes: Iterable[int]) -> str:
    return "[" + ",".join("?" if n == -1 else str(n) for n in sizes) + "]"
