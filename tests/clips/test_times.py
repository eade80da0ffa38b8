"""When frames are shown, read and written again."""

import itertools
from fractions import Fraction

import av
import numpy as np
import PIL.Image
import pytest

import clip_files
from clip_copies import PIXELS, apart, copy, folder_of, lasting
from tfstyle.clips import formats, reading


@pytest.mark.parametrize("ending", ["mp4", "mkv", "webm", "gif", "webp"])
def test_parts_may_begin_between_two_frames(tmp_path, ending):
    # Half a tick after the start: no two frames may be rounded to one.
    source = folder_of(tmp_path / "in", clip_files.pictures(8))
    output = tmp_path / f"out.{ending}"
    copy(source, output, start=Fraction(1, 50))
    times = [time for time, _ in lasting(output)]
    assert times == [Fraction(i, 25) for i in range(7)]


@pytest.mark.parametrize("name", ["out.gif", "out.webp"])
def test_frames_closer_than_ticks_stay_apart(tmp_path, name):
    ticks = [0, 3600, 3630, 3660, 9000]  # 0.33 ms apart.
    pictures = clip_files.pictures(5)
    path = clip_files.movie(tmp_path / "in.mp4", pictures, ticks)
    copy(path, tmp_path / name)
    tick = Fraction(1, 100 if name == "out.gif" else 1000)
    shown = Fraction(1, 25)
    times = [time for time, _ in lasting(tmp_path / name)]
    held = [shown, shown + tick, shown + 2 * tick]
    assert times == [0, *held, Fraction(1, 10)]


def test_more_frames_a_second_than_the_file_holds_are_refused(tmp_path):
    source = folder_of(tmp_path / "in", clip_files.pictures(2))
    fast = reading.open_clip(str(source), PIXELS, Fraction(120)).details
    message = "at most 100 frames a second; .* 120. Write .webp"
    with pytest.raises(ValueError, match=message):
        formats.choose("out.gif", "auto", 80, fast)
    assert formats.choose("out.webp", "auto", 80, fast).silent
    usual = reading.open_clip(str(source), PIXELS, Fraction(100)).details
    assert formats.choose("out.gif", "auto", 80, usual).silent


def test_animations_keep_their_times(tmp_path):
    path = clip_files.movie(tmp_path / "in.mp4", clip_files.pictures(6))
    for name in ("out.gif", "out.webp"):
        copy(path, tmp_path / name)
        with PIL.Image.open(tmp_path / name) as file:
            shown = []
            for i in range(file.n_frames):
                file.seek(i)
                file.load()
                shown.append(file.info["duration"])
        assert shown == [40] * 6
        clip = reading.open_clip(str(tmp_path / name), PIXELS)
        times = [frame.time for frame in clip.frames(Fraction(0), None)]
        assert times == [Fraction(i, 25) for i in range(6)]


def test_times_that_are_negative_or_missing(tmp_path):
    pictures = clip_files.pictures(4)
    times = [time - 9000 for time in clip_files.even(4)]
    path = clip_files.movie(tmp_path / "early.mkv", pictures, times)
    copy(path, tmp_path / "early.mp4")
    found, shown = clip_files.read(tmp_path / "early.mp4")
    assert np.diff(found).tolist() == [Fraction(1, 25)] * 3
    assert apart(shown, clip_files.read(path)[1]) < 4
    # A raw stream has no times.
    path = clip_files.movie(tmp_path / "raw.h264", pictures)
    copy(path, tmp_path / "raw.mp4")
    found, _ = clip_files.read(tmp_path / "raw.mp4")
    assert np.diff(found).tolist() == [Fraction(1, 25)] * 3


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_frames_last_until_the_next_though_they_are_reordered(tmp_path, name):
    ticks = [0, 9000, 11_700, 27_000, 29_700, 45_000, 54_000, 63_000]
    path = clip_files.movie(tmp_path / name, clip_files.pictures(8), ticks)
    found = lasting(path)
    times = [time for time, _ in found]
    assert times == [tick * clip_files.BASE for tick in ticks]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert [duration for _, duration in found[:-1]] == gaps
    assert found[-1][1] > 0


