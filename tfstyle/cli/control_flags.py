"""Flags of the controls that programs share, named as `controls.Controls`."""

from absl import flags

from tfstyle.cli import program
from tfstyle.controls.settings import COLORS, STYLE_DETAILS, Controls

# They belong to the calling program, and so to its --help.
flags.disclaim_key_flags()


def define(defaults: Controls) -> None:
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
    program.DEFINE_numbers(
        "style_mix", defaults.style_mix, "Share of each --style, as in 0.7,0.3."
    )
    flags.DEFINE_multi_float(
        "style_scale",
        list(defaults.style_scale),
        "Size of the style relative to the usual; one for each --style, or "
        "one for all.",
    )
    flags.DEFINE_enum(
        "color",
        defaults.color,
        COLORS,
        "Colours of the style, or the photograph's: kept by the painting's "
        "luminance alone, or given to the style beforehand.",
    )
    flags.DEFINE_multi_enum(
        "style_detail",
        list(defaults.style_detail),
        STYLE_DETAILS,
        "What each --style is for, or all: coarse forms, fine strokes, all.",
    )
    _define_regions()


def _define_regions() -> None:
    flags.DEFINE_multi_string(
        "content_mask",
        None,
        "Where the --style of the same place goes: a picture, white there; or "
        "'alpha', the photograph's opaque part. One more --style is for the "
        "rest.",
    )
    flags.DEFINE_multi_string(
        "style_mask",
        None,
        "Part of the --style of the same place that counts: a picture, white "
        "there.",
    )
    define_keep_mask()
    flags.DEFINE_string(
        "content_map", None, "Regions of the photograph, by colour (.png)."
    )
    flags.DEFINE_string(
        "style_map", None, "The same colours, for regions of the style (.png)."
    )


def define_keep_mask() -> None:
    """Defines the flag of what stays as it is."""
    flags.DEFINE_string(
        "keep_mask",
        None,
        "What stays as it is: a picture, white there; or 'alpha', the "
        "photograph's opaque part.",
    )


def files() -> dict[str, str | None]:
    """Files of masks and maps that flags name, by role; see `region_files`."""
    values = flags.FLAGS
    found: dict[str, str | None] = {
        f"{name} {i}": path
        for name in ("content_mask", "style_mask")
        for i, path in enumerate(values[name].value or [], 1)
    }
    names = ("keep_mask", "content_map", "style_map")
    return found | {name: values[name].value for name in names}
