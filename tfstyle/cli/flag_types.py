"""Types of flags that absl lacks: weights by name, and lists of numbers."""

import math
from collections.abc import Mapping, Sequence

from absl import flags

# Flags that are defined through this module belong to the calling program, and
# so to its --help.
flags.disclaim_key_flags()


def parse_weights(text: str) -> dict[str, float]:
    """Parses `"name:weight,name:weight"`; the default weight is 1.

    >>> parse_weights("block1_conv1,block3_conv1:0.5")
    {'block1_conv1': 1.0, 'block3_conv1': 0.5}

    Raises:
        ValueError: A name is missing or given twice, a weight is not a
            number, not finite or negative, or all of them are 0.
    """
    weights: dict[str, float] = {}
    for item in text.split(","):
        name, colon, number = (part.strip() for part in item.partition(":"))
        if not name:
            raise ValueError(f"expected name:weight, received '{item}'")
        if name in weights:
            raise ValueError(f"'{name}' is given twice")
        weights[name] = _weight(name, number) if colon else 1.0
    if not any(weights.values()):
        raise ValueError(
            f"at least one weight must be above 0, received '{text}'"
        )
    return weights


def DEFINE_weights(  # noqa: N802 (named like absl's own)
    name: str, default: Mapping[str, float] | None, help: str
) -> flags.FlagHolder[dict[str, float]]:
    """Defines a flag of weights by name: `--style_layers=a,b:0.5`."""
    return flags.DEFINE(
        _WeightsParser(),
        name,
        None if default is None else _format_weights(default),
        help,
        serializer=_WeightsSerializer(),
    )


def DEFINE_numbers(  # noqa: N802
    name: str, default: Sequence[float] | None, help: str
) -> flags.FlagHolder[tuple[float, ...]]:
    """Defines a flag of numbers separated by commas: `--mix=0.7,0.3`."""
    return flags.DEFINE(
        _NumbersParser(),
        name,
        None if default is None else _format_numbers(default),
        help,
        serializer=_NumbersSerializer(),
    )


def DEFINE_indices(  # noqa: N802
    name: str, default: Sequence[int] | None, help: str
) -> flags.FlagHolder[tuple[float, ...]]:
    """Defines a flag of whole numbers from 0 up: `--channels=3,17`."""
    return flags.DEFINE(
        _IndicesParser(),
        name,
        None if default is None else _format_numbers(default),
        help,
        serializer=_NumbersSerializer(),
    )


def DEFINE_count(  # noqa: N802
    name: str, default: int | None, help: str
) -> flags.FlagHolder[int | None]:
    """Defines a flag of a whole number, or auto for none: `--tile=auto`."""
    return flags.DEFINE(
        _CountParser(),
        name,
        default,
        help,
        serializer=flags.ArgumentSerializer[int](),
    )


def _weight(name: str, number: str) -> float:
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise ValueError(
            f"the weight of '{name}' must be a number from 0 up, "
            f"received '{number}'"
        )
    return weight


def _format_weights(weights: Mapping[str, float]) -> str:
    return ",".join(f"{name}:{value:g}" for name, value in weights.items())


class _WeightsParser(flags.ArgumentParser[dict[str, float]]):
    syntactic_help = "name:weight,name:weight"

    def parse(self, argument: str) -> dict[str, float]:
        return parse_weights(argument)

    def flag_type(self) -> str:
        return "weights"


class _WeightsSerializer(flags.ArgumentSerializer[dict[str, float]]):
    def serialize(self, value: dict[str, float]) -> str:
        return _format_weights(value)


def _format_numbers(numbers: Sequence[float]) -> str:
    return ",".join(f"{number:g}" for number in numbers)


class _NumbersParser(flags.ArgumentParser[tuple[float, ...]]):
    syntactic_help = "number,number"

    def parse(self, argument: str) -> tuple[float, ...]:
        try:
            return tuple(float(item) for item in argument.split(","))
        except ValueError:
            raise ValueError(
                f"expected numbers separated by commas, received '{argument}'"
            ) from None

    def flag_type(self) -> str:
        return "numbers"


class _NumbersSerializer(flags.ArgumentSerializer[tuple[float, ...]]):
    def serialize(self, value: tuple[float, ...]) -> str:
        return _format_numbers(value)


class _CountParser(flags.ArgumentParser[int]):
    syntactic_help = "a whole number or auto"

    def parse(self, argument: str | int) -> int | None:
        if argument == "auto":
            return None
        try:
            return int(argument)
        except ValueError:
            raise ValueError("expected a whole number or auto") from None

    def flag_type(self) -> str:
        return "int"


class _IndicesParser(flags.ArgumentParser[tuple[float, ...]]):
    syntactic_help = "a comma separated list"

    def parse(self, argument: str) -> tuple[float, ...]:
        items = flags.ListParser().parse(argument)
        if not all(item.isdecimal() for item in items):
            raise ValueError(
                "expected whole numbers from 0 up, separated by commas"
            )
        return tuple(int(item) for item in items)

    def flag_type(self) -> str:
        return flags.ListParser().flag_type()
