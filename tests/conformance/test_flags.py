"""Helps of flags are sentences that say what the flag is."""

import re
import subprocess
import sys
import xml.etree.ElementTree

import pytest

import helpers
from documents import ROOT

PROGRAMS = sorted(
    f"{path.parent.name}.{path.stem}"
    for folder in ("tfstyle", "export", "serving")
    for path in (ROOT / folder).glob("*.py")
    if re.search(r"^    \w+\.run\(main", path.read_text(), re.MULTILINE)
)
# What absl adds to the help of a flag that can be repeated.
REPEAT = ";\n    repeat this option to specify a list of values"


@pytest.mark.parametrize("program", PROGRAMS)
def test_helps_are_sentences(program):
    process = subprocess.run(
        [sys.executable, "-m", program, "--helpxml"],
        cwd=ROOT,
        env=helpers.environment(),
        capture_output=True,
        text=True,
    )
    flags = list(xml.etree.ElementTree.fromstring(process.stdout).iter("flag"))
    names = {flag.findtext("name") for flag in flags}
    helps = {
        flag.findtext("name"): flag.findtext("meaning").removesuffix(REPEAT)
        for flag in flags
        if flag.findtext("key") == "yes"
    }
    assert helps or program == "tfstyle.doctor"
    for name, help in helps.items():
        # Without the choices, which absl puts first, and dev_server's mark.
        sentence = re.sub(r"^(<.*?>: )?(\(\*\) )?", "", help)
        assert re.match(r"[A-Z]", sentence), f"--{name}: {help}"
        assert sentence.endswith("."), f"--{name}: {help}"
        assert len(sentence.split()) >= 3, f"--{name}: {help}"
        assert sentence.split()[0] not in ("Of", "As"), f"--{name}: {help}"
        assert "`" not in sentence, f"--{name}: {help}"
        for other in re.findall(r"--(\w+)", sentence):
            known = other in names or other.removeprefix("no") in names
            assert known, f"--{name} names --{other}: {help}"


def test_all_programs_are_found():
    assert len(PROGRAMS) == 22
