"""Programs where the system has less than Linux.

`support/other_system` takes away what macOS or Windows do not have, and the
encoding of text files is ASCII unless the code names one. It is not a run on
these systems: it shows that nothing of the code needs what is taken away.
"""

import pathlib
import signal

import pytest

import clip_files
import helpers
import programs
from serving_server import Program
from tfstyle import images

ROOT = pathlib.Path(__file__).parents[2]
ELSEWHERE = ROOT / "tests" / "support" / "other_system"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture
def folder(tmp_path):
    """A photograph, a style and a small model."""
    images.save(tmp_path / "photo.png", helpers.image(40, 48, 1))
    images.save(tmp_path / "style.png", helpers.image(40, 36, 2))
    helpers.style_model().save_preset(tmp_path / "model.h5")
    return tmp_path


def run(program, folder, *words, **flags):
    command = [*programs.command(f"tfstyle.{program}", flags), *words]
    return programs.call(command, folder, ELSEWHERE, **ASCII)


def check(done, folder, *names):
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    for name in names:
        assert (folder / name).stat().st_size > 0, name


def test_what_is_taken_away_is_away(tmp_path):
    code = (
        "import locale, os, signal; print(locale.getpreferredencoding(False),"
        " hasattr(os, 'sched_getaffinity'), hasattr(signal, 'SIGPIPE'))\n"
        "try: open('/proc/self/status')\n"
        "except FileNotFoundError: print('no proc')\n"
        "with open('a', 'w'):\n"
        "  try: os.replace('a', 'b')\n"
        "  except PermissionError: print('in use')\n"
    )
    (tmp_path / "code.py").write_text(code)
    command = [*programs.command("x", {})[:1], "code.py"]
    done = programs.call(command, tmp_path, ELSEWHERE, **ASCII)
    assert done.stdout == "ANSI_X3.4-1968 False False\nno proc\nin use\n"


def test_help_that_nobody_reads_to_its_end(tmp_path):
    words = programs.command("tfstyle.optimize", {"help": "true"})
    pipe = ["bash", "-c", '"$@" | head -1; echo ${PIPESTATUS[0]}', "-", *words]
    done = programs.call(pipe, tmp_path, ELSEWHERE, **ASCII)
    assert (done.stdout.splitlines()[-1], done.stderr) in (
        ("141", ""),
        ("0", ""),  # It was faster than its reader.
    )


def test_optimization_with_all_its_files(folder):
    done = run(
        "optimize",
        folder,
        content="photo.png",
        style="style.png",
        output="painted.png",
        size=48,
        steps=4,
        features="vgg_distilled",
        checkpoint="state",
        preview_every=2,
        trace="run.jsonl",
        report="report.html",
    )
    check(done, folder, "painted.png", "run.jsonl", "report.html")


def test_folders_in_one_pass(folder):
    (folder / "photos").mkdir()
    for seed in range(2):
        path = folder / "photos" / f"{seed}.png"
        images.save(path, helpers.image(40, 48, seed))
    flags = dict(content="photos", style="style.png", output="painted")
    done = run("transfer", folder, model="model.h5", **flags)
    check(done, folder, "painted/0.png", "painted/1.png")


def test_movies(folder):
    clip_files.movie(folder / "clip.mp4", clip_files.pictures(3), sound="aac")
    flags = dict(content="clip.mp4", style="style.png", output="painted.mp4")
    more = dict(model="model.h5", style_size=40, checkpoint="state")
    check(run("video", folder, **flags, **more), folder, "painted.mp4")


def test_the_doctor(tmp_path):
    done = run("doctor", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "GB free" in done.stdout and " cores, " in done.stdout


def test_the_server_ends_in_order_after_ctrl_c(tiny_model):
    paths = {"PYTHONPATH": f"{ELSEWHERE}:{ROOT}"}
    program = Program(paths, model_base_path=tiny_model)
    assert program.stop(signal.SIGINT) == 0
    assert program.log[-1]["event"] == "stopped"
