"""Runs a SavedModel in a separate process, without Keras.

`"c++"` loads and runs it as TensorFlow Serving does, by `LoadSavedModel` and a
session of the installed TensorFlow: see loader.cc, which is compiled for it.
`"python"` is the loader of TensorFlow 1: see session.py.
"""

import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from tfstyle.export.prediction_log import Record
from tfstyle.runtime.types import Path

_HERE = pathlib.Path(__file__).parent


def has_compiler() -> bool:
    """Returns whether there is a compiler for `"c++"`."""
    return shutil.which(_compiler()[0]) is not None


def run(
    model: Path, records: Sequence[Record], kind: str = "c++"
) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Sends requests to a model.

    Args:
        model: Folder of a version.
        records: Requests; their outputs are ignored.
        kind: Loader, `"c++"` or `"python"`.

    Returns:
        The status of each request, `"OK"` or an error, and its outputs by
        name, none after an error.

    Raises:
        OSError: The loader could not be built or the model could not be
            loaded.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        command = [sys.executable, "-m", "export.session"]
        if kind == "c++":
            command = [_build(folder / "loader")]
        requests = folder / "requests"
        places = [requests / f"{i:04}" for i in range(len(records))]
        for place, record in zip(places, records, strict=True):
            _write(place, record)
        # Absolute, because `_run` changes the folder.
        arguments = [os.path.abspath(model), os.fspath(requests)]
        _run([*command, *arguments], "load it")
        return [_read(place) for place in places]


def _compiler() -> list[str]:
    """Words of the compiler, such as `["ccache", "g++"]`."""
    return shlex.split(os.environ.get("CXX", "")) or ["g++"]


def _build(path: pathlib.Path) -> str:
    """Compiles loader.cc against TensorFlow's library; takes 10 to 20 s."""
    library = tf.sysconfig.get_lib()
    names = ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")
    # Linkers drop a library that is not called directly, and with it the
    # session factory that registers itself in it.
    link = ["-Wl,--no-as-needed", f"-L{library}", f"-Wl,-rpath,{library}"]
    _run(
        [
            *_compiler(),
            *tf.sysconfig.get_compile_flags(),
            "-w",
            os.fspath(_HERE / "loader.cc"),
            "-o",
            os.fspath(path),
            *link,
            *(f"-l:{name}" for name in names),
        ],
        "compile loader.cc",
    )
    return os.fspath(path)


def _run(command: Sequence[str], purpose: str) -> None:
    # On the CPU, because GPUs round the inputs of convolutions.
    done = subprocess.run(
        command,
        cwd=_HERE.parent,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        said = [f"exit status {done.returncode}", *done.stderr.splitlines()]
        # Indented lines, of TensorFlow and of compilers, continue others.
        *_, last = (
            line
            for line in said
            if line[:1].strip() and line != "compilation terminated."
        )
        raise OSError(f"Could not {purpose}: {last}")


def _write(place: pathlib.Path, record: Record) -> None:
    (place / "inputs").mkdir(parents=True)
    (place / "signature").write_text(record.signature, "utf-8")
    for name, array in record.inputs.items():
        proto = tf.make_tensor_proto(array)
        (place / "inputs" / name).write_bytes(proto.SerializeToString())


def _read(place: pathlib.Path) -> tuple[str, dict[str, np.ndarray]]:
    outputs = {
        path.name: tf.make_ndarray(
            tensor_pb2.TensorProto.FromString(path.read_bytes())
        )
        for path in place.glob("outputs/*")
    }
    return (place / "status").read_text("utf-8", "replace"), outputs
