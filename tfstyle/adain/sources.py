"""What the name of a model means; needs neither Keras nor TensorFlow.

| named by                       | what it is                                  |
|--------------------------------|---------------------------------------------|
| a key of `presets.FILES`, .h5  | a model of this package, or trained with it |
| .keras                         | the same, stored by Keras                   |
| a folder with a SavedModel     | what `export.saved_model` wrote, or a model |
|                                | called as Magenta's on TensorFlow Hub       |
| a handle with `://`            | such a model, by TensorFlow Hub             |
"""

import dataclasses
import pathlib
from typing import Literal

from tfstyle.pretrained import presets


@dataclasses.dataclass(frozen=True)
class Source:
    """A model that was found by its name.

    Attributes:
        name: The name.
        kind: What it is: a `"preset"` (a model of this package or an .h5 file),
            a `"keras"` file, a `"saved_model"` or a `"hub"` handle.
        files: What it is made of; none for a hub handle.
        encoder: Name of the published network whose weights it needs; `None`
            if it holds its encoder's weights.
    """

    name: str
    kind: Literal["preset", "keras", "saved_model", "hub"]
    files: tuple[pathlib.Path, ...] = ()
    encoder: str | None = None

    def check_encoder_weights(self, path: str | None) -> None:
        """Raises `ValueError` if a file of weights is given for nothing.

        Args:
            path: The file of the encoder's weights, or `None`.
        """
        if path is not None and self.encoder is None:
            raise ValueError(
                f"The model '{self.name}' holds its encoder's weights: leave "
                "out `encoder_weights`."
            )


def find(name: str) -> Source:
    """Finds a model by its name, as in the table above.

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
