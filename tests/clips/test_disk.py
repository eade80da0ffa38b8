"""A file on a full disk."""

import errno
import io
import pathlib
import shutil
import sys
import tracemalloc
from fractions import Fraction
from typing import NamedTuple

import pytest

import clip_files
import programs
from tfstyle.clips import formats, reading
from tfstyle.clips.disk import Reserved, room_for
from tfstyle.clips.writing import MovieWriter


class Small(io.BytesIO):
    """A disk with room for so many bytes, as long as there is other data."""

    def __init__(self, room, folder):
        super().__init__()
        self.room, self.folder = room, folder

    def write(self, data):
        reserved = any(self.folder.glob(".tfstyle-*"))
        if self.tell() + len(data) > self.room and reserved:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


class Usage(NamedTuple):
    """What `shutil.disk_usage` says of a disk."""

    free: int


def test_the_end_of_a_movie_fits_on_a_full_disk(tmp_path):
    clip = clip_files.movie(
        tmp_path / "in.mp4", clip_files.pictures(60), sound="aac"
    )
    source = reading.open_clip(clip, 10**6)
    format = formats.choose("out.mp4", "auto", 80, source.details)
    raw = Small(8000, tmp_path)
    with Reserved(raw, tmp_path / "out.mp4") as disk:
        given = format, source.details, (48, 64), clip, Fraction(0)
        writer = MovieWriter(disk, *given)
        for number, frame in enumerate(source.frames(Fraction(0), None), 1):
            writer.write(frame)
            if number % 10 == 0:
                writer.end_segment()
            if disk.full:
                break
        writer.close(complete=False)
    (tmp_path / "out.mp4").write_bytes(raw.getvalue())
    times, _ = clip_files.read(tmp_path / "out.mp4")
    assert 10 <= len(times) < 60
    sound = clip_files.packets(tmp_path / "out.mp4")
    assert abs(float(sound[-1][0] - times[-1])) < 0.05
    assert not list(pathlib.Path(tmp_path).glob(".tfstyle-*"))


def test_other_errors_are_raised(tmp_path):
    class Broken(io.BytesIO):
        def write(self, data):
            raise OSError(errno.EIO, "Input/output error")

    with Reserved(Broken(), tmp_path / "out.mp4") as disk:
        with pytest.raises(OSError, match="Input/output"):
            disk.write(b"1")
        assert not disk.full


# Prints what lies in a folder while a file there is open.
LISTED = """
import io, os, sys
from tfstyle.clips.disk import Reserved
with Reserved(io.BytesIO(), sys.argv[1] + "/out.mp4") as disk:
    disk.write(b"1")
    print(os.listdir(sys.argv[1]), disk.full)
"""


def test_no_part_of_the_room_is_kept(tmp_path):
    """It would take what the file needs."""
    words = [sys.executable, "-c", LISTED, str(tmp_path)]
    done = programs.call(programs.with_small_files(words, 1024), tmp_path)
    assert (done.returncode, done.stdout) == (0, "[] False\n"), done.stderr


def test_half_of_a_small_disk_is_left_to_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(free=3000))
    with Reserved(io.BytesIO(), tmp_path / "out.mp4"):
        (room,) = tmp_path.iterdir()
        assert room.stat().st_size == 1500


def test_the_room_takes_no_memory(tmp_path):
    tracemalloc.start()
    try:
        with Reserved(io.BytesIO(), tmp_path / "out.mp4", 64 * 2**20):
            assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_the_room_grows_with_the_frames(tmp_path):
    assert room_for((48, 64), 48) == 4 * 2**20
    size = room_for((720, 1280), 48)
    assert size == 720 * 1280 * 24
    with Reserved(io.BytesIO(), tmp_path / "out.mp4", size):
        (room,) = tmp_path.iterdir()
        assert room.stat().st_size == size
    assert not list(tmp_path.iterdir())
