"""The program, in processes of its own."""

import json
import pathlib
import re
import signal
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
        photo, first, later = (
            row[name] for name in ("photograph", "reference 1", "reference 8")
        )
        assert photo["content"] == photo["specks"] == 0 and photo["ssim"] == 1
        # Towards the style, away from the photograph.
        assert later["style"] < first["style"] < photo["style"]
        assert later["ssim"] < first["ssim"] < 1
        assert first["content"] > 0
        assert row[str(tmp_path / "model.h5")]["content"] > 0
        assert later["specks"] > first["specks"] > 0
    medians = last["medians"]
    assert set(medians) == set(rows[0]) - {"content", "style", "size"}
    first, second = (row["photograph"]["style"] for row in rows)
    expected = pytest.approx((first + second) / 2, abs=1e-5)
    assert medians["photograph"]["style"] == expected
    table = [line for line in done.stderr.splitlines() if line[:1] == "|"]
    assert len(table) == 2 + len(medians)
    assert table[0].startswith(
        "| picture | size | pairs | style | style/block1_conv1 |"
    )
    assert images.load(tmp_path / "sheet.png").shape[0] > 2 * 256


def test_it_measures_pictures_of_other_programs(given, tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    images.save(theirs / "other.png", helpers.image(40, 40))
    # Names the pairs before TensorFlow is loaded.
    words = command(*given, f"--results={theirs}")
    before = programs.fork(words, ROOT, programs.TENSORFLOW)
    pairs = re.findall(r"no picture of (\S+) with (\S+) in", before.stderr)
    stems = [[pathlib.Path(name).stem for name in pair] for pair in pairs]
    # The photograph itself at twice the size; the other pair is missing.
    photo = images.load(tmp_path / "photos" / pairs[0][0], 80)
    images.save(theirs / f"{'_stylized_'.join(stems[0])}.png", photo)
    done = run(*given, "--steps=", f"--results={theirs}")
    assert done.returncode == 0, done.stderr
    missing = f"note: no picture of {pairs[1][0]} with"
    assert done.stderr.count(missing) == 1
    first, second, last = map(json.loads, done.stdout.splitlines())
    assert first[str(theirs)]["ssim"] > 0.95
    assert str(theirs) not in second
    expected = {"pairs": 1} | first[str(theirs)]
    assert last["medians"][str(theirs)] == expected

    narrow = theirs / f"{'_'.join(stems[1])}.jpg"
    images.save(narrow, helpers.image(20, 60))
    sheet = tmp_path / "sheet.png"
    done = run(*given, "--steps=", f"--results={theirs}", f"--sheet={sheet}")
    assert done.returncode == 0 and sheet.exists()
    assert f"'{narrow}' has another shape than the photograph" in done.stderr


def test_results_that_are_missing_are_named_before_the_first_pair(
    given, tmp_path
):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    images.save(theirs / "other.png", helpers.image(40, 40))
    words = command(*given, "--sizes=40,48", f"--results={theirs}")
    # Only what is said before TensorFlow is loaded.
    done = programs.fork(words, ROOT, programs.TENSORFLOW)
    notes = [x for x in done.stderr.splitlines() if x.startswith("note: ")]
    assert len(notes) == 2 and all(str(theirs) in note for note in notes)
    assert not done.stdout


def test_ctrl_c_keeps_the_pairs_that_are_measured(given, tmp_path):
    sizes, sheet = ",".join(1000 * ["40"]), tmp_path / "sheet.png"
    words = command(*given, "--steps=2", f"--sizes={sizes}", f"--sheet={sheet}")
    process = programs.start(words, ROOT)
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    programs.end(process)
    assert process.returncode == 130, process.stderr
    *rows, last = [first, *process.stdout.splitlines()]
    assert json.loads(last)["medians"]["reference 2"]["pairs"] == len(rows)
    assert len(rows) < 2000
    assert images.load(sheet).shape[0] == 8 + 264 * len(rows)


def test_a_sheet_that_cannot_be_written_is_kept_elsewhere(given, tmp_path):
    sheets, elsewhere = tmp_path / "sheets", tmp_path / "elsewhere"
    sheets.mkdir()
    elsewhere.mkdir()
    more = "--steps=", "--sizes=40,40", f"--sheet={sheets / 'a.png'}"
    words = command(*given, *more)
    process = programs.start(words, ROOT, TMPDIR=str(elsewhere))
    process.stdout.readline()
    sheets.rmdir()
    programs.end(process)
    assert process.returncode == 1
    (kept,) = elsewhere.glob("*.png")
    assert f"The picture is '{kept}' instead." in process.stderr
    assert images.load(kept).shape[0] == 8 + 264 * 4


def test_names_of_rows_and_folders_are_checked_at_once(given, tmp_path):
    done = run(*given, "--results=style")
    assert done.returncode == 1 and not done.stdout
    assert "each must have a name of its own. Received: style" in done.stderr
    done = run(*given, f"--results={tmp_path / 'none'}")
    assert done.returncode == 1 and not done.stdout
    assert "There is no folder" in done.stderr


def test_a_sheet_is_checked_and_damaged_files_are_left_out(given, tmp_path):
    done = run(*given, "--steps=", "--sheet=sheet.gif")
    assert done.returncode == 1 and not done.stdout
    assert "must end in one of" in done.stderr
    many = ",".join(map(str, range(64, 64 + 32)))
    done = run(*given, "--steps=", "--sheet=sheet.webp", f"--sizes={many}")
    assert done.returncode == 1 and not done.stdout
    assert "at most 16383 pixels" in done.stderr
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
