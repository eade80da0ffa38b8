"""Prepares a run: reads and checks its input files, outputs and checkpoint.

Needs no TensorFlow, so that a program can refuse a wrong file at once.

Input files are named by role: for `stylize` `"content"`, `"style 1"`, `"style
2"`... and `"init"`, for `deep_dream` `"image"` and `"guide"`; for both
`"feature_weights"`, and masks as in `tfstyle.controls.region_files`.
"""

import dataclasses
import os
import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from tfstyle import images
from tfstyle.controls import region_files
from tfstyle.controls.regions import Regions
from tfstyle.dreams.config import DreamConfig
from tfstyle.images import provenance
from tfstyle.images.sizes import pyramid
from tfstyle.optimization.config import ADDED, GatysConfig
from tfstyle.pretrained import topology, weights
from tfstyle.runtime import checkpoint, files, scratch

Config = GatysConfig | DreamConfig

# Class of settings -> function that takes them, and role of the photograph.
_ENGINES: dict[type, tuple[str, str]] = {
    GatysConfig: ("stylize", "content"),
    DreamConfig: ("deep_dream", "image"),
}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """Checked settings and decoded input files of a run.

    Attributes:
        config: Settings; they name a network, not `"auto"`.
        inputs: Role -> path of each input file.
        content: The photograph and its transparency.
        styles: Style images, float32 arrays of shape `(height, width, 3)`.
        init: Start picture, such an array, or `None`.
        guide: Guide of a dream, such an array, or `None`.
        regions: Regions from masks and maps, or `None`.
        weights_file: Weights file of the network; a user's own file has been
            read already.
    """

    config: Any  # A `Config`; each program knows its class.
    inputs: Mapping[str, str]
    content: images.Picture
    styles: Sequence[np.ndarray]
    init: np.ndarray | None
    guide: np.ndarray | None
    regions: Regions | None
    weights_file: weights.Resolved

    def record(self, config: Config, device: str) -> dict[str, Any]:
        """Returns the record for the picture; see `provenance.describe`.

        Args:
            config: Settings with the precision that was used.
            device: Name of the device that was used.

        Returns:
            The record. Published weights are named only by their network, so
            that `recall` accepts any copy of them.
        """
        inputs = dict(self.inputs)
        if self.weights_file.published:
            inputs.pop("feature_weights", None)
        notes = {
            "weights": self.weights_file.digest,
            "published": self.weights_file.published,
            "device": device,
        }
        settings = dataclasses.replace(config, feature_weights=None)
        return provenance.describe(settings, inputs, notes)

    def in_files(self, make: scratch.Make) -> "Prepared":
        """Returns the run with the photograph in an array of `make`."""
        pixels = scratch.copied(self.content.pixels[None], make)[0]
        content = dataclasses.replace(self.content, pixels=pixels)
        return dataclasses.replace(self, content=content)


def styles(inputs: Mapping[str, str]) -> list[str]:
    """Returns the paths of the style images, in order."""
    return [p for role, p in inputs.items() if role.startswith("style ")]


def recall(
    path: str, given: Collection[str] = (), kind: type = GatysConfig
) -> tuple[dict[str, Any], dict[str, str]]:
    """Recovers settings and input files of a picture from its record.

    Args:
        path: A picture that tfstyle wrote.
        given: Names of settings, and roles without their number
            ("style"), for which the caller has other values.
        kind: Class of the settings, `GatysConfig` or `DreamConfig`.

    Returns:
        The recorded fields of `kind` that are not given; and role -> path of
        the inputs, found by name and content beside the picture or in the
        current folder.

    Raises:
        FileNotFoundError: There is no such picture, or an input is missing;
            names it and its SHA-256.
        ValueError: It is not an image, has no record of such a run, or the
            record lacks values that are not given.
    """
    record = provenance.read(path)
    _check_whole(path, record, given, kind)
    recorded = record["config"]
    engine, photo = _ENGINES[kind]
    names = {field.name for field in dataclasses.fields(kind)}
    # Pictures of tfstyle.transfer have no features.
    if "features" not in recorded or photo not in record["inputs"]:
        raise ValueError(f"'{path}' was not made by `{engine}`.")
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in (ADDED | recorded).items()
        if name in names - set(given)
    }
    wanted = {
        role: entry
        for role, entry in record["inputs"].items()
        if role.partition(" ")[0] not in given
    }
    try:
        kind(**settings)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"The record in '{path}' cannot be used: {error}"
        ) from error
    folders = [pathlib.Path(path).parent, pathlib.Path()]
    found = provenance.find_inputs({"inputs": wanted}, folders)
    return settings, {role: os.fspath(file) for role, file in found.items()}


