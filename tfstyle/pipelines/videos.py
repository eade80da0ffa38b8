"""Opens a clip to paint: checks its files, and reads what all frames share."""

import dataclasses
import functools
import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from tfstyle import images
from tfstyle.clips import (
    formats,
    output,
    reading,
)
from tfstyle.clips.frames import Clip
from tfstyle.clips.movies import Movie
from tfstyle.clips.output import Target
from tfstyle.images import provenance
from tfstyle.motion import flow
from tfstyle.motion import frames as motion
from tfstyle.motion.config import VideoConfig
from tfstyle.motion.mixes import Mixes
from tfstyle.pipelines import preparation, transfer_inputs
from tfstyle.pipelines.video_masks import Masks
from tfstyle.pretrained import weights
from tfstyle.runtime import checkpoint, files
from tfstyle.runtime.checkpoint import Checkpoints


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Video:
    """A clip to paint; its files are checked.

    Attributes:
        config: Settings.
        blends: Shares of the styles over time; those of `config` if empty.
        clip: The clip.
        end: Second at which it ends; `None` for its own end.
        target: File or folder to write.
        styles: Style images, at the sizes at which they are seen; those of the
            files for the engine optimize, which resizes them for the frames.
        masks: Regions of the frames.
        encoder_weights: File of the encoder's weights, or `None`.
        checkpoint: Folder for checkpoints, or `None`.
        checkpoints: Checkpoints in that folder.
    """

    config: VideoConfig
    blends: Mixes
    clip: Clip
    end: Fraction | None
    target: Target
    styles: Sequence[np.ndarray]
    masks: Masks
    encoder_weights: str | None
    checkpoint: str | None
    checkpoints: Checkpoints

    @property
    def done(self) -> int:
        """Number of frames that earlier runs painted."""
        found = self.checkpoints.load()
        return found[1]["frames"] if found else 0

    @property
    def expected(self) -> int:
        """Number of frames that will be painted, about; 0 if not known."""
        details = self.clip.details
        rest = details.count - round(self.target.start * details.rate)
        if self.end is not None:
            span = round((self.end - self.target.start) * details.rate)
            rest = min(rest, span) if details.count else span
        return max(rest, 0)


def open_video(
    config: VideoConfig,
    inputs: Mapping[str, str],
    path: str,
    *,
    blends: Mixes,
    codec: str = "auto",
    quality: int = 80,
    rate: Fraction = reading.RATE,
    start: Fraction = Fraction(0),
    end: Fraction | None = None,
    encoder_weights: str | None = None,
    checkpoint_dir: str | None = None,
    report: str | None = None,
    max_pixels: int = images.MAX_PIXELS,
) -> Video:
    """Opens a clip and reads what all frames share, without TensorFlow.

    Args:
        config: Settings.
        inputs: Role -> path of the clip, `"content"`, and of style images,
            masks and maps; see `tfstyle.controls.region_files`.
        path: File or folder to write.
        blends: Shares of the styles over time; those of `config` if empty.
        codec: One of `formats.CODECS`.
        quality: Quality of the file, from 1 to 100.
        rate: Frames a second of a folder of pictures.
        start: Second of the clip from which it is painted.
        end: Second at which it ends; `None` for its end.
        encoder_weights: File of the encoder's weights, or `None`.
        checkpoint_dir: Folder for checkpoints, or `None`.
        report: Page that the caller will write, or `None`; it is only checked.
        max_pixels: Maximum number of pixels of a frame or an image.

    Raises:
        ValueError: A file or a setting is wrong.
        FileNotFoundError: There is no such file.
        OSError: The output cannot be written.
    """
    flow.load_cv2()  # Raises if it is not installed.
    content = inputs["content"]
    clip = reading.open_clip(content, max_pixels, rate)
    details = clip.details
    format = None
    if not formats.is_folder(path):
        format = formats.choose(path, codec, quality, details)
        files.check_writable(path)
    sources = _sources(inputs)
    _check_paths(inputs, sources, path)
    if report is not None:
        files.check_writable(report)
    read = functools.cache(lambda name: images.read(name, max_pixels))
    styles = _styles(preparation.styles(inputs), config, read)
    masks = Masks(inputs, styles, read, max_pixels, details.rate)
    if "alpha" in inputs.values() and not details.alpha:
        raise ValueError(
            f"'{content}' has no transparency to use as a mask. Give a mask "
            "file."
        )
    shape = motion.shape_of((details.height, details.width), config.size)
    tracks = isinstance(clip, Movie) and format and not format.silent
    model = _model(config, encoder_weights)
    identity: list[Any] = []
    if checkpoint_dir is not None:
        checkpoint.check_writable(checkpoint_dir)
        given = [config, blends, codec, quality, rate, start, end, path]
        identity = [repr(given), model, _digests(sources)]
    checkpoints = Checkpoints(checkpoint_dir, identity, [])
    checkpoints.load()  # Raises if it belongs to another run.
    return Video(
        config=config,
        blends=blends,
        clip=clip,
        end=end,
        target=Target(
            path, format, details, shape, content if tracks else None, start
        ),
        styles=styles,
        masks=masks,
        encoder_weights=encoder_weights,
        checkpoint=checkpoint_dir,
        checkpoints=checkpoints,
    )


def _styles(
    paths: Sequence[str], config: VideoConfig, read: transfer_inputs.Read
) -> list[np.ndarray]:
    """Reads the style images, at the sizes that the engine needs."""
    if config.engine == "optimize":
        config = dataclasses.replace(config, style_size=0, style_scale=(1.0,))
    return transfer_inputs.styles(paths, config, read)


def _model(config: VideoConfig, encoder_weights: str | None) -> Any:
    """Hashes of the model's files; raises an error if there is none."""
    if config.engine == "optimize":
        return weights.resolve(config.features, progressbar=True).digest
    return transfer_inputs.describe(config.model, encoder_weights)


def _sources(inputs: Mapping[str, str]) -> dict[str, list[str]]:
    """Role -> files that are read for it."""
    return {
        role: reading.files_of(name)
        for role, name in inputs.items()
        if name != "alpha"
    }


def _check_paths(
    inputs: Mapping[str, str], sources: Mapping[str, list[str]], path: str
) -> None:
    """Raises `ValueError` if an input would be written over."""
    places = {os.path.realpath(place) for place in _places(path)}
    for role, names in sources.items():
        # Frames are written as PNG files.
        folders = {
            os.path.dirname(name)
            for name in names
            if name != inputs[role] or name.lower().endswith(".png")
        }
        if os.path.realpath(path) in map(os.path.realpath, folders):
            raise ValueError(
                f"The files in '{path}' would be written over: it holds the "
                f"{role}. Give another folder."
            )
        if os.path.realpath(inputs[role]) == os.path.realpath(path):
            raise ValueError(
                f"The output '{path}' is the {role}, too. Give another name."
            )
        for name in names:
            if os.path.realpath(name) in places:
                raise ValueError(
                    f"The {role} '{name}' has the name of a part or a preview "
                    f"of the output '{path}'. Give another name."
                )


def _places(path: str) -> list[str]:
    """The output, and what else may be written beside it."""
    return [path, output.part_of(path), output.preview_of(path)]


def _digests(sources: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Role -> hashes of its files, by which checkpoints tell runs apart."""
    return {
        role: [provenance.digest(name) for name in names]
        for role, names in sources.items()
    }
