"""What `optimize` and `dream` share; their own tests run it as programs."""

import html
import subprocess
import sys

import helpers
import image_bytes
from tfstyle import images

PROGRAM = '''
"""Paints nothing."""
import dataclasses
import pathlib

from tfstyle.cli import program as cli
from tfstyle.cli import painting, settings_flags
from tfstyle.dreams.config import DreamConfig

settings_flags.define(DreamConfig, leave_out=("layers",))
painting.define_flags()


def main():
    config, inputs = painting.settings(DreamConfig, {"image": "photo.png"})
    for i, path in enumerate(pathlib.Path().glob("others/*")):
        inputs[f"other {i}"] = str(path)
    config = dataclasses.replace(
        config,
        layers={"block1_conv1": 1},
        precision="float32",
        jit_compile="off",
    )
    task = painting.prepare(config, inputs, {"frame 1": "frame.png"})

    def run(on_step, target):
        assert target.path in ("out.png", "out.jpg")
        return task.content.pixels

    return painting.paint(task, task.config, run)


cli.run(main)
'''


def call(folder, *words):
    if not (folder / "photo.png").exists():
        images.save(folder / "photo.png", helpers.image(20, 30))
    path = helpers.vgg_weights(folder / "vgg16.h5", blocks=1)
    (folder / "program.py").write_text(PROGRAM)
    return subprocess.run(
        [sys.executable, "program.py", f"--feature_weights={path}", *words],
        cwd=folder,
        env=helpers.environment(),
        capture_output=True,
        text=True,
    )


def test_a_program_paints(tmp_path):
    process = call(tmp_path, "--output=out.png")
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("out.png: 30x20 after ")
    assert process.stdout.endswith(" s (vgg16, float32)\n")
    actual = images.load(tmp_path / "out.png")
    assert abs(actual - helpers.image(20, 30)).max() < 1 / 255


def test_a_record_that_is_too_long_is_shortened(tmp_path):
    (tmp_path / "others").mkdir()
    for i in range(360):
        (tmp_path / "others" / f"{i:03}{'x' * 200}").touch()
    image_bytes.animate(tmp_path / "photo.png", (30, 20))
    process = call(tmp_path, "--output=out.jpg")
    assert process.returncode == 0, process.stderr
    assert (
        "note: 'out.jpg' has no room for all of its record: left out are "
        "sha256 of inputs, name of inputs. Other formats have more room.\n"
    ) in process.stderr
    assert (
        "note: 'photo.png' has 3 frames; the first one is painted. "
        "tfstyle.video paints all.\n"
    ) in process.stderr
    assert images.load(tmp_path / "out.jpg").shape == (20, 30, 3)


def test_flags_belong_to_the_program(tmp_path):
    process = call(tmp_path, "--help")
    assert "--checkpoint" in process.stdout
    assert "painting" not in process.stdout


def test_a_report_names_no_folders_outside_the_current_one(tmp_path):
    here, outside = tmp_path / "here", tmp_path / "private = 1"
    (here / "inside").mkdir(parents=True)
    outside.mkdir()
    helpers.vgg_weights(outside / "mine.h5", blocks=1)
    process = call(
        here,
        "--output=out.png",
        f"--report={here}/report.html",
        "--trace=inside/../inside/a.jsonl",
        "--preview_every",
        "3",
        f"--feature_weights=../{outside.name}/mine.h5",
    )
    assert process.returncode == 0, process.stderr
    page = html.unescape((here / "report.html").read_text())
    for part in (
        "--report=report.html --trace=inside/../inside/a.jsonl ",
        "--preview_every 3 --feature_weights=mine.h5",
        "feature_weights='mine.h5'",
    ):
        assert part in page
    assert "private" not in page


def test_what_is_wrong_is_said_in_one_line(tmp_path):
    for words, status, expected in (
        (["--output=out.png", "more"], 2, "Unexpected arguments: ['more']"),
        (["--output=out.png", "--device=abacus"], 2, "--device must be"),
        (["--output=frame.png"], 1, "is the output, too"),
        (["--output=photo.png"], 1, "is the image, too"),
        ([], 2, "--output"),
    ):
        process = call(tmp_path, *words)
        assert process.returncode == status, process.stderr
        assert expected in process.stderr
        assert process.stderr.count("\n") == 1
