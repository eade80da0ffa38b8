"""The controls are flags with the same names in all programs that paint."""

import dataclasses
import re
import subprocess
import sys

import pytest

from tfstyle.controls.settings import Controls

# Chosen in Python, or by files that flags name.
NO_FLAGS: set[str] = set()


@pytest.mark.parametrize("program", ["optimize", "transfer"])
def test_every_control_is_a_flag(program):
    listed = subprocess.run(
        [sys.executable, "-m", f"tfstyle.{program}", "--help"],
        capture_output=True,
        text=True,
    ).stdout
    flags = set(re.findall(r"^  --(?:\[no\])?(\w+):", listed, re.MULTILINE))
    controls = {field.name for field in dataclasses.fields(Controls)}
    assert controls - NO_FLAGS <= flags
