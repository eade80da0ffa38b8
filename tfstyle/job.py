"""What a run of `stylize` needs from files, checked and read beforehand.

Needs no TensorFlow, so that a program can refuse a wrong file at once.

Input files go by their roles: `"content"`, `"style 1"`, `"style 2"`..., and
where they are given `"init"` and `"feature_weights"`.
"""

import dataclasses
import os
import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from tfstyle import (
    checkpoint,
    files,
    images,
    provenance,
    schedule,
    topology,
    weights,
)
from tfstyle.config import GatysConfig


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """Arguments of `stylize`, and what they were made from.

    Attributes:
        config: The settings; names a network, not `"auto"`.
        inputs: Role -> path.
        content: The photograph and its transparency.
        styles: Arrays of shape `(height, width, 3)`.
        init: One such array, or `None`.
        weights_file: The file of the network's weights.
    """

    config: GatysConfig
    inputs: Mapping[str, str]
    content: images.Picture
    styles: Sequence[np.ndarray]
    init: np.ndarray | None
    weights_file: weights.Resolved

    def record(self, config: GatysConfig, device: str) -> dict[str, Any]:
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
    path: str, given: Collection[str] = ()
) -> tuple[dict[str, Any], dict[str, str]]:
    """Settings and input files of a picture, from its record.

    Args:
        path: A picture that tfstyle wrote.
        given: Settings and roles, the latter without number, that the caller
            has other values for.

    Returns:
        The fields of `GatysConfig` that are recorded and not given; and role
        -> path of the inputs, found by name and content beside the picture or
        in the current folder.

    Raises:
        FileNotFoundError: There is no such picture; or an input is missing:
            names it and its SHA-256.
        ValueError: It is not an image, or has no record of `stylize`.
    """
    record = provenance.read(path)
    recorded = record["config"]
    names = {field.name for field in dataclasses.fields(GatysConfig)}
    if not names & set(recorded) or "content" not in record["inputs"]:
        raise ValueError(f"'{path}' was not made by `stylize`.")
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
        GatysConfig(**settings)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"The record in '{path}' cannot be used: {error}"
        ) from error
    folders = [pathlib.Path(path).parent, pathlib.Path()]
    found = provenance.find_inputs({"inputs": wanted}, folders)
    return settings, {role: os.fspath(file) for role, file in found.items()}


def check_outputs(
    inputs: Mapping[str, str], outputs: Mapping[str, str | None]
) -> None:
    """Raises `ValueError` or `OSError` unless files can be written.

    Args:
        inputs: Role -> path of files that must stay.
        outputs: Role -> path of files to write; `None` for none.
    """
    taken = {os.path.realpath(path): role for role, path in inputs.items()}
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
    config: GatysConfig,
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
    content = images.read(inputs["content"], max_pixels)
    height, width = content.pixels.shape[:2]
    try:
        schedule.sizes(height, width, config.size)
    except ValueError as error:
        raise ValueError(f"'{inputs['content']}': {error}") from error
    init = inputs.get("init")
    # Weights come last: they may be downloaded.
    return Job(
        inputs=inputs,
        content=content,
        styles=[images.load(p, None, max_pixels) for p in styles(inputs)],
        init=None if init is None else images.load(init, None, max_pixels),
        **_network(config),
    )


def _network(config: GatysConfig) -> dict[str, Any]:
    """The settings with the name of the network, and its weights."""
    name, path = config.features, config.feature_weights
    if name == "auto":
        name = weights.auto(path, progressbar=True)
    wanted = [*config.content_layers, *config.style_layers]
    if config.draft:
        topology.check("vgg_distilled", wanted)
    topology.check(name, wanted)
    resolved = weights.resolve(name, path, progressbar=True)
    if not resolved.published:
        weights.check(name, wanted, path)
    settings = dataclasses.replace(config, features=name)
    return {"config": settings, "weights_file": resolved}
