"""Clips painted from file to file, in this process."""

import itertools
from fractions import Fraction

import numpy as np
import PIL.Image
import pytest

import clip_files
import helpers
from tfstyle import images
from tfstyle.motion.config import VideoConfig
from tfstyle.pipelines import video_run, videos


class Killed(BaseException):
    """What ends a run as abruptly as this process allows."""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp("files")
    helpers.style_model().save_preset(root / "model.h5")
    images.save(root / "style.png", helpers.image(40, 36, 5))
    frames = clip_files.pictures(100, 32, 40)
    clip_files.movie(root / "clip.mp4", frames, sound="aac")
    return root


def opened(files, path, inputs=None, **more):
    config = VideoConfig(model=str(files / "model.h5"), style_size=40)
    usual = {
        "content": str(files / "clip.mp4"),
        "style 1": str(files / "style.png"),
    }
    inputs = usual | (inputs or {})
    return videos.open_video(config, inputs, str(path), blends={}, **more)


def test_a_run_goes_on_after_the_last_segment(files, tmp_path):
    whole, path = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    outcome = video_run.paint(opened(files, whole))
    assert (outcome.frames, outcome.painted, outcome.complete) == (
        100,
        100,
        True,
    )
    state = str(tmp_path / "state")

    def kill(painted):
        if painted.number == 70:
            raise Killed

    with pytest.raises(Killed):
        video = opened(files, path, checkpoint_dir=state)
        video_run.paint(video, on_frame=kill)
    assert not path.exists()
    with pytest.raises(ValueError, match="other images or settings"):
        opened(files, path, checkpoint_dir=state, quality=10)
    video = opened(files, path, checkpoint_dir=state)
    assert video.done == 48
    outcome = video_run.paint(video)
    assert (outcome.frames, outcome.painted) == (100, 52)
    assert path.read_bytes() == whole.read_bytes()
    assert not (tmp_path / "state").exists()


def test_a_run_can_be_ended_at_any_frame(files, tmp_path):
    path, seen = tmp_path / "out.mkv", []
    video = opened(files, path, codec="ffv1")
    outcome = video_run.paint(video, lambda: len(seen) == 5, seen.append)
    assert (outcome.frames, outcome.complete) == (5, False)
    assert len(clip_files.read(path)[0]) == 5
    outcome = video_run.paint(opened(files, tmp_path / "one.mp4"), lambda: True)
    assert outcome.frames == 1
    assert video.expected == 100


def numbered(folder, count=30):
    """A folder of masks, each brighter than the one before."""
    folder.mkdir()
    for i in range(count):
        pixels = np.full((32, 40, 3), (100 + i) / 255, np.float32)
        images.save(folder / f"{i:03}.png", pixels)
    return str(folder)


def shown(video, count=3):
    """Numbers of the masks of the first frames; see `numbered`."""
    frames = video.clip.frames(video.target.start, None)
    given = itertools.islice(frames, count), video.target.start, 0
    kept = [1 - part.parts[0].mask for _, part in video.masks.regions(*given)]
    return [round(255 * float(mask.mean())) - 100 for mask in kept]


def test_the_engine_optimize_gets_the_pixels_of_style_files(files, tmp_path):
    """It resizes them itself, as `tfstyle.optimize` does."""
    config = VideoConfig(
        engine="optimize",
        features="vgg_distilled",
        style_size=32,
        style_scale=(2.0,),
    )
    inputs = {"content": str(files / "clip.mp4")}
    inputs["style 1"] = str(files / "style.png")
    path = str(tmp_path / "out.mp4")
    (style,) = videos.open_video(config, inputs, path, blends={}).styles
    np.testing.assert_array_equal(style, images.load(files / "style.png"))


@pytest.mark.parametrize(
    ("content", "rate", "start", "first"),
    [("frames", 10, 1, 10), ("frames", 50, 0.3, 15), ("clip.mp4", 25, 0.5, 15)],
)
def test_masks_in_folders_are_in_step(
    files, tmp_path, content, rate, start, first
):
    frames = clip_files.pictures(30, 32, 40)
    times = clip_files.even(30, 30)
    clip_files.movie(tmp_path / "clip.mp4", frames, times)
    numbered(tmp_path / "frames")
    inputs = {"content": str(tmp_path / content)}
    inputs |= {"keep_mask": numbered(tmp_path / "masks")}
    times = {"rate": Fraction(rate), "start": Fraction(start)}
    video = opened(files, tmp_path / "out.mkv", inputs, **times)
    assert shown(video) == [first, first + 1, first + 2]


@pytest.mark.parametrize("name", ["one.webp", "one.jfif", "one.gif"])
def test_a_mask_of_one_frame_is_for_all(files, tmp_path, name):
    picture = PIL.Image.new("RGB", (40, 32), (107,) * 3)
    kind = "JPEG" if name == "one.jfif" else None
    picture.save(tmp_path / name, kind, quality=100, lossless=True)
    inputs = {"keep_mask": str(tmp_path / name)}
    video = opened(files, tmp_path / "out.mkv", inputs)
    assert shown(video, 100) == [7] * 100


def test_a_moving_gif_is_a_mask_by_its_gray(files, tmp_path):
    """GIF files have transparency, here of nothing."""
    first, *rest = (
        PIL.Image.new("L", (40, 32), 100 + step) for step in range(4)
    )
    first.save(tmp_path / "moving.gif", save_all=True, append_images=rest)
    inputs = {"keep_mask": str(tmp_path / "moving.gif")}
    video = opened(files, tmp_path / "out.mkv", inputs)
    assert shown(video, 4) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("role", "name"),
    [
        ("content", "out-part.mp4"),
        ("style 1", "out-preview.png"),
        ("keep_mask", "out-preview*.png"),
    ],
)
def test_parts_and_previews_are_not_written_over_inputs(
    files, tmp_path, role, name
):
    for kind in (".mp4", ".png"):
        source = files / ("clip.mp4" if kind == ".mp4" else "style.png")
        for word in ("part", "preview"):
            copy = tmp_path / f"out-{word}{kind}"
            copy.write_bytes(source.read_bytes())
    with pytest.raises(ValueError, match="name of a part or a preview"):
        opened(files, tmp_path / "out.mp4", {role: str(tmp_path / name)})


@pytest.mark.parametrize("role", ["style 1", "keep_mask", "content_map"])
def test_frames_are_not_written_over_other_inputs(files, tmp_path, role):
    """A folder of frames may hold pictures, but no inputs of this run."""
    inside = tmp_path / "frame_000003.png"
    inside.write_bytes((files / "style.png").read_bytes())
    with pytest.raises(ValueError, match=f"holds the {role}"):
        opened(files, tmp_path, {role: str(inside)})
    beside = tmp_path / "out"
    beside.mkdir()
    assert opened(files, beside, {"style 1": str(inside)}).expected == 100


def test_masks_in_folders_belong_to_the_run(files, tmp_path):
    masks, state = tmp_path / "masks", tmp_path / "state"
    masks.mkdir()

    def write(level):
        for i in range(3):
            pixels = np.full((32, 40, 3), level, np.float32)
            images.save(masks / f"{i}.png", pixels)

    def open_again():
        inputs = {"keep_mask": str(masks)}
        given = {"checkpoint_dir": str(state)}
        return opened(files, tmp_path / "out.mp4", inputs, **given)

    write(0.25)
    open_again().checkpoints.save({}, {"frames": 1})
    open_again()
    write(0.5)
    with pytest.raises(ValueError, match="other images or settings"):
        open_again()