@pytest.mark.parametrize("name", ["held.gif", "held.webp"])
def test_a_last_frame_may_be_held(tmp_path, name):
    pictures = [PIL.Image.fromarray(x) for x in clip_files.pictures(3)]
    first, *rest = pictures
    first.save(
        tmp_path / name,
        save_all=True,
        append_images=rest,
        duration=[40, 40, 3000],
    )
    assert lasting(tmp_path / name)[-1] == (Fraction(2, 25), 3)
    copy(tmp_path / name, tmp_path / "out.gif")
    assert lasting(tmp_path / "out.gif")[-1] == (Fraction(2, 25), 3)


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
@pytest.mark.parametrize(
    "held", [[1000] * 5 + [5000], [100, 200, 50, 400, 30, 1000]]
)
def test_a_last_frame_may_be_held_though_they_are_reordered(
    tmp_path, name, held
):
    # The one that is decoded last is not the one that is shown last.
    first, *rest = map(PIL.Image.fromarray, clip_files.pictures(6))
    first.save(
        tmp_path / "in.webp", save_all=True, append_images=rest, duration=held
    )
    expected = [Fraction(shown, 1000) for shown in held]
    copy(tmp_path / "in.webp", tmp_path / name, "h264", segment=6)
    with av.open(str(tmp_path / name)) as container:
        shown = [p.pts for p in container.demux(video=0) if p.size]
        assert shown.index(max(shown)) < 5
    assert [own for _, own in lasting(tmp_path / name)] == expected
    copy(tmp_path / "in.webp", tmp_path / name, "h264", segment=3)
    assert [own for _, own in lasting(tmp_path / name)] == expected


@pytest.mark.parametrize("name", ["held.mp4", "held.gif", "held.webp"])
def test_a_part_ends_within_a_frame(tmp_path, name):
    slow = [0, 90_000, 180_000, 270_000]
    path = clip_files.movie(tmp_path / "held.mp4", clip_files.pictures(4), slow)
    if name != "held.mp4":
        copy(path, tmp_path / name)
    end = Fraction(5, 2)
    expected = [(0, 1), (1, 1), (2, Fraction(1, 2))]
    assert lasting(tmp_path / name, 0, end) == expected
    copy(tmp_path / name, tmp_path / "out.gif", end=end)
    assert lasting(tmp_path / "out.gif") == expected


def test_a_part_of_pictures_ends_within_a_frame(tmp_path):
    source = folder_of(tmp_path / "in", clip_files.pictures(4))
    frame = Fraction(1, 25)
    assert lasting(source, 0, frame * Fraction(3, 2)) == [
        (0, frame),
        (frame, frame / 2),
    ]


@pytest.mark.parametrize("name", ["late.mkv", "late.mp4"])
def test_movies_that_begin_late(tmp_path, name):
    ticks = [900_000 + tick for tick in clip_files.even(20)]
    path = clip_files.movie(tmp_path / name, clip_files.pictures(20), ticks)
    assert lasting(path) == [
        (Fraction(i, 25), Fraction(1, 25)) for i in range(20)
    ]
    assert [time for time, _ in lasting(path, Fraction(2, 5))] == [
        Fraction(i, 25) for i in range(10, 20)
    ]


def test_broadcasts_begin_at_any_time(tmp_path):
    path = clip_files.movie(
        tmp_path / "clip.ts",
        clip_files.pictures(30),
        sound="aac",
        options={"output_ts_offset": "36000"},
    )
    assert clip_files.read(path)[0][0] >= 36_000
    times = [time for time, _ in lasting(path)]
    assert np.diff(times).tolist() == [Fraction(1, 25)] * 29
    assert 0 <= times[0] < 1
    part = times[10], times[20]
    assert [time for time, _ in lasting(path, *part)] == times[10:20]
    copy(path, tmp_path / "out.mkv", start=part[0], end=part[1])
    begun = clip_files.read(tmp_path / "out.mkv")[0]
    assert len(begun) == 10 and begun[0] < 0.05
    sound = clip_files.packets(tmp_path / "out.mkv")
    assert 0 <= sound[0][0] < 0.05
    # Without the headers of 7 bytes that only MPEG-TS has.
    every = [data[7:] for _, data in clip_files.packets(path)]
    assert 0 < every.index(sound[0][1]) < len(every) // 2


@pytest.mark.parametrize("name", ["clip.ts", "clip.h264", "clip.mkv"])
def test_a_part_begins_at_its_frame(tmp_path, name):
    pictures = clip_files.pictures(60)
    path = clip_files.movie(tmp_path / name, pictures, gop_size=20)
    times = [time for time, _ in lasting(path)]
    start = times[29]
    assert [time for time, _ in lasting(path, start)] == times[29:]
