"""What programs tell of a run: notes about weights and records, the command."""

import os
import pathlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tfstyle.cli import program

if TYPE_CHECKING:
    from tfstyle.pipelines.preparation import Prepared


def weights(config: Any, prepared: "Prepared") -> None:
    """Notes fallback and unpublished weights.

    Args:
        config: The settings of the flags.
        prepared: The prepared run.
    """
    found = prepared.config.features
    if config.features == "auto" and found == "vgg_distilled":
        program.note(
            "VGG16's weights are not available; painting with the thin network "
            "of this package. --features=vgg16 says what is missing."
        )
    if not prepared.weights_file.published:
        program.note(
            f"'{prepared.weights_file.path}' is not the published weights file."
        )


def other_weights(path: str, prepared: "Prepared") -> None:
    """Notes if a picture was painted with other weights.

    Args:
        path: Path of the picture.
        prepared: The prepared run that makes it again.
    """
    from tfstyle.images import provenance

    notes = provenance.read(path)["notes"]
    if notes.get("weights") != prepared.weights_file.digest:
        program.note(
            f"'{path}' was painted with other weights; this picture will "
            "differ."
        )


def frames(path: str) -> None:
    """Notes if a photograph is an animation.

    Args:
        path: Path of the photograph.
    """
    from tfstyle.images import decoding

    count = decoding.frames(path)
    if count > 1:
        program.note(
            f"'{path}' has {count} frames; the first one is painted. "
            "tfstyle.video paints all."
        )


def unreadable(folder: str) -> None:
    """Notes photographs, as of phones, that a folder's run leaves out.

    Args:
        folder: Path of the folder; a file, an address or a pattern has none.
    """
    from tfstyle.images import folders

    for ending, count in sorted(folders.unreadable(folder).items()):
        program.note(
            f"files that end in {ending} cannot be read; convert them to JPEG. "
            f"Left out: {count}"
        )


def left_out(path: str, names: Sequence[str]) -> None:
    """Notes what the record of a picture, or of a folder of them, lacks.

    Args:
        path: Path of the picture or the folder.
        names: Names of missing entries; see `output.Output.left_out`.
    """
    if names:
        program.note(
            f"'{path}' has no room for all of its record: left out are "
            f"{', '.join(names)}. Other formats have more room."
        )


def command() -> list[str]:
    """Returns the command line, without folders outside the current one."""
    module = pathlib.Path(sys.argv[0]).stem
    words = map(without_folder, sys.argv[1:])
    return ["python", "-m", f"tfstyle.{module}", *words]


def without_folder(word: str) -> str:
    """Drops the directory of a path, or a flag's, outside the current one."""
    flag, equals, path = "", "", word
    if word.startswith("-"):
        flag, equals, path = word.partition("=")
    whole = os.path.normpath(path)
    if os.path.isabs(whole) or whole.split(os.sep)[0] == os.pardir:
        path = os.path.basename(whole)
    return flag + equals + path
