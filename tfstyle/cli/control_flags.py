"""Flags of masks and maps, named like the roles of input files; styles."""

from collections.abc import Sequence

from absl import flags

# Flags defined here count as those of the calling program, in its --help.
flags.disclaim_key_flags()

_WHITE_OR_ALPHA = (
    "a picture that is white there, or 'alpha' for the opaque part of the "
    "photograph."
)


def define() -> None:
    """Defines the flags of all masks and maps."""
    flags.DEFINE_multi_string(
        "content_mask",
        None,
        "Region for the --style at the same position: "
        f"{_WHITE_OR_ALPHA} One more --style is for the rest.",
    )
    flags.DEFINE_multi_string(
        "style_mask",
        None,
        "Part to use of the --style at the same position: a picture that is "
        "white there.",
    )
    define_keep_mask()
    flags.DEFINE_string(
        "content_map",
        None,
        "Regions of the photograph, each in a color of its own (.png); what is "
        "transparent is one, too.",
    )
    flags.DEFINE_string(
        "style_map",
        None,
        "Regions of the style in the colors of --content_map (.png).",
    )


def define_keep_mask() -> None:
    """Defines the flag of the mask that keeps a part of the photograph."""
    flags.DEFINE_string(
        "keep_mask",
        None,
        f"Part of the photograph that stays as it is: {_WHITE_OR_ALPHA}",
    )


def files() -> dict[str, str | None]:
    """Returns the mask and map files of the flags, by role.

    The roles are those of `tfstyle.controls.region_files`.
    """
    values = flags.FLAGS
    found: dict[str, str | None] = {
        f"{name} {i}": path
        for name in ("content_mask", "style_mask")
        for i, path in enumerate(values[name].value or [], 1)
    }
    names = ("keep_mask", "content_map", "style_map")
    return found | {name: values[name].value for name in names}


def styles() -> list[str]:
    """Returns the paths of --style, or of the --model that has them inside.

    Raises:
        ValueError: There is no such model, or no style is inside.
    """
    from tfstyle.pipelines import transfer_inputs

    return flags.FLAGS.style or transfer_inputs.inside(flags.FLAGS.model)


def inputs(given: Sequence[str] = ()) -> dict[str, str]:
    """Returns role -> path, or "alpha", of styles, masks and maps.

    Args:
        given: Paths of the styles; those of `styles` if empty.

    Raises:
        ValueError: See `styles`.
    """
    named = {f"style {i}": p for i, p in enumerate(given or styles(), 1)}
    return named | {r: path for r, path in files().items() if path is not None}
