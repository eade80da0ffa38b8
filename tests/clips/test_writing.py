"""Clips read and written again, without painting."""

import itertools
import pathlib
from fractions import Fraction

import av
import numpy as np
import PIL.Image
import pytest

import clip_files
from clip_copies import PIXELS, apart, copy, folder_of, frames
from tfstyle.clips import color, formats, output, reading, segments
from tfstyle.clips.movies import Movie
from tfstyle.clips.output import Target


@pytest.mark.parametrize("width", [48, 320, 336])
def test_the_same_frames_are_the_same_file(tmp_path, width):
    # Without mbtree=0, 320x240, 336x240 and 854x480 gave several files on a
    # processor with AVX-512.
    wide = clip_files.pictures(30, 48, width)
    content = clip_files.movie(tmp_path / "clip.mkv", wide, codec="ffv1")
    made = []
    for i in range(3):
        copy(content, tmp_path / f"{i}.mp4", segment=24)
        made.append((tmp_path / f"{i}.mp4").read_bytes())
    assert made[0] == made[1] == made[2]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A movie of a variable rate with sound and chapters."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    gaps = np.random.default_rng(0).integers(1000, 20_000, 13)
    times = [0, *np.cumsum(gaps).tolist()]
    chapters = [
        {
            "id": i,
            "time_base": Fraction(1, 1000),
            "start": 400 * i,
            "end": 400 * (i + 1),
            "metadata": {"title": f"part {i}"},
        }
        for i in range(2)
    ]
    clip_files.movie(
        path, clip_files.pictures(14), times, sound="aac", chapters=chapters
    )
    return path


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
def test_times_sound_and_chapters_are_kept(clip, tmp_path, name):
    writer = copy(clip, tmp_path / name)
    assert writer.left_out == []
    times, pictures = clip_files.read(tmp_path / name)
    expected, shown = clip_files.read(clip)
    sound, before = (clip_files.packets(p) for p in (tmp_path / name, clip))
    assert [data for _, data in sound] == [data for _, data in before]
    # Matroska moves all so that nothing begins before 0, and rounds to 1 ms.
    moved = sound[0][0] - before[0][0] if name == "out.mkv" else 0
    exact = 0.0011 if name == "out.mkv" else 0
    for one, other in zip(times, expected, strict=True):
        assert abs(one - other - moved) <= exact
    assert apart(pictures, shown) < 4
    with av.open(str(tmp_path / name)) as container:
        titles = [c["metadata"]["title"] for c in container.chapters()]
    assert titles == ["part 0", "part 1"]


def test_a_part_has_its_part_of_sound_and_chapters(clip, tmp_path):
    start, end = Fraction(1, 2), Fraction(1)
    copy(clip, tmp_path / "out.mp4", start=start, end=end)
    expected = [t - start for t in clip_files.read(clip)[0] if start <= t < end]
    assert clip_files.read(tmp_path / "out.mp4")[0] == expected
    every = [data for _, data in clip_files.packets(clip)]
    sound = clip_files.packets(tmp_path / "out.mp4")
    first = every.index(sound[0][1])
    assert [data for _, data in sound] == every[first : first + len(sound)]
    assert 0 <= float(sound[0][0]) < 0.03
    assert abs(float(sound[-1][0]) - 0.5) < 0.25
    with av.open(str(tmp_path / "out.mp4")) as container:
        (chapter,) = container.chapters()
    assert chapter["metadata"]["title"] == "part 1"


