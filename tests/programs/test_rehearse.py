"""The program, in processes of its own."""

import pathlib
import sys

import pytest

import helpers
import programs
from tfstyle import images

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def folders(tmp_path):
    helpers.image_folders(tmp_path, 2)
    return tmp_path


def command(folders, *words):
    flags = [
        f"--content_dir={folders / 'photos'}",
        f"--style_dir={folders / 'paintings'}",
        f"--output={folders / 'painted'}",
        "--held_out=1",
    ]
    return [sys.executable, "-m", "tfstyle.rehearse", *flags, *words]


def run(folders, *words):
    return programs.fork(command(folders, *words), ROOT)


def test_it_keeps_three_pictures_of_each_pair_and_goes_on(folders):
    words = ["--pairs=2", "--sizes=32,40", "--steps=5"]
    done = run(folders, *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{folders}/painted: 2 pairs painted\n"
    made = sorted((folders / "painted").iterdir())
    assert [path.name[8:] for path in made] == [
        f"-0-000{pair}-{i}.png" for pair in range(2) for i in range(3)
    ]
    assert all(32 <= max(images.load(path).shape) <= 40 for path in made)
    early, middle, last = (path.read_bytes() for path in made[:3])
    assert len({early, middle, last}) == 3
    before = images.load(made[2])
    made[2].unlink()
    again = run(folders, *words)
    assert again.stdout == f"{folders}/painted: 1 pairs painted\n"
    assert images.load(made[2]) == pytest.approx(before, abs=0.02)
    # Other settings are other pictures.
    other = run(folders, "--pairs=1", words[1], "--steps=4")
    assert other.stdout == f"{folders}/painted: 1 pairs painted\n"
    assert len([*(folders / "painted").iterdir()]) == 9
    # So are those of other photographs and styles.
    for kind in ("photos", "paintings"):
        images.save(folders / kind / "new.png", helpers.image(40, 48, 7))
        done = run(folders, "--pairs=1", *words[1:])
        assert done.stdout == f"{folders}/painted: 1 pairs painted\n"


def test_what_cannot_be_read_is_left_out_and_a_full_disk_ends_it(folders):
    for path in (folders / "photos").iterdir():
        path.write_bytes(b"no image")
    words = ["--pairs=1", "--sizes=32,32", "--steps=1"]
    done = run(folders, *words)
    assert (done.returncode, done.stdout.count("0 pairs painted")) == (0, 1)
    assert "note: left out '" in done.stderr
    for path in (folders / "photos").iterdir():
        images.save(path, helpers.image(40, 48))
    limited = programs.with_small_files(command(folders, *words), 1)
    done = programs.call(limited, ROOT)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: File too large")
    assert not list((folders / "painted").glob("*.png"))


@pytest.mark.parametrize(
    ("flag", "status", "message"),
    [
        ("--sizes=400,300", 2, "two numbers of pixels"),
        ("--feature_weights=none.h5", 1, "no weights file 'none.h5'"),
        ("--held_out=2", 1, "one more picture than --held_out"),
        ("--output={}/paintings/painted", 1, "Give a folder beside it."),
    ],
)
def test_errors_are_one_line(folders, flag, status, message):
    done = run(folders, flag.format(folders))
    assert done.returncode == status
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not [*folders.rglob("painted")]
