"""The program that compares two folders of pictures blind."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import helpers
from tfstyle import images

ROOT = pathlib.Path(__file__).parents[2]
NAMES = ["cat", "pier", "ship"]
GRAY = {"old": 0.2, "new": 0.8}


def blind(*arguments):
    program = ROOT / "docs" / "measurements" / "blind.py"
    return subprocess.run(
        [sys.executable, program, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    ).stdout


@pytest.fixture(scope="module")
def sheets(tmp_path_factory):
    """A folder of sheets, on which old pictures are dark and new ones light."""
    folder = tmp_path_factory.mktemp("blind")
    for kind in ("old", "new", "pairs"):
        (folder / kind).mkdir()
    for name in NAMES:
        for kind, gray in GRAY.items():
            picture = np.full((32, 32, 3), gray, np.float32)
            images.save(folder / kind / f"{name}.png", picture)
        for kind in ("content", "style"):
            path = folder / "pairs" / f"{name}_{kind}.png"
            images.save(path, helpers.image(32, 32))
    given = [folder / kind for kind in ("old", "new", "pairs", "sheets")]
    blind("shuffle", *given)
    return given[-1]


def key_of(sheets):
    return json.loads(sheets.with_name("sheets_key.json").read_text())


def test_the_key_names_the_sides_of_each_sheet(sheets):
    key = key_of(sheets)
    assert sorted(key) == NAMES
    for name, sides in key.items():
        sheet = images.load(sheets / f"{name}.png")
        height, width = sheet.shape[:2]
        for side, column in (("left", width // 4), ("right", 3 * width // 4)):
            shown = sheet[3 * height // 4, column, 0]
            assert shown == pytest.approx(GRAY[sides[side]], abs=0.01)


def test_votes_are_counted_by_what_was_shown(sheets):
    key = key_of(sheets)
    side_of = {
        name: {kind: side for side, kind in sides.items()}
        for name, sides in key.items()
    }
    answers = [
        {"cat": "new", "pier": "new", "ship": "old"},
        {"cat": "new", "pier": "old", "ship": "old"},
        {"cat": "old", "pier": "same", "ship": "old"},
    ]
    for number, answer in enumerate(answers):
        lines = [
            f"{name} {side_of[name].get(kind, kind)}"
            for name, kind in answer.items()
        ]
        path = sheets / f"answers_{number}.txt"
        path.write_text("\n".join(lines) + "\n")
    assert blind("reveal", sheets).splitlines() == [
        "new 1 cat (2:1)",
        "old 1 ship (0:3)",
        "same 1 pier (1:1)",
    ]
