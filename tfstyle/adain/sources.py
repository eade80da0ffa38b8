"""Finds models by name, without loading Keras or TensorFlow.

| name                           | model                                       |
|--------------------------------|---------------------------------------------|
| a key of `presets.FILES`, .h5  | a model of this package, or trained with it |
| .keras                         | the same, stored by Keras                   |
| a folder with a SavedModel     | what `export.saved_model` wrote, or a model |
|                                | called like Magenta's on TensorFlow Hub     |
| a handle with `://`            | such a model on TensorFlow Hub              |
"""

import dataclasses
import json
import pathlib
import zipfile
from typing import Any, Literal

import numpy as np

from tfstyle.pretrained import presets


@dataclasses.dataclass(frozen=True)
class Source:
    """A model that was found by its name.

    Attributes:
        name: Name by which it was found.
        kind: `"preset"` (a model of this package or an .h5 file), `"keras"` (a
            .keras file), `"saved_model"` or `"hub"` (a handle).
        files: Files of the model; none for a hub handle.
        encoder: Published network whose weights the model needs; `None` if it
            holds its encoder's weights.
    """

    name: str
    kind: Literal["preset", "keras", "saved_model", "hub"]
    files: tuple[pathlib.Path, ...] = ()
    encoder: str | None = None

    def styles(self) -> list[np.ndarray]:
        """Returns the style images inside: float32, RGB in [0, 1].

        Raises:
            ValueError: There are none, or the file is damaged.
        """
        if self.kind in ("saved_model", "hub"):
            raise ValueError(
                f"The SavedModel '{self.name}' needs a `style`: none inside it "
                "is used. Give one, or the .keras or .h5 file that was "
                "exported."
            )
        packed = _settings(self).get("styles")
        if not packed:
            raise ValueError(
                f"The model '{self.name}' has no style inside: give a `style`, "
                "or a model of tfstyle.specialize."
            )
        return [presets.unpack_style(text) for text in packed]

    def check_encoder_weights(self, path: str | None) -> None:
        """Raises `ValueError` for encoder weights that the model does not need.

        Args:
            path: File of the encoder's weights, or `None`.
        """
        if path is not None and self.encoder is None:
            raise ValueError(
                f"The model '{self.name}' holds its encoder's weights: leave "
                "out `encoder_weights`."
            )


def find(name: str) -> Source:
    """Finds a model by its name, see the table in the module.

    Raises:
        ValueError: There is no such model, or its file is damaged.
    """
    if "://" in name:
        return Source(name, "hub")
    graph = pathlib.Path(name, "saved_model.pb")
    if graph.is_file():
        variables = sorted(graph.parent.glob("variables/*"))
        return Source(name, "saved_model", (graph, *variables))
    file = presets.path(name)
    if file.suffix == ".keras":
        return Source(name, "keras", (file,))
    settings, _ = presets.load(name)
    needed = None if settings["train_encoder"] else settings["encoder"]
    return Source(name, "preset", (file,), needed)


def _settings(source: Source) -> dict[str, Any]:
    """Returns the settings that the file of a model holds."""
    if source.kind == "preset":
        return presets.load(source.name)[0]
    try:
        with zipfile.ZipFile(source.files[0]) as archive:
            return dict(json.loads(archive.read("config.json"))["config"])
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"'{source.name}' is not a Keras model, or it is damaged: {error}"
        ) from error
