"""Makes flags from the fields of settings, and settings from flags.

A flag has the name, the default, the choices and the help of its field.
"""

import dataclasses
import re
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Any

from absl import flags

from tfstyle.cli import flag_types, program

# Flags defined here count as those of the calling program, in its --help.
flags.disclaim_key_flags()

# Flags of tuples are repeated; if the default is `None`, they take one list
# with commas.
_DEFINE: dict[Any, Callable[..., Any]] = {
    bool: flags.DEFINE_bool,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
    bool | None: flags.DEFINE_bool,
    int | None: flag_types.DEFINE_count,
    float | None: flags.DEFINE_float,
    str | None: flags.DEFINE_string,
    Mapping[str, float]: flag_types.DEFINE_weights,
    Mapping[str, float] | None: flag_types.DEFINE_weights,
    tuple[str, ...]: flags.DEFINE_multi_string,
    tuple[int, ...]: flags.DEFINE_multi_integer,
    tuple[float, ...]: flags.DEFINE_multi_float,
    tuple[int, ...] | None: flag_types.DEFINE_indices,
    tuple[float, ...] | None: flag_types.DEFINE_numbers,
    tuple[str, ...] | None: flags.DEFINE_list,
}
_DEFINE_ENUM: dict[Any, Callable[..., Any]] = {
    str: flags.DEFINE_enum,
    tuple[str, ...]: flags.DEFINE_multi_enum,
}


def define(kind: type, leave_out: Collection[str] = ()) -> None:
    """Defines a flag for each setting.

    Args:
        kind: A settings class, see `tfstyle.runtime.settings`.
        leave_out: Names of fields that get no flag.
    """
    hints = typing.get_type_hints(kind)
    defaults = kind()
    for field in dataclasses.fields(kind):
        if field.name in leave_out:
            continue
        default = getattr(defaults, field.name)
        if isinstance(default, tuple):
            default = list(default)
        arguments = [field.name, default]
        table = _DEFINE
        if field.metadata["choices"]:
            table = _DEFINE_ENUM
            arguments.append(field.metadata["choices"])
        table[hints[field.name]](*arguments, help_of(kind, field.name))


def define_unset(kind: type, note: str) -> None:
    """Defines a flag without default for each setting that has no flag yet.

    The flags accept any value, not only the choices of the setting.

    Args:
        kind: A settings class.
        note: Sentence to add to each help, such as where the defaults are.
    """
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if field.name not in flags.FLAGS:
            help = f"{help_of(kind, field.name)} {note}"
            _DEFINE[hints[field.name]](field.name, None, help)


def help_of(kind: type, name: str) -> str:
    """Returns the help of a setting, which names other settings like flags.

    Args:
        kind: A settings class.
        name: Name of the field.
    """
    (field,) = (f for f in dataclasses.fields(kind) if f.name == name)
    return re.sub(r"`(\w+)`", r"--\1", field.metadata["help"])


def values(kind: type) -> dict[str, Any]:
    """Returns arguments of a settings class, from the flags of its fields.

    Args:
        kind: A settings class.
    """
    found = {
        field.name: flags.FLAGS[field.name].value
        for field in dataclasses.fields(kind)
        if field.name in flags.FLAGS
    }
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in found.items()
    }


def make(kind: type, **changes: Any) -> Any:
    """Makes settings from the flags of their fields.

    Args:
        kind: A settings class.
        **changes: Values that replace those of the flags.

    Raises:
        UsageError: A value is wrong; names the flag, what was expected and
            what was received.
    """
    with program.flag_errors():
        return kind(**values(kind) | changes)


def refuse(names: Collection[str], kind: str) -> None:
    """Raises `ValueError` if a flag is given that would have no effect.

    Args:
        names: Names of such flags.
        kind: What they are no settings of.
    """
    for name in names:
        if flags.FLAGS[name].present:
            raise ValueError(f"--{name} is no setting of {kind}.")
