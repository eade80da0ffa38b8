"""Checks of settings; each raises `ValueError` that names the setting."""

import math
from collections.abc import Sequence


def choice(name: str, value: str, choices: Sequence[str]) -> None:
    """`value` must be one of `choices`."""
    if value not in choices:
        raise ValueError(
            f"`{name}` must be one of {', '.join(choices)}. "
            f"Received: {name}={value!r}"
        )


def weight(name: str, value: float) -> None:
    """`value` must be finite and not negative."""
    if not 0 <= value < math.inf:
        raise ValueError(
            f"`{name}` must be a number from 0 up. Received: {name}={value}"
        )


def fraction(name: str, value: float) -> None:
    """`value` must be from 0 to 1."""
    if not 0 <= value <= 1:
        raise ValueError(
            f"`{name}` must be from 0 to 1. Received: {name}={value}"
        )


def decay(name: str, value: float) -> None:
    """`value` must be from 0 to less than 1."""
    if not 0 <= value < 1:
        raise ValueError(
            f"`{name}` must be from 0 to less than 1. Received: {name}={value}"
        )


def shares(name: str, values: Sequence[float]) -> None:
    """Values must be weights, and one of them above 0."""
    if not values:
        raise ValueError(f"`{name}` must not be empty.")
    for value in values:
        weight(name, value)
    if not any(values):
        raise ValueError(f"`{name}` must have a share above 0.")


def positive(name: str, value: float) -> None:
    """`value` must be finite and above 0."""
    if not 0 < value < math.inf:
        raise ValueError(f"`{name}` must be positive. Received: {name}={value}")
