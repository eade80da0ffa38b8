"""A file on a full disk."""

import errno
import io
import pathlib
from fractions import Fraction

import pytest

import clip_files
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


def test_the_room_grows_with_the_frames(tmp_path):
    assert room_for((48, 64), 48) == 4 * 2**20
    size = room_for((720, 1280), 48)
    assert size == 720 * 1280 * 24
    with Reserved(io.BytesIO(), tmp_path / "out.mp4", size):
        (room,) = tmp_path.iterdir()
        assert room.stat().st_size == size
    assert not list(tmp_path.iterdir())
