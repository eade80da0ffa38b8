"""Validators of settings; each raises a `ValueError` that names the setting."""

import math
import numbers
import re
from collections.abc import Mapping, Sequence
from typing import Any


def kind(name: str, value: object, *kinds: Any) -> None:
    """Checks that `value` is of one of `kinds`; the error names the first."""
    if not isinstance(value, kinds):
        raise ValueError(
            f"`{name}` must be a {kinds[0].__name__}. Received: "
            f"{type(value).__name__}"
        )


def choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Checks that `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(
            f"`{name}` must be one of {', '.join(choices)}. "
            f"Received: {name}={value!r}"
        )


def choices(name: str, values: Sequence[str], every: Sequence[str]) -> None:
    """Checks that `values` is a tuple or a list of values of `every`."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise ValueError(
            f"`{name}` must be a tuple, such as ({every[0]!r},). "
            f"Received: {name}={values!r}"
        )
    for value in values:
        choice(name, value, every)


def truth(name: str, value: bool) -> None:
    """Checks that `value` is a truth value of Python or NumPy."""
    # By name: programs check settings before they load NumPy.
    if type(value).__name__ not in ("bool", "bool_"):
        raise ValueError(
            f"`{name}` must be True or False. Received: {name}={value!r}"
        )


def weight(name: str, value: float) -> None:
    """Checks that `value` is finite and not negative."""
    if not (_is_real(value) and 0 <= value < math.inf):
        raise ValueError(
            f"`{name}` must be a number from 0 up. Received: {name}={value!r}"
        )


def fraction(name: str, value: float) -> None:
    """Checks that `value` is from 0 to 1."""
    if not (_is_real(value) and 0 <= value <= 1):
        raise ValueError(
            f"`{name}` must be from 0 to 1. Received: {name}={value!r}"
        )


def decay(name: str, value: float) -> None:
    """Checks that `value` is from 0 to less than 1."""
    if not (_is_real(value) and 0 <= value < 1):
        raise ValueError(
            f"`{name}` must be from 0 to less than 1. "
            f"Received: {name}={value!r}"
        )


def weights(name: str, values: Sequence[float]) -> None:
    """Checks that `values` are weights, one of them above 0."""
    if not values:
        raise ValueError(f"`{name}` must not be empty.")
    for value in values:
        weight(name, value)
    if not any(values):
        raise ValueError(
            f"`{name}` must have a value above 0. Received: {name}={values!r}"
        )


def layers(name: str, values: Mapping[str, float]) -> None:
    """Checks that `values` maps names of layers to weights."""
    if not isinstance(values, Mapping):
        raise ValueError(
            f"`{name}` must map layers to weights, such as "
            f"{{'block1_conv1': 1}}. Received: {name}={values!r}"
        )
    weights(name, [*values.values()])


def several(name: str, values: Sequence[float], whole: bool = False) -> None:
    """Checks that `values` is a tuple or a list of numbers."""
    kind = numbers.Integral if whole else numbers.Real
    if not isinstance(values, Sequence) or not all(
        isinstance(value, kind) for value in values
    ):
        raise ValueError(
            f"`{name}` must be a tuple of {'whole ' * whole}numbers, such as "
            f"(1,). Received: {name}={values!r}"
        )


def positive(name: str, value: float) -> None:
    """Checks that `value` is finite and above 0."""
    if not (_is_real(value) and 0 < value < math.inf):
        raise ValueError(
            f"`{name}` must be positive. Received: {name}={value!r}"
        )


def count(name: str, value: int) -> None:
    """Checks that `value` is a whole number above 0."""
    _whole(name, value, "above 0")
    positive(name, value)


def whole(name: str, value: int) -> None:
    """Checks that `value` is a whole number from 0 up."""
    _whole(name, value, "from 0 up")
    if value < 0:
        raise ValueError(
            f"`{name}` must not be negative. Received: {name}={value}"
        )


def memory(name: str, value: str) -> None:
    """Checks that `value` is an amount of memory, see `amount`."""
    try:
        amount(value)
    except ValueError:
        raise ValueError(
            f"`{name}` must be a number with its unit, such as 8GB or 500MB. "
            f"Received: {name}={value!r}"
        ) from None


def amount(text: str) -> int:
    """Returns an amount of memory in bytes.

    >>> amount("8GB"), amount("1.5 GiB")
    (8000000000, 1610612736)
    """
    found = re.fullmatch(r"(\d+(?:\.\d*)?) ?([KMGT])(i?)B?", str(text), re.I)
    if not found or not float(found[1]):
        raise ValueError(f"not an amount of memory: {text!r}")
    power = "KMGT".index(found[2].upper()) + 1
    return round(float(found[1]) * (1024 if found[3] else 1000) ** power)


def units(count: float) -> str:
    """Returns an amount in bytes as text; see `amount`.

    >>> units(8_000_000_000), units(12_345_678)
    ('8.0 GB', '12.3 MB')
    """
    for unit, length in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= length:
            return f"{count / length:.1f} {unit}"
    return f"{count / 1e3:.1f} kB"


def _whole(name: str, value: object, expected: str) -> None:
    if not isinstance(value, numbers.Integral):
        raise ValueError(
            f"`{name}` must be a whole number {expected}. "
            f"Received: {name}={value!r}"
        )


def _is_real(value: object) -> bool:
    return isinstance(value, numbers.Real)
