"""The program, in processes of its own."""

import json
import pathlib
import sys

import pytest

import helpers
import programs
from tfstyle import images

ROOT = pathlib.Path(__file__).parents[2]


def command(*words):
    return [sys.executable, "-m", "tfstyle.judge", *map(str, words)]


def run(*words):
    return programs.fork(command(*words), ROOT)


@pytest.fixture
def given(tmp_path):
    """Flags of a small judgement: two pairs of three images each."""
    helpers.style_model().save_preset(tmp_path / "model.h5")
    helpers.image_folders(tmp_path, 3)
    return (
        f"--model={tmp_path / 'model.h5'}",
        f"--content_dir={tmp_path / 'photos'}",
        f"--style_dir={tmp_path / 'paintings'}",
        "--features=vgg_distilled",
        "--held_out=2",
        "--pairs=2",
        "--sizes=40",
    )


def test_it_measures_models_and_the_reference(given, tmp_path):
    done = run(*given, "--steps=1,8", f"--sheet={tmp_path / 'sheet.png'}")
    assert done.returncode == 0, done.stderr
    *rows, last = map(json.loads, done.stdout.splitlines())
    assert len(rows) == 2
    for row in rows:
        assert row["size"] == 40
        style, content, specks = row["photograph"]
        assert style > 0 and content == specks == 0
        # Towards the style, away from the photograph.
        assert row["reference 8"][0] < row["reference 1"][0] < style
        assert row["reference 1"][1] > 0
        assert row[str(tmp_path / "model.h5")][1] > 0
        assert row["reference 8"][2] > row["reference 1"][2] > 0
    assert set(last["medians"]) == set(rows[0]) - {"content", "style", "size"}
    assert images.load(tmp_path / "sheet.png").shape[0] > 2 * 256


def test_a_sheet_is_checked_and_damaged_files_are_left_out(given, tmp_path):
    done = run(*given, "--steps=", "--sheet=sheet.gif")
    assert done.returncode == 1 and not done.stdout
    assert "must end in one of" in done.stderr
    for i in (0, 1):  # One of the two that are held out is damaged.
        (tmp_path / "photos" / f"{i}.png").write_bytes(b"no image")
    done = run(*given, "--steps=")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    assert "note: left out " in done.stderr


def test_images_that_are_too_narrow_are_left_out(given, tmp_path):
    for i in range(3):
        narrow = helpers.image(10, 100, seed=i)
        images.save(tmp_path / "photos" / f"{i}.png", narrow)
    done = run(*given, "--steps=")
    assert done.returncode == 1
    assert "must have 16 pixels or more" in done.stderr
    assert done.stderr.endswith("error: None of the pairs could be read.\n")


def test_sizes_that_do_not_fit_are_refused_at_once(given):
    done = run(*given, "--sizes=40,100000")
    assert done.returncode == 1 and not done.stdout
    assert "(A picture of 100000x100000 pixels needs about" in done.stderr


def test_missing_weights_are_an_error(tmp_path):
    done = run(
        f"--content_dir={tmp_path}",
        f"--style_dir={tmp_path}",
        "--feature_weights=missing.h5",
    )
    assert done.returncode == 1
    assert "no weights file 'missing.h5'" in done.stderr


@pytest.mark.parametrize(
    "flag", ["--sizes=abc", "--sizes=256,0", "--sizes=", "--steps=50,1.5"]
)
def test_numbers_are_checked_before_tensorflow_is_loaded(tmp_path, flag):
    folders = (f"--{kind}_dir={tmp_path}" for kind in ("content", "style"))
    words = command(*folders, flag)
    done = programs.fork(words, ROOT, programs.TENSORFLOW)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: flag {flag.partition('=')[0]}=")
    assert "whole numbers above 0" in line