def in_segments(content, path, folder, first=0):
    """Writes a clip as it is, from a frame on; returns the bytes.

    Segments of 5 frames are kept in a folder; those before `first` are
    written again.
    """
    source = reading.open_clip(str(content), PIXELS)
    details = source.details
    format = formats.choose(str(path), "auto", 80, details)
    tracks = isinstance(source, Movie) and not format.silent
    tracks = str(content) if tracks else None
    shape = details.height, details.width
    given = str(path), format, details, shape, tracks, Fraction(0)
    with output.opened(Target(*given)) as opened:
        for number in range(first // 5):
            opened.writer.replay(segments.load(folder, number))
        found = source.frames(Fraction(0), None)
        for i, frame in enumerate(itertools.islice(found, first, None), first):
            opened.writer.write(frame)
            if i % 5 == 4:
                packets = opened.writer.end_segment()
                segments.save(folder, i // 5, packets)
        opened.writer.close(True)
    return path.read_bytes()


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_segments_are_written_again_bit_for_bit(clip, tmp_path, ending):
    whole = in_segments(clip, tmp_path / f"whole.{ending}", tmp_path)
    again = in_segments(clip, tmp_path / f"again.{ending}", tmp_path, 10)
    assert again == whole
    (tmp_path / "segment-00001.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match="not a whole segment"):
        [*segments.load(tmp_path, 1)]


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "webm", "gif", "webp"])
def test_segments_of_pictures_are_written_again(tmp_path, ending):
    # Their times are multiples of a frame, those of containers are not.
    source = folder_of(tmp_path / "in", clip_files.pictures(14))
    output = tmp_path / f"out.{ending}"
    whole = in_segments(source, output, tmp_path)
    assert in_segments(source, output, tmp_path, 10) == whole


@pytest.mark.parametrize(
    ("name", "codec", "exact"),
    [
        ("out.mp4", "h265", 4),
        ("out.mp4", "av1", 6),
        ("out.webm", "vp9", 4),
        ("out.mov", "prores", 3),
        ("out.mkv", "ffv1", 0),
        ("out.gif", "auto", 4),
        ("out.webp", "auto", 5),
    ],
)
def test_every_codec(tmp_path, name, codec, exact):
    path = clip_files.movie(tmp_path / "in.mp4", clip_files.pictures(6))
    copy(path, tmp_path / name, codec)
    assert apart(frames(tmp_path / name), frames(path)) <= exact
    assert reading.open_clip(str(tmp_path / name), PIXELS).details.count == 6


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("out.mp4", "h264"),
        ("out.mp4", "vp9"),
        ("out.mp4", "av1"),
        ("out.mov", "prores"),
        ("out.mkv", "h265"),
    ],
)
def test_pixels_that_are_not_square(tmp_path, name, codec):
    wide = Fraction(4, 3)
    path = clip_files.movie(
        tmp_path / "in.mp4", clip_files.pictures(2), sample_aspect_ratio=wide
    )
    copy(path, tmp_path / name, codec)
    assert (
        reading.open_clip(str(tmp_path / name), PIXELS).details.aspect == wide
    )


def test_x265_writes_clips_of_few_frames(tmp_path):
    # It gave random times of decoding, one in twenty of which was refused.
    path = clip_files.movie(tmp_path / "in.mp4", clip_files.pictures(2))
    for _ in range(60):
        copy(path, tmp_path / "out.mp4", "h265")
        times, _ = clip_files.read(tmp_path / "out.mp4")
        assert times == [0, Fraction(1, 25)]


def test_encoders_print_nothing(tmp_path, capfd):
    path = clip_files.movie(tmp_path / "in.mp4", clip_files.pictures(2))
    copy(path, tmp_path / "out.mkv", "av1")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "codec"),
    [("out.mp4", "h264"), ("out.webp", "webp"), ("out.gif", "gif")],
)
def test_frames_that_an_encoder_refuses(tmp_path, name, codec):
    wide = np.zeros((2, 66_000, 3), np.uint8)
    source = folder_of(tmp_path / "in", [wide] * 2)
    message = (
        f"^{codec} of 66000x2 pixels cannot be written to "
        rf"{name[4:]} at 0.00 s \(.*\). Give a smaller `size`, another "
        r"`codec`, or a file of another kind\.$"
    )
    with pytest.raises(ValueError, match=message):
        copy(source, tmp_path / name)


def test_segments_in_a_wrong_order_are_refused(clip, tmp_path):
    in_segments(clip, tmp_path / "out.mp4", tmp_path)
    source = reading.open_clip(str(clip), PIXELS).details
    format = formats.choose("out.mp4", "auto", 80, source)
    given = "out.mp4", format, source, (48, 64), None, Fraction(0)
    target = Target(str(tmp_path / given[0]), *given[1:])
    message = r"h264 of 64x48 pixels cannot be written to mp4 at 0\.[1-9]"
    with output.opened(target) as opened:
        opened.writer.replay(segments.load(tmp_path, 1))
        with pytest.raises(ValueError, match=message):
            opened.writer.replay(segments.load(tmp_path, 0))
        opened.writer.close(True)


def test_odd_sides_are_cut_where_they_must(tmp_path):
    pictures = [x[:33, :51] for x in clip_files.pictures(3)]
    source = folder_of(tmp_path / "in", pictures)
    shapes = {"out.mp4": (32, 50), "out.webm": (33, 51), "out.gif": (33, 51)}
    for name, shape in shapes.items():
        copy(source, tmp_path / name)
        (first, *_) = frames(tmp_path / name)
        assert first.shape[:2] == shape
        assert apart([first], [pictures[0][: shape[0], : shape[1]]]) < 6


