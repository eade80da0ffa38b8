r"""Checks an exported version: does it answer as the Keras model did?

  python -m export.check models/style/1

loads it in a separate process with TensorFlow's C++ loader, which TensorFlow
Serving uses, or without a compiler (g++, or the one that CXX names) with the
loader of TensorFlow 1. Each signature must give the answers of the Keras model
at export (assets.extra/known_answers), and the warm-up requests must succeed.
"""

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import app, flags

from tfstyle.cli import program

if TYPE_CHECKING:
    import numpy as np

    from tfstyle.export.prediction_log import Record

_LOADER = flags.DEFINE_enum(
    "loader",
    "auto",
    ["auto", "c++", "python"],
    "TensorFlow's loader: c++, which needs a compiler, python, or auto: c++ "
    "where there is a compiler.",
)


def main(version: str | None = None) -> None:
    """Checks one version."""
    if version is None:
        raise app.UsageError("Name the folder of one version: models/style/1")
    folder = pathlib.Path(version)
    if not (folder / "saved_model.pb").exists():
        raise FileNotFoundError(
            f"'{folder}' is not a version of a model: it has no "
            "saved_model.pb. Versions are folders such as models/style/1."
        )
    from tfstyle.runtime import devices

    devices.start("cpu")
    from export import loader

    kind = _LOADER.value
    if kind == "auto":
        kind = "c++" if loader.has_compiler() else "python"
        if kind == "python":
            program.note("there is no C++ compiler; TensorFlow 1 loads it.")
    known, warmup = _known(folder), _warmup(folder)
    answers = loader.run(folder, [*known, *warmup], kind)
    for record, (status, _) in zip([*known, *warmup], answers, strict=True):
        if status != "OK":
            raise ValueError(f"{record.signature} fails: {status}")
    _compare(known, answers[: len(known)])
    print(f"{kind} loader: {len(known)} signatures, {len(warmup)} warm-ups")


def _known(folder: pathlib.Path) -> "list[Record]":
    from tfstyle.export import prediction_log, saved_model

    path = folder / saved_model.KNOWN_ANSWERS
    if not path.exists():
        raise FileNotFoundError(
            f"'{folder}' has no {saved_model.KNOWN_ANSWERS}: it was not "
            "written by export.saved_model."
        )
    if known := prediction_log.read(path):
        return known
    raise ValueError(f"'{path}' is damaged. Copy the version again.")


def _warmup(folder: pathlib.Path) -> "list[Record]":
    """Requests for warming up; none after --nowarmup."""
    from tfstyle.export import prediction_log, saved_model

    path = folder / saved_model.WARMUP
    return prediction_log.read(path) if path.exists() else []


def _compare(
    known: "list[Record]",
    answers: "Sequence[tuple[str, dict[str, np.ndarray]]]",
) -> None:
    from tfstyle.export import known_answers

    for record, (_, outputs) in zip(known, answers, strict=True):
        difference = known_answers.check(record, outputs)
        print(f"{record.signature}: within {difference:.1g}")


if __name__ == "__main__":
    program.run(main, arguments=1)
