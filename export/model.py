"""Shared flags of the export programs, and the model that they name."""

import os
from typing import TYPE_CHECKING

from absl import flags

if TYPE_CHECKING:
    from tfstyle.adain.model import StyleModel
    from tfstyle.adain.sources import Source

_MODEL = flags.DEFINE_string(
    "model",
    "distilled",
    "Model to export: a name of this package, a file of weights (.h5), or a "
    "model saved by Keras (.keras).",
)
_ENCODER_WEIGHTS = flags.DEFINE_string(
    "encoder_weights", None, "File of the published encoder's weights (.h5)."
)


def find() -> "Source":
    """Finds the model, without loading TensorFlow."""
    from tfstyle.adain import sources

    source = sources.find(_MODEL.value)
    if source.kind not in ("preset", "keras"):
        raise ValueError(
            f"'{source.name}' cannot be exported: it is not a model of this "
            "package. Give a name, or an .h5 or .keras file."
        )
    source.check_encoder_weights(_ENCODER_WEIGHTS.value)
    return source


def check_output(source: "Source", path: str, ending: str) -> None:
    """Checks the name of the file to write, without loading TensorFlow."""
    from tfstyle.pipelines import preparation

    inputs = {"model": os.fspath(source.files[0])}
    if _ENCODER_WEIGHTS.value:
        inputs["encoder_weights"] = _ENCODER_WEIGHTS.value
    preparation.check_outputs(inputs, {"output": path})
    if os.path.splitext(path)[1] != ending:
        raise ValueError(
            f"--output must end in {ending}. Received: --output={path}"
        )


def load(source: "Source") -> "StyleModel":
    """Loads the model, with TensorFlow."""
    from tfstyle.adain.model import StyleModel

    return StyleModel.from_preset(source.name, _ENCODER_WEIGHTS.value)


def about(source: "Source") -> str:
    """Returns the model card beside the file and the folder's license."""
    (path,) = source.files
    texts = []
    for name in (path.with_suffix(".md"), path.with_name("LICENSE")):
        if name.exists():
            texts.append(name.read_text(encoding="utf-8", errors="replace"))
    return "\n".join(texts)
