"""Shared flags and notes of the training programs."""

import os
import pathlib
from collections.abc import Collection

from absl import flags

from tfstyle.cli import program

# Flags defined here count as those of the calling program, in its --help.
flags.disclaim_key_flags()


def define(held_out: int) -> None:
    """Defines the flags of the output folder and of the held-out images.

    Args:
        held_out: Default number of held-out images per folder.
    """
    flags.DEFINE_string(
        "workdir",
        None,
        "Folder for all output. The same command resumes the training in it.",
        required=True,
    )
    flags.DEFINE_integer(
        "held_out",
        held_out,
        "Images of each folder to hold out of training, for measurements; each "
        "must hold one more.",
        lower_bound=1,
    )


def backend() -> str:
    """Returns the backend of Keras.

    Raises:
        ValueError: It is neither tensorflow nor jax.
    """
    name = os.environ.get("KERAS_BACKEND", "tensorflow")
    if name not in ("jax", "tensorflow"):
        raise ValueError(
            "KERAS_BACKEND must be tensorflow or jax. Received: "
            f"KERAS_BACKEND={name}"
        )
    return name


def note_unreadable(files: Collection[pathlib.Path]) -> None:
    """Notes files that could not be read, if there are any."""
    if files:
        program.note(
            f"files that could not be read: {len(files)}, such as "
            f"'{min(files)}'"
        )
