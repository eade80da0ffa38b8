"""What the programs that train share: flags, and the settings made of them."""

import dataclasses
import pathlib
from collections.abc import Collection
from typing import Any

from absl import flags

from tfstyle.cli import program
from tfstyle.training.config import POLICIES

# They belong to the calling program, and so to its --help.
flags.disclaim_key_flags()


def define(defaults: Any, held_out: int) -> None:
    """Defines the flags of the steps, and of where the results go.

    Args:
        defaults: Settings of the training, see `training_config`.
        held_out: Default of that flag.
    """
    flags.DEFINE_string(
        "workdir", None, "Folder for all that is written.", required=True
    )
    flags.DEFINE_integer(
        "held_out",
        held_out,
        "Images of each folder to measure with.",
        lower_bound=1,
    )
    # Named as the fields of the settings, which check them.
    flags.DEFINE_integer("steps", defaults.steps, "Of the optimiser, in all.")
    flags.DEFINE_integer("epoch", defaults.epoch, "Steps between checkpoints.")
    flags.DEFINE_integer("batch_size", defaults.batch_size, "Crops in a step.")
    flags.DEFINE_integer("crop", defaults.crop, "Side of the crops, in pixels.")
    flags.DEFINE_float(
        "learning_rate", defaults.learning_rate, "Of Adam, the largest."
    )
    flags.DEFINE_enum(
        "precision",
        defaults.precision,
        POLICIES,
        "Of the network that is trained; auto: what the device is quickest "
        "in, or what the run in --workdir was begun in.",
    )
    flags.DEFINE_integer("seed", defaults.seed, "Of the crops.")


def settings(kind: type) -> Any:
    """Settings from the flags that are named as its fields.

    Args:
        kind: Class of the settings.

    Raises:
        UsageError: They are not what they should be.
    """
    values = {
        field.name: flags.FLAGS[field.name].value
        for field in dataclasses.fields(kind)
        if field.name in flags.FLAGS
    }
    lists = {k: tuple(v) for k, v in values.items() if isinstance(v, list)}
    with program.flag_errors():
        return kind(**values | lists)


def note_unreadable(files: Collection[pathlib.Path]) -> None:
    """Says which files could not be read, if there are any."""
    if files:
        program.note(
            f"files that could not be read: {len(files)}, such as "
            f"'{min(files)}'"
        )
