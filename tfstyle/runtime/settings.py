"""Settings classes: dataclasses whose fields carry help, choices and checks.

A settings class is a frozen dataclass whose fields are made by `setting`. The
checks, the docstring and the flags of the programs are made from the fields,
so that each fact is stated once.

>>> from tfstyle.runtime import checks
>>> @documented
... @dataclasses.dataclass(frozen=True, kw_only=True)
... class Brush:
...     '''Settings of a brush.'''
...
...     width: int = setting(3, "Width, in pixels.", check=checks.count)
...
...     def __post_init__(self):
...         check(self)
>>> print(Brush.__doc__)
Settings of a brush.
<BLANKLINE>
Attributes:
    width: Width, in pixels.
>>> Brush(width=0)
Traceback (most recent call last):
ValueError: `width` must be positive. Received: width=0
"""

import dataclasses
import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from tfstyle.runtime import checks

_Kind = TypeVar("_Kind", bound=type)


def setting(
    default: Any,
    help: str,
    *,
    choices: Sequence[str] = (),
    check: Callable[[str, Any], None] | None = None,
) -> Any:
    """Makes a field of a settings class.

    Args:
        default: Default value. `None` means "not given" and is never checked;
            a mapping is copied for each instance.
        help: Whole sentences: what the setting does, its unit, and what its
            default means if that is not plain. Names of other settings stand
            in backquotes; `--help` shows them as flags.
        choices: Allowed values, or allowed items if the default is a tuple;
            empty if all are allowed.
        check: Function called with the name and the value; raises
            `ValueError`. Most are functions of `checks`.
    """
    metadata = {"help": help, "choices": tuple(choices), "check": check}
    if isinstance(default, Mapping):
        return dataclasses.field(
            default_factory=lambda: dict(default), metadata=metadata
        )
    return dataclasses.field(default=default, metadata=metadata)


def check(settings: Any) -> None:
    """Checks an instance of a settings class by its fields.

    Args:
        settings: The instance; `__post_init__` of its class calls this.

    Raises:
        ValueError: A value is wrong; names the setting, what was expected and
            what was received.
    """
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if value is None and field.default is None:
            continue
        if choices := field.metadata["choices"]:
            several = isinstance(field.default, tuple)
            allowed = checks.choices if several else checks.choice
            allowed(field.name, value, choices)
        if test := field.metadata["check"]:
            test(field.name, value)


def documented(kind: _Kind) -> _Kind:
    """Adds `Attributes:`, made from the fields, to the docstring of a class.

    Args:
        kind: A settings class, already a dataclass.
    """
    lines = [
        textwrap.fill(
            f"{field.name}: {field.metadata['help']}",
            width=79,
            initial_indent=" " * 4,
            subsequent_indent=" " * 8,
        )
        for field in dataclasses.fields(kind)
    ]
    text = inspect.cleandoc(kind.__doc__ or "")
    kind.__doc__ = "\n".join([text, "", "Attributes:", *lines])
    return kind
