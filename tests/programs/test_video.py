"""The program, in processes of its own."""

import pathlib
import re
import signal
import sys
import time

import av
import numpy as np
import PIL.Image
import pytest

import clip_files
import helpers
import programs
from tfstyle import images
from tfstyle.adain import specialization
from tfstyle.clips import formats

ROOT = pathlib.Path(__file__).parents[2]
COUNT = 8


def command(*words):
    return [sys.executable, "-m", "tfstyle.video", *map(str, words)]


def run(*words):
    return programs.fork(command(*words), ROOT)


def run_quick(*words):
    """Where TensorFlow and Keras cannot be loaded."""
    return programs.fork(command(*words), ROOT, programs.TENSORFLOW)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model, a style, a clip and a folder of frames."""
    root = tmp_path_factory.mktemp("files")
    helpers.style_model().save_preset(root / "model.h5")
    images.save(root / "style.png", helpers.image(40, 36, 5))
    frames = clip_files.pictures(COUNT)
    clip_files.movie(root / "clip.mp4", frames, sound="aac")
    (root / "frames").mkdir()
    for i, frame in enumerate(frames):
        PIL.Image.fromarray(frame).save(root / "frames" / f"f_{i + 1}.png")
    return root


def words(files, content, output, *more):
    return (
        f"--model={files / 'model.h5'}",
        f"--content={content}",
        f"--style={files / 'style.png'}",
        "--style_size=40",
        f"--output={output}",
        *more,
    )


def apart(one, other):
    """Largest mean difference of two frames at the same place."""
    pairs = zip(one, other, strict=True)
    return max(np.abs(a.astype(float) - b).mean() for a, b in pairs)


def test_a_movie_keeps_its_times_and_its_sound(files, tmp_path):
    output = tmp_path / "out.mp4"
    arguments = words(files, files / "clip.mp4", output)
    done = programs.call(command(*arguments, "--preview_every=4"), ROOT)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        rf"{output}: {COUNT} frames of 64x48 after \d+ s "
        r"\([\d.]+ frames/s\)\n",
        done.stdout,
    )
    assert not programs.said(done)
    assert images.load(tmp_path / "out-preview.png").shape == (48, 64, 3)
    times, shown = clip_files.read(output)
    source_times, source = clip_files.read(files / "clip.mp4")
    assert times == source_times
    sound = clip_files.packets(output)
    assert sound == clip_files.packets(files / "clip.mp4") and sound
    with av.open(str(output)) as new, av.open(str(files / "clip.mp4")) as old:
        assert abs(new.duration - old.duration) <= 1000  # Microseconds.
    assert apart(shown, source) > 10


def test_frames_are_those_of_the_library(files, tmp_path):
    import tfstyle

    output = tmp_path / "out.mkv"
    done = run(*words(files, files / "frames", output, "--codec=ffv1"))
    assert done.returncode == 0, done.stderr
    config = tfstyle.VideoConfig(model=str(files / "model.h5"), style_size=40)
    style = images.load(files / "style.png", 40)
    frames = [x / np.float32(255) for x in clip_files.pictures(COUNT)]
    expected = [*tfstyle.stylize_frames(frames, style, config)]
    _, shown = clip_files.read(output)
    assert apart(shown, [np.rint(255 * x) for x in expected]) < 0.1
    # The first is the picture that tfstyle.transfer paints.
    model = tfstyle.StyleModel.from_preset(files / "model.h5")
    single = model.stylize(frames[0], style)
    np.testing.assert_allclose(expected[0], single, atol=0.03)


def long_clip(kind, folder):
    """A movie with sound, or a folder of frames; returns its path."""
    frames = clip_files.pictures(160, 32, 40)
    if kind == "movie":
        return clip_files.movie(folder / "long.mp4", frames, sound="aac")
    (folder / "long").mkdir()
    for i, frame in enumerate(frames):
        PIL.Image.fromarray(frame).save(folder / "long" / f"{i}.png")
    return folder / "long"


@pytest.mark.parametrize("kind", ["movie", "folder"])
def test_a_killed_run_goes_on_and_gives_the_same_file(files, tmp_path, kind):
    clip = long_clip(kind, tmp_path)
    whole, output = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    assert run(*words(files, clip, whole)).returncode == 0
    state = tmp_path / "state"
    arguments = words(files, clip, output, f"--checkpoint={state}")
    process = programs.start(command(*arguments), ROOT)
    wait_for(process, state / "checkpoint.npz")
    process.kill()
    programs.end(process)
    assert not output.exists()
    other = run_quick(*arguments, "--stability=0.5")
    programs.check_refused(other, 1, "belongs to other images or settings")
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert output.read_bytes() == whole.read_bytes()
    assert not state.exists()


def test_a_checkpoint_that_cannot_be_written_is_told(files, tmp_path):
    frames = clip_files.pictures(50, 32, 40)
    clip = clip_files.movie(tmp_path / "long.mp4", frames)
    output = tmp_path / "out"
    output.mkdir()
    images.save(output / "old.png", frames[0] / 255)
    given = words(files, clip, f"{output}/", f"--checkpoint={tmp_path}/state")
    limited = programs.with_small_files(command(*given), 48)
    done = programs.call(limited, ROOT)
    assert done.returncode == 1
    (line,) = programs.said(done)
    assert re.search("error: .*checkpoint.npz", line)
    assert ": 50 frames of 40x32 after" in done.stdout
    note = f"note: '{output}/' still holds other pictures: 1, such as 'old.png'"
    assert note in done.stderr
    assert len(list(output.iterdir())) == 51


def wait_for(process, path):
    last = time.monotonic() + programs.PATIENCE
    while not path.exists() and process.poll() is None:
        assert time.monotonic() < last, "it did not write it"
        time.sleep(0.005)


def test_ctrl_c_leaves_a_clip_with_its_sound(files, tmp_path):
    frames = clip_files.pictures(4, 64, 96)
    clip = clip_files.movie(tmp_path / "long.mp4", frames * 300, sound="aac")
    output = tmp_path / "out.mp4"
    process = programs.start(
        command(*words(files, clip, output, "--preview_every=1")), ROOT
    )
    wait_for(process, tmp_path / "out-preview.png")
    process.send_signal(signal.SIGINT)
    programs.end(process)
    assert process.returncode == 130, process.stderr
    assert ", interrupted after" in process.stdout
    times, _ = clip_files.read(output)
    assert 0 < len(times) < 1200
    sound = clip_files.packets(output)
    assert abs(float(sound[-1][0] - times[-1])) < 0.05
    assert sound == clip_files.packets(clip)[: len(sound)]


def test_what_can_be_read_of_a_damaged_clip_is_kept(files, tmp_path):
    frames = clip_files.pictures(6) + clip_files.pictures(3, 64, 48)
    for i, frame in enumerate(frames):
        PIL.Image.fromarray(frame).save(tmp_path / f"f{i}.png")
    output = tmp_path / "out.mp4"
    done = run(*words(files, f"{tmp_path}/f*.png", output))
    assert done.returncode == 1
    assert not output.exists()
    (line,) = programs.said(done)
    assert re.fullmatch(
        r"error: '.*/f6.png' has 48x64 pixels, but the first frame has 64x48. "
        r"All must have one size. What was painted is '.*/out-part.mp4'.",
        line,
    )
    assert len(clip_files.read(tmp_path / "out-part.mp4")[0]) == 6


def damaged(kind, folder, clip):
    """Writes a file with what may be wrong with clips; returns its name."""
    path = folder / f"{kind}.mp4"
    frames = clip_files.pictures(3)
    if kind == "text":
        path.write_text("no movie\n" * 100)
    if kind == "empty":
        path.write_bytes(b"")
    if kind == "truncated":
        path.write_bytes(clip.read_bytes()[:2000])
    if kind == "encrypted":
        clip_files.encrypt(path, frames)
    if kind == "sound":
        clip_files.sound(path)
    if kind == "folder":
        path = folder / "nothing"
        path.mkdir()
    if kind == "picture":
        path = folder / "one.png"
        PIL.Image.fromarray(frames[0]).save(path)
    if kind == "small":
        clip_files.movie(path, [frame[:12] for frame in frames])
    if kind == "webp":
        path = folder / "cut.webp"
        path.write_bytes(b"RIFF\x20\0\0\0WEBPVP8 ")
    if kind == "codec":
        clip_files.movie(path, frames)
        data = path.read_bytes().replace(b"avc1", b"zzzz")
        path.write_bytes(data.replace(b"avcC", b"zzzC"))
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "'.*missing.mp4' does not exist"),
        ("text", "is not a movie that can be read"),
        ("empty", "is not a movie that can be read"),
        ("truncated", "is not a movie that can be read, or it is damaged"),
        ("encrypted", "video that cannot be decoded .it is encrypted"),
        ("sound", "has no video stream, only audio"),
        ("folder", "'.*nothing' holds no images"),
        ("picture", "is a single picture. Give a movie"),
        ("small", "shorter side must have at least 16 pixels"),
        ("webp", "is not an image|is damaged"),
        ("codec", "that this FFmpeg cannot decode"),
    ],
)
def test_damaged_clips_are_one_line(files, tmp_path, kind, message):
    (tmp_path / "in").mkdir()
    clip = damaged(kind, tmp_path / "in", files / "clip.mp4")
    before = programs.contents(tmp_path)
    done = run_quick(*words(files, clip, tmp_path / "out.mp4"))
    programs.check_refused(done, 1, "")
    assert re.search(message, done.stderr), done.stderr
    assert programs.contents(tmp_path) == before


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        (["--output=painted"], 1, "'painted' must end in .mp4, "),
        (["--output=out.avi"], 1, "must end in .mp4"),
        (["--output=missing/out.mp4"], 1, "no folder"),
        (["--codec=theora"], 2, "--codec=theora: .*h264"),
        (["--codec=vp9", "--output=out.mov"], 1, "--codec of a file .*prores"),
        (["--output=out.webm"], 1, "cannot hold sound of the codec aac"),
        (["--stability=2"], 2, "--stability.* must be from 0 to 1"),
        (["--engine=optimize", "--strength=0.5"], 2, "is for the engine"),
        (["--engine=optimize"], 2, "--model is no setting of .* optimize"),
        (["--steps=9"], 2, "--steps is no setting of .* transfer"),
        (["--features=vgg16"], 2, "--features is no setting of .* transfer"),
        (["--output=out/", "--codec=h264"], 2, "--codec is no .* of frames"),
        (["--output=out/", "--quality=9"], 2, "--quality is no .* of frames"),
        (["--output=a.gif", "--quality=9"], 2, "--quality is no setting"),
        (["--output=a.mkv", "--codec=ffv1", "--quality=9"], 2, "--quality is"),
        (["--rate=24"], 2, "--rate is no setting of a movie, which has its"),
        (["--end=inf"], 2, "--end must be a finite number"),
        (["--content=.", "--rate=inf"], 2, "--rate must be a finite number"),
        (["--start=nan"], 2, "--start must be a finite number"),
        (["--start=9", "--end=8"], 2, "--end must be after --start"),
        (["--style_mix=1:1,0"], 2, "a share for each of the 1"),
        (["--style_mix=a:1"], 2, "--style_mix must be shares such as"),
        (["--style_mix=1:1", "--style_mix=1:1"], 2, "times that differ"),
        (["--quality=0"], 2, "quality"),
        (["--report=old.png"], 2, "--report=old.png: must end in .html"),
        (["--report=missing/a.html"], 1, "'missing/a.html'"),
        (["--style=missing.png"], 1, "'missing.png' does not exist"),
        (["--keep_mask=missing.mp4"], 1, "'missing.mp4' does not exist"),
        (["--keep_mask=alpha"], 1, "has no transparency to use as a mask"),
        (["--keep_mask=setup.cfg"], 1, "'setup.cfg' has no video stream"),
        (["--max_pixels=100"], 1, "Raise --max_pixels"),
        (["--size=8"], 1, "at least 16 pixels"),
        (["--model=nothing"], 1, "no model 'nothing'. Choose from"),
        (["--content=https://host/clip.mp4"], 1, "is an address, not a file"),
        (["--checkpoint=setup.cfg"], 1, "'setup.cfg' is not a folder"),
        (["stray"], 2, "Unexpected arguments"),
    ],
)
def test_errors_are_one_line_at_once(files, tmp_path, changes, status, message):
    given = words(files, files / "clip.mp4", tmp_path / "out.mp4")
    done = run_quick(*given, *changes)
    programs.check_refused(done, status, "")
    assert re.search(message, done.stderr), done.stderr
    assert not list(tmp_path.iterdir())


def test_what_is_left_out_of_an_animation_is_noted(files, tmp_path):
    frames = [
        PIL.Image.fromarray(x).convert("P")
        for x in clip_files.pictures(3, 33, 41)
    ]
    clip, output = tmp_path / "opaque.gif", tmp_path / "out.mp4"
    frames[0].save(clip, save_all=True, append_images=frames[1:], duration=40)
    done = run(*words(files, clip, output))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{output}: 3 frames of 40x32 after")
    assert clip_files.read(output)[1][0].shape == (32, 40, 3)
    notes = [x for x in done.stderr.splitlines() if x.startswith("note: h264")]
    assert notes == [
        "note: h264 holds no transparency; what is transparent becomes white.",
        "note: h264 needs even sides: the frames are cut to 40x32.",
    ]


def test_quality_is_refused_where_auto_is_a_codec_without_any(files, tmp_path):
    alpha = np.zeros((48, 64), np.float32)
    (tmp_path / "in").mkdir()
    for i in range(2):
        frame = tmp_path / "in" / f"{i}.png"
        images.save(frame, helpers.image(48, 64), alpha)
    given = words(files, tmp_path / "in", tmp_path / "out.mov", "--quality=9")
    expected = "--quality is no setting of prores"
    programs.check_refused(run_quick(*given), 2, expected)


@pytest.mark.parametrize(
    "flag", ["--style_size=64", "--tile=64", "--encoder_weights=a.h5"]
)
def test_flags_of_the_other_engine_are_refused(files, tmp_path, flag):
    done = run_quick(
        f"--content={files / 'clip.mp4'}",
        f"--style={files / 'style.png'}",
        f"--output={tmp_path / 'out.mp4'}",
        "--engine=optimize",
        flag,
    )
    name, _, _ = flag.partition("=")
    expected = f"{name} is no setting of the engine optimize"
    programs.check_refused(done, 2, expected)


def test_inputs_are_never_written_over(files, tmp_path):
    before = programs.contents(files)
    for content, output, message in (
        ("clip.mp4", "clip.mp4", "is the content, too"),
        ("frames", "frames", "would be written over"),
    ):
        done = run_quick(*words(files, files / content, files / output))
        programs.check_refused(done, 1, message)
    assert programs.contents(files) == before


def test_a_specialized_model_has_the_style_inside(files, tmp_path):
    style = images.load(files / "style.png", 40)
    model = specialization.copy(helpers.style_model(), [style], "float32")
    model.save_preset(tmp_path / "wave.h5")
    output = tmp_path / "out.mkv"
    arguments = (
        f"--content={files / 'clip.mp4'}",
        f"--output={output}",
        "--end=0.1",
    )
    done = run(f"--model={tmp_path / 'wave.h5'}", *arguments)
    assert done.returncode == 0, done.stderr
    assert len(clip_files.read(output)[0]) == 3
    done = run_quick(f"--model={files / 'model.h5'}", *arguments)
    programs.check_refused(done, 2, "has no style inside")
    flags = [f"--model={tmp_path / 'wave.h5'}", "--style_size=64", *arguments]
    message = "--style_size is no setting of a model with its style inside"
    for program in ("video", "transfer"):
        words = [sys.executable, "-m", f"tfstyle.{program}", *flags[:3]]
        words.append(f"--output={tmp_path / 'new.png'}")
        done = programs.fork(words, ROOT, programs.TENSORFLOW)
        programs.check_refused(done, 2, message)


def test_no_frames_in_the_given_time(files, tmp_path):
    arguments = words(files, files / "clip.mp4", tmp_path / "out.mp4")
    done = run(*arguments, "--start=100")
    assert done.returncode == 1
    assert "has no frames in the time from --start to --end" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module", ["av", "cv2"])
def test_a_package_that_is_missing_is_named(files, tmp_path, module):
    arguments = words(files, files / "clip.mp4", tmp_path / "out.mp4")
    hidden = [module, *programs.TENSORFLOW]
    done = programs.fork(command(*arguments), ROOT, hidden)
    programs.check_refused(done, 1, "pip install tfstyle[video]")


def test_help_loads_nothing_that_is_slow(tmp_path):
    text = programs.help_of("tfstyle.video", tmp_path)
    assert "--stability" in text
    assert f"<{'|'.join(formats.CODECS)}>" in "".join(text.split())
