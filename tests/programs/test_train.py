"""The program, in processes of its own."""

import csv
import os
import pathlib
import subprocess
import sys

import pytest

import helpers
import programs
from tfstyle.adain.model import StyleModel

ROOT = pathlib.Path(__file__).parents[2]
# None in sys.modules makes an import fail as if nothing were there.
_BLOCKED = """
import runpy, sys
sys.modules["tensorflow"] = None
runpy.run_module("tfstyle.train", run_name="__main__", alter_sys=True)
"""
_SMALL = (
    "--loss_features=vgg_distilled",
    "--style_loss=moments",
    "--levels=image,block2_conv1",
    "--steps=2",
    "--epoch=1",
    "--batch_size=2",
    "--crop=32",
    "--held_out=1",
    "--previews=1",
    "--precision=float32",
)


def run(*words, code=("-m", "tfstyle.train"), **changes):
    return subprocess.run(
        [sys.executable, *code, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, **changes},
        capture_output=True,
        text=True,
    )


def fork(*words, hidden=()):
    words = [sys.executable, "-m", "tfstyle.train", *map(str, words)]
    return programs.fork(words, ROOT, hidden)


@pytest.fixture
def folders(tmp_path):
    helpers.image_folders(tmp_path, 3)
    return (
        f"--content_dir={tmp_path / 'photos'}",
        f"--style_dir={tmp_path / 'paintings'}",
        f"--workdir={tmp_path / 'work'}",
    )


def test_it_trains_and_goes_on(folders, tmp_path):
    work = tmp_path / "work"
    done = run(*folders, *_SMALL)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{work}/model.keras\n"
    assert "2 photographs to learn from, 1 held out" in done.stderr
    assert "2 styles to learn from, 1 held out" in done.stderr
    names = {p.name.partition(".")[0] for p in work.iterdir()}
    assert names == {"checkpoint", "events", "log", "model", "preview"}
    with open(work / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2"]
    assert float(rows[1]["val_style"]) > 0
    # Done already: the same again, also where its files are gone.
    (work / "model.keras").unlink()
    done = fork(*folders, *_SMALL)
    assert done.returncode == 0, done.stderr
    assert (work / "model.keras").exists()
    # Other settings are not the same run.
    done = fork(*folders, *_SMALL, "--style_weight=1")
    assert done.returncode == 1
    assert "belongs to other settings" in done.stderr
    assert "could not be read" not in done.stderr
    # Neither are other pictures.
    (tmp_path / "photos" / "0.png").unlink()
    done = fork(*folders, *_SMALL)
    assert done.returncode == 1
    assert "belongs to other pictures (files were added, removed" in done.stderr
    assert "or --held_out differs)" in done.stderr


def test_it_trains_on_jax_without_tensorflow(folders, tmp_path):
    for name in ("broken.png", "empty.png"):
        (tmp_path / "paintings" / name).write_bytes(b"no image")
    done = run(
        *folders,
        *_SMALL,
        "--held_out=2",
        "--batch_size=8",
        code=("-c", _BLOCKED),
        **helpers.ON_JAX,
    )
    assert done.returncode == 0, done.stderr
    # Once, not once for each epoch.
    assert done.stderr.count("files that could not be read: 2, such as") == 1
    model = StyleModel.from_preset(tmp_path / "work" / "model.h5")
    image = model.stylize(helpers.image(20, 24), helpers.image(30, 20, 1))
    assert image.shape == (20, 24, 3)


def test_a_folder_that_cannot_be_written_is_refused_at_once(folders):
    words = [*folders, *_SMALL, "--workdir=/proc/self"]  # Not by root, either.
    done = run(*words)
    programs.check_refused(done, 1, "/proc/self/checkpoint.npz")


@pytest.mark.parametrize("inside", ["photos", "paintings/work"])
def test_the_output_may_not_be_among_the_pictures(folders, tmp_path, inside):
    words = [*folders, *_SMALL, f"--workdir={tmp_path / inside}"]
    before = programs.contents(tmp_path)
    done = fork(*words, hidden=programs.TENSORFLOW)
    programs.check_refused(done, 1, "Give a folder beside it.")
    assert programs.contents(tmp_path) == before
    assert not (tmp_path / "paintings" / "work").exists()


@pytest.mark.parametrize(
    ("backend", "words", "variables", "message"),
    [
        ("torch", [], {}, "KERAS_BACKEND must be tensorflow or jax"),
        ("jax", ["--device=gpu:3"], {}, "--device and TF_CONFIG are for"),
        ("jax", [], {"TF_CONFIG": "{}"}, "--device and TF_CONFIG are for"),
        ("tensorflow", [], {"TF_CONFIG": "typo"}, "TF_CONFIG must be JSON"),
        ("tensorflow", [], {"TF_CONFIG": "[1]"}, "TF_CONFIG must be JSON"),
    ],
)
def test_what_only_tensorflow_does(folders, backend, words, variables, message):
    done = run(*folders, *_SMALL, *words, KERAS_BACKEND=backend, **variables)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--crop=8"], 2, "--crop must be 32 or more"),
        (["--steps=0"], 2, "--steps must be positive"),
        (["--modulation=-1"], 2, "--modulation must not be negative"),
        (["--smallest=2"], 2, "--smallest must be above 0"),
        (["--seed=-1"], 2, "--seed must not be negative"),
        (["--levels=nosuch"], 2, "--levels must be one of image, block1"),
        (["--levels=block5_conv1"], 2, "--levels must be in the first 4"),
        (["--start=missing.h5"], 1, "no model 'missing.h5'"),
        (["--loss_weights_file=missing.h5"], 1, "no weights file"),
        (["--held_out=9"], 1, "photos' holds 3. Received: held_out=9"),
        (["--content_dir=missing"], 1, "no folder 'missing'"),
        (["--content_dir=missing", "--encoder=vgg19"], 1, "no folder"),
        (["stray"], 2, "Unexpected arguments"),
    ],
)
def test_errors_are_one_line_before_tensorflow_is_loaded(
    folders, words, status, message
):
    done = fork(*folders, *_SMALL, *words, hidden=programs.TENSORFLOW)
    assert done.returncode == status, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and message in line
