"""Flags that mean the same in several programs."""

from absl import flags

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
        "Quality of .jpg and .webp, from 1 to 100.",
        lower_bound=1,
        upper_bound=100,
    )
