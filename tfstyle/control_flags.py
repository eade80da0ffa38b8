"""Flags of the controls that programs share, named as `config.Controls`."""

from absl import flags

from tfstyle import cli, config

# They belong to the calling program, and so to its --help.
flags.disclaim_key_flags()


def define(defaults: config.Controls) -> None:
    """Defines the flags.

    Args:
        defaults: Their values where none are given.
    """
    flags.DEFINE_float(
        "strength", defaults.strength, "Of the style, from 0 to 1."
    )
    flags.DEFINE_bool(
        "photorealistic",
        defaults.photorealistic,
        "Light and colours of the style alone, no strokes.",
    )
    cli.DEFINE_numbers(
        "style_mix", defaults.style_mix, "Share of each --style, as in 0.7,0.3."
    )
    flags.DEFINE_multi_float(
        "style_scale",
        list(defaults.style_scale),
        "Size of the style relative to the usual; one for each --style, or "
        "one for all.",
    )
