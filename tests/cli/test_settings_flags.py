"""Flags are made from settings, and settings from flags."""

import subprocess
import sys
import xml.etree.ElementTree

import pytest

import helpers

PROGRAM = '''
"""Prints its settings."""
import dataclasses
import sys
from collections.abc import Mapping

from tfstyle.cli import program, settings_flags
from tfstyle.runtime import checks, settings
from tfstyle.runtime.settings import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Brush:
    width: int = setting(3, "Width; see `height`.", check=checks.count)
    height: int | None = setting(None, "Height.")
    soft: bool = setting(False, "Softness.")
    force: float = setting(0.5, "Force.")
    tip: str = setting("round", "Tip.", choices=("round", "flat"))
    name: str | None = setting(None, "Name.")
    inks: tuple[str, ...] = setting(("red",), "Inks.", choices=("red", "blue"))
    sizes: tuple[float, ...] = setting((1.0,), "Sizes.")
    mix: tuple[float, ...] | None = setting(None, "Mix.")
    places: tuple[int, ...] | None = setting(None, "Places.")
    words: tuple[str, ...] | None = setting(None, "Words.")
    layers: Mapping[str, float] = setting({"a": 1.0}, "Layers.")
    secret: int = setting(7, "Secret.")

    def __post_init__(self):
        settings.check(self)


if "--unset" in sys.argv:
    sys.argv.remove("--unset")
    settings_flags.define_unset(Brush, "See there.")
else:
    settings_flags.define(Brush, leave_out=["secret"])


def main():
    changed = settings_flags.make(Brush, secret=8)
    default = dataclasses.asdict(Brush())
    given = dataclasses.asdict(changed).items()
    print({name: value for name, value in given if value != default[name]})


program.run(main)
'''


@pytest.fixture
def call(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    return lambda *words: subprocess.run(
        [sys.executable, tmp_path / "program.py", *words],
        env=helpers.environment(),
        capture_output=True,
        text=True,
    )


def listed(process):
    return {
        flag.findtext("name"): flag
        for flag in xml.etree.ElementTree.fromstring(process.stdout)
        if flag.findtext("file", "").endswith("program.py")
    }


def test_every_setting_is_a_flag_of_the_program(call):
    flags = listed(call("--helpxml"))
    assert len(flags) == 12
    assert "secret" not in flags
    assert flags["width"].findtext("meaning") == "Width; see --height."
    assert flags["width"].findtext("default") == "3"
    assert flags["inks"].findtext("default") == "['red']"
    choices = [value.text for value in flags["tip"].iter("enum_value")]
    assert choices == ["round", "flat"]


@pytest.mark.parametrize(
    ("word", "name", "value"),
    [
        ("--width=5", "width", 5),
        ("--height=2", "height", 2),
        ("--soft", "soft", True),
        ("--force=0.25", "force", 0.25),
        ("--tip=flat", "tip", "flat"),
        ("--name=big", "name", "big"),
        ("--inks=blue", "inks", ("blue",)),
        ("--sizes=2", "sizes", (2.0,)),
        ("--mix=1,3", "mix", (1.0, 3.0)),
        ("--places=3,17", "places", (3, 17)),
        ("--words=a,b", "words", ("a", "b")),
        ("--layers=a,b:0.5", "layers", {"a": 1.0, "b": 0.5}),
    ],
)
def test_settings_are_made_of_flags(call, word, name, value):
    process = call(word)
    assert process.returncode == 0, process.stderr
    assert process.stdout == f"{ {name: value, 'secret': 8} }\n"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--width=0", "--width must be positive. Received: width=0"),
        ("--tip=oval", "--tip=oval: value should be one of <round|flat>"),
        ("--places=1,x", "--places=1,x: expected whole numbers from 0 up"),
    ],
)
def test_wrong_flags_are_refused_by_name(call, word, message):
    process = call(word)
    assert process.returncode == 2
    assert message in process.stderr


def test_unset_flags_have_no_default(call):
    flags = listed(call("--unset", "--helpxml"))
    assert len(flags) == 13
    assert flags["height"].findtext("meaning") == "Height. See there."
    defaults = {flag.findtext("default") for flag in flags.values()}
    assert defaults <= {None, "", "None"}
