"""Flags that mean the same in several programs."""

import mimetypes
from typing import TYPE_CHECKING

from absl import flags

from tfstyle.cli import program, settings_flags

if TYPE_CHECKING:
    from tfstyle.images.encoding import Format

# Flags defined here count as those of the calling program, in its --help.
flags.disclaim_key_flags()


def define_device(names: str) -> flags.FlagHolder[str]:
    """Defines the flag of the device.

    Args:
        names: Allowed values, for the help.
    """
    return flags.DEFINE_string("device", "auto", f"Device to run on: {names}.")


def define_max_pixels() -> flags.FlagHolder[int]:
    """Defines the flag that limits the size of images that are read."""
    return flags.DEFINE_integer(
        "max_pixels",
        100_000_000,
        "Pixels of the largest image that is read; larger ones are refused.",
        lower_bound=1,
    )


def define_quality() -> flags.FlagHolder[int]:
    """Defines the flag of the quality of lossy output files."""
    return flags.DEFINE_integer(
        "quality",
        95,
        "Quality of .jpg and .webp, from 1 to 100; others have none.",
        lower_bound=1,
        upper_bound=100,
    )


def check_quality(format: "Format") -> None:
    """Raises `UsageError` if --quality is given and has no effect.

    Args:
        format: Format of the output.
    """
    if not format.lossy:
        with program.flag_errors():
            settings_flags.refuse(["quality"], f"a {format.name} file")


def define_trace(text: str) -> flags.FlagHolder[str | None]:
    """Defines the flag of a file with the losses; `text` is its help."""
    trace = flags.DEFINE_string("trace", None, text)
    flags.register_validator(
        "trace",
        lambda path: not _is_picture(path or ""),
        "must not be named as a picture or a movie. Give a .jsonl file.",
    )
    return trace


def define_report(text: str) -> flags.FlagHolder[str | None]:
    """Defines the flag of a page about the run; `text` is its help."""
    report = flags.DEFINE_string("report", None, text)
    flags.register_validator(
        "report",
        lambda path: not path or path.lower().endswith((".html", ".htm")),
        "must end in .html or .htm.",
    )
    return report


def _is_picture(path: str) -> bool:
    kind, _ = mimetypes.guess_type(path, strict=False)
    return (kind or "").startswith(("image/", "video/"))
