"""Frames as they are read, from movies of many kinds and from folders."""

import pathlib
from fractions import Fraction

import av
import numpy as np
import PIL.Image
import pytest

import clip_files
from clip_copies import PIXELS, apart, copy, folder_of, frames, lasting
from tfstyle.clips import color, reading
from tfstyle.clips.frames import CutShortError


def test_turned_movies_are_upright(tmp_path):
    path = clip_files.movie(tmp_path / "turned.mp4", clip_files.pictures(3))
    _, plain = clip_files.read(path)
    clip_files.rotate(path)
    details = reading.open_clip(path, PIXELS).details
    assert (details.height, details.width) == (64, 48)
    assert apart(frames(path), [np.rot90(x, -1) for x in plain]) < 1
    copy(path, tmp_path / "out.mp4")
    _, shown = clip_files.read(tmp_path / "out.mp4")
    assert apart(shown, [np.rot90(x, -1) for x in plain]) < 4
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert next(container.decode(video=0)).rotation == 0


@pytest.mark.parametrize(
    ("turn", "upright"),
    [
        ((-1, 0, 0, -1), lambda x: x[::-1, ::-1]),
        ((-1, 0, 0, 1), lambda x: x[:, ::-1]),
        ((1, 0, 0, -1), lambda x: x[::-1]),
        ((0, 1, 1, 0), lambda x: x.transpose(1, 0, 2)),
        ((0, -1, -1, 0), lambda x: x[::-1, ::-1].transpose(1, 0, 2)),
    ],
)
def test_mirrored_movies_are_upright(tmp_path, turn, upright):
    path = clip_files.movie(tmp_path / "turned.mp4", clip_files.pictures(3))
    _, plain = clip_files.read(path)
    clip_files.rotate(path, turn)
    assert apart(frames(path), [upright(x) for x in plain]) < 1


def test_names_are_not_taken_for_addresses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures = clip_files.pictures(3)
    clip_files.movie(tmp_path / "12:30.mp4", pictures, sound="aac")
    copy("12:30.mp4", "13:00.mp4")
    _, shown = clip_files.read(tmp_path / "13:00.mp4")
    assert len(shown) == 3
    assert clip_files.packets(tmp_path / "13:00.mp4")