def test_transparency_is_kept_or_becomes_white(tmp_path):
    alpha = np.zeros((48, 64), np.float32)
    alpha[:, 20:] = 1
    source = folder_of(tmp_path / "in", clip_files.pictures(3), alpha)
    for name in ("out.mov", "out.gif", "out.webp"):
        copy(source, tmp_path / name)
        clip = reading.open_clip(str(tmp_path / name), PIXELS)
        assert clip.details.alpha
        found = next(clip.frames(Fraction(0), None)).alpha
        assert found[:, :18].max() < 0.1 and found[:, 22:].min() > 0.9
    copy(source, tmp_path / "out.mp4")
    assert frames(tmp_path / "out.mp4")[0][:, :16].min() > 235


@pytest.mark.parametrize("name", ["out.gif", "out.webp"])
def test_transparent_animations_leave_no_trails_and_loop(tmp_path, name):
    source = tmp_path / "in"
    source.mkdir()
    for i in range(6):
        pixels = np.zeros((48, 64, 4), np.uint8)
        pixels[20:28, 8 * i : 8 * i + 8] = 255, 0, 0, 255
        PIL.Image.fromarray(pixels).save(source / f"{i}.png")
    copy(source, tmp_path / name)
    with PIL.Image.open(tmp_path / name) as file:
        assert file.info["loop"] == 0  # For ever.
        opaque = []
        for i in range(file.n_frames):
            file.seek(i)
            alpha = np.asarray(file.convert("RGBA"))[..., 3]
            opaque.append((alpha > 127).sum())
    assert opaque == [64] * 6


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("range", [1, 2])
def test_colors_are_read_and_written_as_they_are(tmp_path, matrix, range):
    plain = np.full((32, 32, 3), (200, 100, 50), np.uint8)
    colors = color.Colors(matrix, range, 1, 1)
    frame = av.VideoFrame.from_ndarray(plain, "rgb24")
    made = color.to_yuv(frame, "yuv420p", colors)
    red, blue = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}[
        matrix
    ]
    luma = 200 * red + 100 * (1 - red - blue) + 50 * blue
    luma = luma if range == 2 else 16 + luma * 219 / 255
    assert abs(made.to_ndarray()[:32].mean() - luma) < 1
    back = color.to_rgb(made, colors)
    np.testing.assert_allclose(255 * back, plain, atol=3)
    path = clip_files.movie(
        tmp_path / "in.mp4", [plain] * 3, colorspace=matrix, color_range=range
    )
    copy(path, tmp_path / "out.mp4")
    before, after = (
        reading.open_clip(str(p), PIXELS).details.colors
        for p in (path, tmp_path / "out.mp4")
    )
    assert before == after
    assert (after.matrix, after.range) == (matrix, range)


def test_codecs_of_tracks_that_do_not_fit(clip, tmp_path):
    details = reading.open_clip(str(clip), PIXELS).details
    with pytest.raises(ValueError, match="cannot hold sound of the codec aac"):
        formats.choose("out.webm", "auto", 80, details)
    assert formats.choose("out.gif", "auto", 80, details).silent


def test_sound_whose_times_go_back_is_named(tmp_path):
    pictures = clip_files.pictures(30)
    path = clip_files.movie(tmp_path / "one.ts", pictures, sound="aac")
    data = pathlib.Path(path).read_bytes()
    (tmp_path / "two.ts").write_bytes(data + data)
    message = r"The sound of '.*two.ts' cannot be copied \(Invalid argument\)"
    with pytest.raises(ValueError, match=message):
        copy(tmp_path / "two.ts", tmp_path / "out.mp4")


def test_subtitles_are_copied_or_left_out(tmp_path):
    pictures = clip_files.pictures(8)
    path = clip_files.subtitled(tmp_path / "in.mkv", pictures, tmp_path)
    assert copy(path, tmp_path / "out.mkv").left_out == []
    before, after = (
        clip_files.packets(p, "subtitles") for p in (path, tmp_path / "out.mkv")
    )
    assert before == after and len(after) == 2
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.subtitles[0].metadata["language"] == "eng"
    assert copy(path, tmp_path / "out.mp4").left_out == ["srt"]
