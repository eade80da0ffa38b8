"""The program, once on JAX where TensorFlow is not installed."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

import helpers
import programs
from tfstyle import images
from tfstyle.pretrained import weights

ROOT = pathlib.Path(__file__).parents[2]
# None in sys.modules makes an import fail as if nothing were there.
_RUN = """
import runpy, sys
sys.modules["tensorflow"] = None
runpy.run_module("tfstyle.distill", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(4):
        images.save(folder / f"{i}.png", helpers.image(40, 48, i))
    return folder


def run(*words, **changes):
    return subprocess.run(
        [sys.executable, "-c", _RUN, *words],
        cwd=ROOT,
        env={**os.environ, **helpers.ON_JAX, **changes},
        capture_output=True,
        text=True,
    )


def on_tensorflow(*words):
    words = [sys.executable, "-m", "tfstyle.distill", *words]
    return programs.fork(words, ROOT)


def test_it_trains_on_jax_and_writes_weights_and_log(
    pictures, random_vgg16, tmp_path
):
    work = tmp_path / "work"
    (pictures / "broken.png").write_bytes(b"no image")
    done = run(
        "--teacher=vgg16",
        f"--teacher_weights={random_vgg16}",
        f"--images={pictures}",
        f"--workdir={work}",
        "--held_out=1",
        "--steps=2",
        "--epoch=1",
        "--batch_size=2",
        "--crop=32",
        "--samples=4",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{work}/vgg_distilled.h5\n"
    assert "4 images to learn from, 1 held out" in done.stderr
    assert "files that could not be read: 1, such as" in done.stderr
    arrays = weights.load("vgg_distilled", None, work / "vgg_distilled.h5")
    assert len(arrays) == 26
    lines = (work / "log.jsonl").read_text().splitlines()
    reported = [json.loads(line) for line in lines]
    assert [line["done"] for line in reported] == [1, 2]
    assert "error/val_block5_conv3" in reported[-1]["losses"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--images=missing"], 1, "There is no weights file 'none.h5'"),
        (["--images=missing", "--steps=0"], 2, "--steps must be positive"),
        (["--images=missing", "--seed=-1"], 2, "--seed must not be negative"),
        ([], 2, "--images"),
    ],
)
def test_errors_are_one_line(words, status, message, tmp_path):
    flags = ["--teacher_weights=none.h5", f"--workdir={tmp_path}/work"]
    done = run(*flags, *words)
    assert done.returncode == status
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_folders_are_looked_at_before_tensorflow_is_loaded(
    random_vgg16, tmp_path
):
    done = run(
        "--teacher=vgg16",
        f"--teacher_weights={random_vgg16}",
        "--images=missing",
        f"--workdir={tmp_path}/work",
        KERAS_BACKEND="tensorflow",
    )
    assert done.returncode == 1
    assert done.stderr == "error: There is no folder 'missing'.\n"


def test_the_output_may_not_be_among_the_pictures(pictures, random_vgg16):
    done = run(
        "--teacher=vgg16",
        f"--teacher_weights={random_vgg16}",
        f"--images={pictures}",
        f"--workdir={pictures / 'work'}",
        "--held_out=1",
    )
    assert done.returncode == 1
    line = f"error: The output '{pictures}/work' is inside '{pictures}'."
    assert done.stderr == f"{line} Give a folder beside it.\n"
    assert not (pictures / "work").exists()


def test_a_folder_that_cannot_be_written_is_refused_at_once(
    pictures, random_vgg16
):
    done = run(
        "--teacher=vgg16",
        f"--teacher_weights={random_vgg16}",
        f"--images={pictures}",
        "--workdir=/proc/self",  # Not by root, either.
        "--held_out=1",
    )
    programs.check_refused(done, 1, "/proc/self/checkpoint.npz")
    assert "note:" not in done.stderr


def test_it_runs_on_two_backends(tmp_path):
    done = run(
        "--images=missing", f"--workdir={tmp_path}", KERAS_BACKEND="torch"
    )
    message = "KERAS_BACKEND must be tensorflow or jax. Received: KERAS_BACKEND"
    programs.check_refused(done, 1, f"{message}=torch")


def test_a_log_that_cannot_be_written_is_no_success(
    pictures, random_vgg16, tmp_path
):
    (tmp_path / "work" / "log.jsonl").mkdir(parents=True)
    done = on_tensorflow(
        "--teacher=vgg16",
        f"--teacher_weights={random_vgg16}",
        f"--images={pictures}",
        f"--workdir={tmp_path / 'work'}",
        "--held_out=1",
        "--steps=1",
        "--batch_size=2",
        "--crop=32",
        "--samples=4",
    )
    assert done.returncode == 1
    path = tmp_path / "work" / "log.jsonl"
    assert done.stderr.endswith(f"error: Is a directory: '{path}'\n")
    assert done.stdout == f"{tmp_path}/work/vgg_distilled.h5\n"
    assert (tmp_path / "work" / "vgg_distilled.h5").exists()