def test_folders_are_sorted_by_number_and_keep_their_names(tmp_path):
    pictures = clip_files.pictures(3)
    source = folder_of(tmp_path / "in", pictures)
    assert apart(frames(source), pictures) == 0
    assert apart(frames(f"{source}/shot-*.png"), pictures) == 0
    (tmp_path / "out").mkdir()
    copy(source, tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["shot-10.png", "shot-11.png", "shot-9.png"]
    assert apart(frames(tmp_path / "out"), pictures) == 0


def test_other_pictures_of_the_folder_are_known(tmp_path):
    path = clip_files.movie(tmp_path / "in.mp4", clip_files.pictures(3))
    output = folder_of(tmp_path / "out", clip_files.pictures(2))
    (output / "notes.txt").touch()
    for _ in range(2):
        assert copy(path, output).others == {"shot-9.png", "shot-10.png"}
    assert copy(path, output, end=Fraction(1, 25)).others == {
        *("shot-9.png", "shot-10.png"),
        *("frame_000002.png", "frame_000003.png"),
    }


def test_hdr_is_said_and_mapped():
    hlg = color.Colors(9, 1, 18, 9)
    pq = color.Colors(9, 1, 16, 9)
    grays = np.linspace(0, 1, 11, dtype=np.float32)[:, None, None]
    grays = np.repeat(grays, 3, -1)
    for colors in (hlg, pq):
        mapped = color.tone_map(grays, colors)
        assert mapped.dtype == np.float32
        assert mapped.min() >= 0 and mapped.max() <= 1
        assert (np.diff(mapped[:, 0, 0]) >= 0).all()
        np.testing.assert_allclose(mapped[..., 0], mapped[..., 2], atol=0.01)
    # Reference white is 75 % of HLG and 58 % of PQ.
    white = [np.full((1, 1, 3), x, np.float32) for x in (0.75, 0.58)]
    for values, colors in zip(white, (hlg, pq), strict=True):
        assert 0.85 < color.tone_map(values, colors).mean() < 1
    assert color.of_output(hlg) == color.Colors()


def test_bits_beyond_8_are_said(tmp_path):
    path = clip_files.movie(
        tmp_path / "deep.mkv", clip_files.pictures(2), pixels="yuv420p10le"
    )
    details = reading.open_clip(path, PIXELS).details
    assert details.notes == ["its 10 bits per channel become 8."]
    path = clip_files.movie(
        tmp_path / "hdr.mkv",
        clip_files.pictures(2),
        pixels="yuv420p10le",
        color_trc=18,
        colorspace=9,
    )
    details = reading.open_clip(path, PIXELS).details
    assert "HDR" in details.notes[0]
    assert frames(path)[0].shape == (48, 64, 3)


@pytest.mark.parametrize("name", ["whole.mkv", "whole.mp4"])
def test_movies_that_are_cut_off_are_read_up_to_there(tmp_path, name):
    pictures = clip_files.pictures(60)
    options = {"movflags": "faststart"} if name.endswith("mp4") else {}
    path = clip_files.movie(tmp_path / name, pictures, options=options)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: 2 * len(data) // 3])
    found = []
    with pytest.raises(CutShortError, match="cannot be read beyond"):
        clip = reading.open_clip(path, PIXELS)
        for frame in clip.frames(Fraction(0), None):
            found.append(frame)
    assert 5 < len(found) < 60


def test_movies_that_change_their_size(tmp_path):
    paths = [
        clip_files.movie(
            tmp_path / f"{side}.h264", clip_files.pictures(4, side, side)
        )
        for side in (48, 64)
    ]
    both = tmp_path / "both.h264"
    both.write_bytes(b"".join(pathlib.Path(p).read_bytes() for p in paths))
    clip, found = reading.open_clip(str(both), PIXELS), []
    with pytest.raises(CutShortError, match="from 48x48 to 64x64 at 0.16 s"):
        for frame in clip.frames(Fraction(0), None):
            found.append(frame)
    assert len(found) == 4


def test_folders_with_equal_names_are_numbered(tmp_path):
    pictures = clip_files.pictures(4)
    for i, name in enumerate(("a/1.png", "a/2.png", "b/1.png", "b/1.bmp")):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(pictures[i]).save(tmp_path / "in" / name)
    source = f"{tmp_path}/in/*/*"
    assert len(frames(source)) == 4
    (tmp_path / "out").mkdir()
    copy(source, tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"frame_{i:06d}.png" for i in range(1, 5)]


def test_animated_png_files_are_clips(tmp_path):
    pictures = clip_files.pictures(3)
    first, *rest = map(PIL.Image.fromarray, pictures)
    path = tmp_path / "clip.png"
    first.save(path, save_all=True, append_images=rest, duration=40)
    assert apart(frames(path), pictures) == 0
    assert [time for time, _ in lasting(path)] == [
        Fraction(i, 25) for i in range(3)
    ]
    first.save(tmp_path / "one.png")
    with pytest.raises(ValueError, match="'.*one.png' is a single picture"):
        reading.open_clip(str(tmp_path / "one.png"), PIXELS)


def test_a_damaged_picture_ends_a_folder(tmp_path):
    source = folder_of(tmp_path / "in", clip_files.pictures(4))
    (source / "shot-11.png").write_bytes(b"no picture")
    found = []
    clip = reading.open_clip(str(source), PIXELS)
    with pytest.raises(CutShortError, match=r"Frame 3 cannot .*shot-11.png"):
        for frame in clip.frames(Fraction(0), None):
            found.append(frame)
    assert len(found) == 2


def test_avi_with_reordered_frames(tmp_path):
    path = clip_files.movie(tmp_path / "clip.avi", clip_files.pictures(30))
    times = [time for time, _ in lasting(path)]
    assert len(times) == 30
    # The last ones have no times at all.
    assert times[:27] == [Fraction(i, 25) for i in range(27)]
    assert min(np.diff(times)) > 0
