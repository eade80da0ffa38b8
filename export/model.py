"""The model that the programs here export, by flags they share."""

import pathlib
from typing import Any

from absl import flags

_MODEL = flags.DEFINE_string(
    "model",
    "distilled",
    "Model to export: the name of one of this package, a file of one (.h5), "
    "or a model that Keras saved (.keras).",
)
_ENCODER_WEIGHTS = flags.DEFINE_string(
    "encoder_weights", None, "File of the published encoder's weights (.h5)."
)


def find() -> pathlib.Path:
    """The file of the model, before TensorFlow is loaded."""
    from tfstyle.pretrained import presets

    return presets.path(_MODEL.value)


def load(path: pathlib.Path) -> Any:
    """The model of a file."""
    from tfstyle.adain.model import StyleModel

    if path.suffix == ".keras":
        model, whole = _stored(path), True
    else:
        weights = _ENCODER_WEIGHTS.value
        model = StyleModel.from_preset(path, weights)
        whole = model.encoder.trainable
    if whole and _ENCODER_WEIGHTS.value:
        raise ValueError(
            f"'{path}' holds its encoder's weights: leave out "
            "--encoder_weights."
        )
    return model


def _stored(path: pathlib.Path) -> Any:
    import keras

    from tfstyle.adain.model import StyleModel

    model = keras.saving.load_model(path, compile=False)
    if not isinstance(model, StyleModel):
        raise ValueError(
            f"'{path}' must hold a tfstyle.StyleModel. Received: "
            f"{type(model).__name__}"
        )
    return model


def about(path: pathlib.Path) -> str:
    """The model card beside a file, and the licence of the folder."""
    texts = []
    for name in (path.with_suffix(".md"), path.with_name("LICENSE")):
        if name.exists():
            texts.append(name.read_text(encoding="utf-8"))
    return "\n".join(texts)