def _check_whole(
    path: str, record: Mapping[str, Any], given: Collection[str], kind: type
) -> None:
    """Raises `ValueError` if a shortened record lacks values not given."""
    left_out = record.get("left_out", ())
    fields = [field.name for field in dataclasses.fields(kind)]
    needed = [name for name in fields if name in left_out]
    if any(part.endswith(" of inputs") for part in left_out):
        roles = record["inputs"] or [_ENGINES[kind][1]]
        needed += dict.fromkeys(role.partition(" ")[0] for role in roles)
    missing = [f"`{name}`" for name in needed if name not in given]
    if missing:
        raise ValueError(
            f"The record in '{path}' was shortened, because its format had no "
            f"room for all: it lacks {', '.join(left_out)}. Give "
            f"{', '.join(missing)}."
        )


def check_outputs(
    inputs: Mapping[str, str],
    outputs: Mapping[str, str | None],
    folder: str | None = None,
) -> None:
    """Raises `ValueError` or `OSError` unless files can be written.

    Args:
        inputs: Role -> path of each input file, which must not be replaced.
        outputs: Role -> path of each file to write; `None` for none.
        folder: Folder of the checkpoint; it need not exist yet.
    """
    taken = {os.path.realpath(path): role for role, path in inputs.items()}
    if folder is not None:
        state = checkpoint.file_of(os.path.realpath(folder))
        for place in (state, *state.parents):
            taken[os.fspath(place)] = "checkpoint"
    for role, path in outputs.items():
        if path is None:
            continue
        files.check_writable(path)
        other = taken.setdefault(os.path.realpath(path), role)
        if other != role:
            raise ValueError(
                f"The {role} '{path}' is the {other}, too. Give another name."
            )


def has_checkpoint(folder: str | None) -> bool:
    """Whether there is a checkpoint to resume from.

    Raises:
        ValueError: It is damaged.
        OSError: A checkpoint cannot be written.
    """
    if folder is None:
        return False
    checkpoint.check_writable(folder)
    return checkpoint.load(folder) is not None


def prepare(
    config: Config,
    inputs: Mapping[str, str],
    max_pixels: int = images.MAX_PIXELS,
) -> Prepared:
    """Reads the images and checks the weights of a run.

    Args:
        config: Settings of the run.
        inputs: Role -> path of each input file.
        max_pixels: Maximum number of pixels of an image.

    Raises:
        ValueError: A file is wrong, or the photograph is too narrow for
            `config.size`.
        FileNotFoundError: An image or the weights are missing.
    """
    photo = inputs[_ENGINES[type(config)][1]]
    content = images.read(photo, max_pixels)
    height, width = content.pixels.shape[:2]
    try:
        pyramid(height, width, config.size)
    except ValueError as error:
        raise ValueError(f"'{photo}': {error}") from error
    others = {
        role: images.load(inputs[role], None, max_pixels)
        for role in ("init", "guide")
        if role in inputs
    }
    pictures = [images.load(p, None, max_pixels) for p in styles(inputs)]
    regions = region_files.read(
        inputs, photo, content, pictures, lambda p: images.read(p, max_pixels)
    )
    weights_file = _weights(config)  # Last, because it may download them.
    return Prepared(
        config=dataclasses.replace(config, features=weights_file.name),
        inputs=inputs,
        content=content,
        styles=pictures,
        regions=regions,
        init=others.get("init"),
        guide=others.get("guide"),
        weights_file=weights_file,
    )


def _weights(config: Config) -> weights.Resolved:
    """Finds the network's weights file; checks it if it is a user's own."""
    if config.features != "auto":  # Errors come before a download.
        _layers(config, config.features)
    given = config.features, config.feature_weights
    found = weights.resolve(*given, progressbar=True)
    layers = _layers(config, found.name)
    return (
        found if found.published else weights.check(found.name, layers, found)
    )


def _layers(config: Config, network: str) -> list[str]:
    """Layers that the settings use; `ValueError` if the network lacks one."""
    if isinstance(config, DreamConfig):
        return topology.check(network, config.shares(network))
    wanted = [*config.content_layers, *config.style_layers]
    if config.draft:
        topology.check("vgg_distilled", wanted)
    return topology.check(network, wanted)
