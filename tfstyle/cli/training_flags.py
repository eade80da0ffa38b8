"""What the programs that train share: flags, and a note."""

import pathlib
from collections.abc import Collection

from absl import flags

from tfstyle.cli import program

# They belong to the calling program, and so to its --help.
flags.disclaim_key_flags()


def define(held_out: int) -> None:
    """Defines the flags of where the results go, and of how they are measured.

    Args:
        held_out: Default of that flag.
    """
    flags.DEFINE_string(
        "workdir",
        None,
        "Folder for all that is written. The same command goes on with the "
        "training that it holds.",
        required=True,
    )
    flags.DEFINE_integer(
        "held_out",
        held_out,
        "Images of each folder that are not trained on, but measured with.",
        lower_bound=1,
    )


def note_unreadable(files: Collection[pathlib.Path]) -> None:
    """Says which files could not be read, if there are any."""
    if files:
        program.note(
            f"files that could not be read: {len(files)}, such as "
            f"'{min(files)}'"
        )
