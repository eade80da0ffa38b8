"""What a run needs from files, checked and read beforehand.

Needs no TensorFlow, so that a program can refuse a wrong file at once.

Input files go by their roles: for `stylize` `"content"`, `"style 1"`, `"style
2"`... and `"init"`, for `deep_dream` `"image"` and `"guide"`; for both
`"feature_weights"`, and masks as in `region_files`.
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
from tfstyle.images import provenance
from tfstyle.images.sizes import pyramid
from tfstyle.optimization.config import DreamConfig, GatysConfig
from tfstyle.pretrained import topology, weights
from tfstyle.runtime import checkpoint, files

Config = GatysConfig | DreamConfig

# What runs with such settings, and the role of the photograph.
_ENGINES: dict[type, tuple[str, str]] = {
    GatysConfig: ("stylize", "content"),
    DreamConfig: ("deep_dream", "image"),
}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """Arguments of a run, and what they were made from.

    Attributes:
        config: The settings; names a network, not `"auto"`.
        inputs: Role -> path.
        content: The photograph and its transparency.
        styles: Arrays of shape `(height, width, 3)`.
        init: One such array, or `None`.
        guide: One such array, or `None`.
        regions: What masks and maps show, or `None`.
        weights_file: The file of the network's weights, for `stylize` or
            `deep_dream`; what was read of it is in it, where a user made it.
    """

    config: Any  # A `Config`, of which a program makes one kind.
    inputs: Mapping[str, str]
    content: images.Picture
    styles: Sequence[np.ndarray]
    init: np.ndarray | None
    guide: np.ndarray | None
    regions: Regions | None
    weights_file: weights.Resolved

    def record(self, config: Config, device: str) -> dict[str, Any]:
        """What the picture should say about its making.

        Args:
            config: The settings with the precision that was used.
            device: Name of the device that was used.

        Returns:
            See `provenance.describe`. Published weights go by the name of
            their network alone, so that any copy serves to `recall` it.
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


def styles(inputs: Mapping[str, str]) -> list[str]:
    """Paths of the style images, in order."""
    return [p for role, p in inputs.items() if role.startswith("style ")]


def recall(
    path: str, given: Collection[str] = (), kind: type = GatysConfig
) -> tuple[dict[str, Any], dict[str, str]]:
    """Settings and input files of a picture, from its record.

    Args:
        path: A picture that tfstyle wrote.
        given: Settings and roles, the latter without number, that the caller
            has other values for.
        kind: Class of the settings, `GatysConfig` or `DreamConfig`.

    Returns:
        The fields of `kind` that are recorded and not given; and role -> path
        of the inputs, found by name and content beside the picture or in the
        current folder.

    Raises:
        FileNotFoundError: There is no such picture; or an input is missing:
            names it and its SHA-256.
        ValueError: It is not an image, has no record of such a run, or one
            that lacks what is not given.
    """
    record = provenance.read(path)
    _check_whole(path, record, given, kind)
    recorded = record["config"]
    engine, photo = _ENGINES[kind]
    names = {field.name for field in dataclasses.fields(kind)}
    # What `transfer` paints has no features.
    if "features" not in recorded or photo not in record["inputs"]:
        raise ValueError(f"'{path}' was not made by `{engine}`.")
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in recorded.items()
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
    """Raises `ValueError` where a shortened record lacks what is not given."""
    left_out = record.get("left_out", ())
    fields = [field.name for field in dataclasses.fields(kind)]
    needed = [name for name in fields if name in left_out]
    if any(part.endswith(" of inputs") for part in left_out):
        roles = record["inputs"] or [_ENGINES[kind][1]]
        needed += dict.fromkeys(role.partition(" ")[0] for role in roles)
    missing = [f"`{name}`" for name in needed if name not in given]
    if missing:
        raise ValueError(
            f"The record in '{path}' was shortened, for its format had no room "
            f"for all: it lacks {', '.join(left_out)}. Give "
            f"{', '.join(missing)}."
        )


def check_outputs(
    inputs: Mapping[str, str],
    outputs: Mapping[str, str | None],
    folder: str | None = None,
) -> None:
    """Raises `ValueError` or `OSError` unless files can be written.

    Args:
        inputs: Role -> path of files that must stay.
        outputs: Role -> path of files to write; `None` for none.
        folder: Of the checkpoint, which may not be there yet.
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


def check_checkpoint(folder: str | None) -> bool:
    """Whether there is a checkpoint to go on from.

    Raises:
        ValueError: It is damaged.
        OSError: None can be written.
    """
    if folder is None:
        return False
    checkpoint.check_writable(folder)
    return checkpoint.load(folder) is not None


def prepare(
    config: Config,
    inputs: Mapping[str, str],
    max_pixels: int = images.MAX_PIXELS,
) -> Job:
    """Reads the images and checks the weights.

    Args:
        config: The settings.
        inputs: Role -> path.
        max_pixels: Larger images are refused.

    Raises:
        ValueError: A file is not what it should be, or the photograph is too
            narrow for `config.size`.
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
    weights_file = _weights(config)  # At last: they may be downloaded.
    return Job(
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
    """The file of the network's weights; what a user made is checked."""
    if config.features != "auto":  # Before a download.
        _layers(config, config.features)
    given = config.features, config.feature_weights
    found = weights.resolve(*given, progressbar=True)
    layers = _layers(config, found.name)
    return (
        found if found.published else weights.check(found.name, layers, found)
    )


def _layers(config: Config, network: str) -> list[str]:
    """Layers that the settings want; `ValueError` for some that are not."""
    if isinstance(config, DreamConfig):
        return topology.check(network, config.shares(network))
    wanted = [*config.content_layers, *config.style_layers]
    if config.draft:
        topology.check("vgg_distilled", wanted)
    return topology.check(network, wanted)
