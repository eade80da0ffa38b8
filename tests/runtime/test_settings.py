"""Fields of settings are checked and documented by what they say."""

import dataclasses

import pytest

from tfstyle.runtime import checks, settings
from tfstyle.runtime.settings import setting


@settings.documented
@dataclasses.dataclass(frozen=True, kw_only=True)
class Brush:
    """How a line is drawn."""

    tip: str = setting("round", "Form of the tip.", choices=("round", "flat"))
    colors: tuple[str, ...] = setting(
        ("red",), "Colours to mix.", choices=("red", "blue")
    )
    width: int | None = setting(
        None, f"Width, in pixels{', or so' * 20}.", check=checks.count
    )
    shares: dict[str, float] = setting({"a": 1.0}, "Shares.")

    def __post_init__(self):
        settings.check(self)


def test_defaults_are_allowed_and_not_shared():
    assert Brush().width is None
    Brush().shares["b"] = 2.0
    assert Brush().shares == {"a": 1.0}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tip": "oval"}, "`tip` .* round, flat.* Received: tip='oval'"),
        ({"tip": None}, "`tip` .* Received: tip=None"),
        ({"colors": ("red", "pink")}, "`colors` .* red, blue.*'pink'"),
        ({"colors": "red"}, "`colors` must be a tuple.* Received: .*'red'"),
        ({"width": 0}, "`width` .* Received: width=0"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_value(values, message):
    with pytest.raises(ValueError, match=message):
        Brush(**values)


def test_the_docstring_lists_the_settings():
    first, attributes = Brush.__doc__.split("\n\nAttributes:\n")
    assert first == "How a line is drawn."
    assert attributes.startswith("    tip: Form of the tip.\n    colors: ")
    assert all(len(line) < 80 for line in attributes.splitlines())
