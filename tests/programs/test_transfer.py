"""The program, in processes of its own."""

import os
import pathlib
import re
import signal
import sys
import time

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

import helpers
import image_bytes
import programs
from tfstyle import images
from tfstyle.adain import loading
from tfstyle.controls import color, photorealism
from tfstyle.images import provenance

ROOT = pathlib.Path(__file__).parents[2]


def command(*words):
    return [sys.executable, "-m", "tfstyle.transfer", *map(str, words)]


def run(*words):
    return programs.fork(command(*words), ROOT)


def run_quick(*words):
    """Where TensorFlow and Keras cannot be loaded."""
    return programs.fork(command(*words), ROOT, programs.TENSORFLOW)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model, a style, and photographs of several kinds."""
    root = tmp_path_factory.mktemp("files")
    helpers.style_model().save_preset(root / "model.h5")
    images.save(root / "style.png", helpers.image(40, 36, 5))
    photos = root / "photos"
    (photos / "more").mkdir(parents=True)
    images.save(photos / "a.png", helpers.image(40, 52, 0))
    images.save(photos / "more" / "b.jpg", helpers.image(33, 20, 1))
    grey = (helpers.image(24, 30, 2)[..., 0] * 255).astype(np.uint8)
    PIL.Image.fromarray(grey).save(photos / "grey.png")
    alpha = np.linspace(0, 1, 24 * 30, dtype=np.float32).reshape(24, 30)
    images.save(photos / "clear.png", helpers.image(24, 30, 3), alpha)
    return root


def words(files, content, output, *more):
    return (
        f"--model={files / 'model.h5'}",
        f"--content={content}",
        f"--style={files / 'style.png'}",
        f"--output={output}",
        *more,
    )


def test_one_photograph(files, tmp_path):
    output = tmp_path / "out.png"
    arguments = words(files, files / "photos/a.png", output, "--size=32")
    done = programs.call(command(*arguments), ROOT)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"{output}: 32x25 after [\d.]+ s\n", done.stdout)
    assert done.stderr == ""
    assert images.load(output).shape == (25, 32, 3)
    record = provenance.read(output)
    assert record["config"]["size"] == 32
    assert record["config"]["quality"] == 95
    assert record["notes"]["model"] == provenance.digest(files / "model.h5")
    assert set(record["inputs"]) == {"content", "style 1"}


def test_a_folder_is_painted_once_and_what_is_damaged_is_skipped(
    files, tmp_path
):
    broken = files / "photos" / "broken.jpg"
    broken.write_bytes((files / "photos/more/b.jpg").read_bytes()[:300])
    try:
        arguments = words(files, files / "photos", tmp_path / "out")
        done = run(*arguments)
        again = run(*arguments)
        stronger = run(*arguments, "--strength=0.5")
        other = run(*arguments, f"--model={other_model(tmp_path)}")
    finally:
        broken.unlink()
    assert done.returncode == 1
    assert re.search(r"4 painted, 1 failed after", done.stdout)
    assert f"skipped '{broken}': is damaged or incomplete" in done.stderr
    assert "Traceback" not in done.stderr
    painted = sorted(p.name for p in (tmp_path / "out").rglob("*.*"))
    assert painted == ["a.png", "b.jpg", "clear.png", "grey.png"]
    clear = images.read(tmp_path / "out" / "clear.png")
    assert clear.alpha[-1, -1] == 1 and clear.alpha[0, 0] == 0
    assert "0 painted, 4 were there, 1 failed" in again.stdout
    assert "4 painted, 1 failed" in stronger.stdout
    assert "4 painted, 1 failed" in other.stdout


def test_what_a_folder_leaves_out_is_said(files, tmp_path):
    for name in ("a.cr3", "b.cr3", "c.nef"):
        (tmp_path / name).touch()
    done = run_quick(*words(files, tmp_path, tmp_path.with_name("out")))
    *notes, error = done.stderr.splitlines()
    assert notes == [
        "note: files that end in .cr3 cannot be read; convert them to JPEG. "
        "Left out: 2",
        "note: files that end in .nef cannot be read; convert them to JPEG. "
        "Left out: 1",
    ]
    assert "holds no images" in error


def test_many_styles_of_long_names_lose_no_picture(files, tmp_path):
    styles, out = [], tmp_path / "out"
    for i in range(110):
        styles.append(tmp_path / f"{i:03}{80 * chr(0x732B)}")
        os.link(files / "style.png", styles[-1])
    (tmp_path / "photos").mkdir()
    os.link(files / "photos/a.png", tmp_path / "photos/a.jpg")
    more = ["--size=32", "--style_size=32"]
    more += [f"--style={style}" for style in styles]
    note = "left out are sha256 of inputs, name of inputs. Other formats"
    for source, said in (
        ("photos/a.jpg", out.with_suffix(".jpg")),
        ("photos", out),
    ):
        done = run(*words(files, tmp_path / source, said, *more))
        assert done.returncode == 0, done.stderr
        assert f"note: '{said}' has no room for" in done.stderr
        assert done.stderr.count(note) == 1
    record = provenance.read(out / "a.jpg")
    assert record["inputs"]["style 2"] == {}
    again = run(*words(files, tmp_path / "photos", out, *more))
    assert "0 painted, 1 were there" in again.stdout


def other_model(folder):
    """A file of the same name as that of `files`."""
    model = helpers.style_model()
    model.set_weights([0.9 * array for array in model.get_weights()])
    model.save_preset(folder / "model.h5")
    return folder / "model.h5"


class Tint(tf.Module):
    """Called as Magenta's model on TensorFlow Hub is."""

    def __init__(self, value):
        super().__init__()
        self.value = tf.Variable(value)

    @tf.function(
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)] * 2
    )
    def __call__(self, content, style):
        return [self.value * content]


def test_a_folder_of_one_is_a_folder_and_saved_models_are_told_apart(
    files, tmp_path
):
    photos, model = tmp_path / "photos", tmp_path / "model"
    photos.mkdir()
    os.link(files / "photos/a.png", photos / "a.png")
    arguments = words(files, photos, tmp_path / "out", f"--model={model}")
    photo = images.load(photos / "a.png")
    for value, done in ((0.5, "1 painted"), (0.5, "1 were"), (0.25, "1 pain")):
        if "were" not in done:
            tf.saved_model.save(Tint(value), str(model))
        process = run(*arguments)
        assert process.returncode == 0, process.stderr
        assert done in process.stdout
        painted = images.load(tmp_path / "out" / "a.png")
        np.testing.assert_allclose(painted, value * photo, atol=1 / 255)
    process = run(*arguments, f"--style={files / 'style.png'}")
    assert process.returncode == 1
    assert process.stderr.startswith("error: This SavedModel takes one style")


def test_a_folder_keeps_the_colours_of_each_photograph(files, tmp_path):
    arguments = words(files, files / "photos", tmp_path, "--color=luminance")
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    for name in ("a.png", "grey.png"):
        photo = images.load(files / "photos" / name)
        picture = images.load(tmp_path / name)
        expected = color.transfer_chroma(picture, photo)
        assert np.abs(picture - expected).max() < 2 / 255
        assert np.abs(picture - photo).mean() > 2 / 255
        assert provenance.read(tmp_path / name)["config"]["color"] == (
            "luminance"
        )


def test_regions_of_one_photograph_and_of_each_in_a_folder(files, tmp_path):
    half = np.zeros((40, 52, 3), np.float32)
    half[:, :26] = 1
    images.save(tmp_path / "left.png", half)
    output, photo = tmp_path / "out.png", files / "photos/a.png"
    more = [f"--keep_mask={tmp_path / 'left.png'}", "--tile=64"]
    done = run(*words(files, photo, output, *more))
    assert done.returncode == 0, done.stderr
    painted, before = images.load(output), images.load(photo)
    np.testing.assert_array_equal(painted[:, :26], before[:, :26])
    assert np.abs(painted - before)[:, 26:].mean() > 0.02
    assert "keep_mask" in provenance.read(output)["inputs"]

    folder = tmp_path / "cut"
    folder.mkdir()
    alpha = np.ones((24, 30), np.float32)
    alpha[:12] = 0.2
    for i in range(2):
        images.save(folder / f"{i}.png", helpers.image(24, 30, i), alpha)
    more = ["--content_mask=alpha", f"--style={photo}"]
    arguments = words(files, folder, tmp_path / "painted", *more)
    done, again = run(*arguments), run(*arguments)
    assert "2 painted" in done.stdout, done.stderr
    assert "2 were there" in again.stdout, again.stderr


@pytest.mark.parametrize(
    "changes",
    [
        ["--keep_mask=alpha"],
        ["--style_mix=1,2"],
        ["--style_detail=coarse", "--style_detail=fine"],
    ],
)
def test_a_sheet_blends_whole_styles(files, tmp_path, changes):
    arguments = words(files, files / "photos/a.png", tmp_path / "out.png")
    more = [f"--style={files / 'style.png'}", "--grid=1x3"]
    done = run_quick(*arguments, *more, *changes)
    assert done.returncode == 2
    assert "--grid blends whole styles by shares of its own" in done.stderr


def test_a_sheet_is_of_one_photograph(files, tmp_path):
    arguments = words(files, files / "photos", tmp_path / "out", "--grid=1x3")
    done = run_quick(*arguments, f"--style={files / 'style.png'}")
    assert done.returncode == 2
    assert "--grid is for one photograph" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_sheet_is_checked_before_it_is_painted(files, tmp_path):
    arguments = words(files, files / "photos/a.png", tmp_path / "out.webp")
    other = f"--style={files / 'photos/grey.png'}"
    done = run_quick(*arguments, other, "--grid=1x300", "--size=52")
    assert done.returncode == 1
    assert "holds at most 16383" in done.stderr
    photo = tmp_path / "animation.gif"
    image_bytes.animate(photo, (52, 40))
    arguments = words(files, photo, tmp_path / "out.png")
    done = run_quick(*arguments, other, "--grid=9999x999999")
    assert done.returncode == 1
    assert f"note: '{photo}' has 3 frames; the first one" in done.stderr
    assert "(A sheet of 999999x9999 pictures needs about" in done.stderr


def test_a_sheet_is_no_picture_of_a_folder(files, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    pixels = images.load(files / "photos/a.png")
    clear = np.zeros(pixels.shape[:2], np.float32)
    images.save(photos / "a.png", pixels, alpha=clear)
    styles = [f"--style={files / 'photos/grey.png'}", "--size=32"]
    out = tmp_path / "out"
    out.mkdir()
    one = words(files, photos / "a.png", out / "a.png", "--grid=1x2")
    assert run(*one, *styles).returncode == 0
    assert images.read(out / "a.png").alpha is None
    done = run(*words(files, photos, out), *styles)
    assert "1 painted after" in done.stdout
    assert images.load(out / "a.png").shape[1] == 32


def test_a_folder_of_results_is_checked_at_once(files, tmp_path):
    taken = tmp_path / "taken.png"
    taken.write_bytes(b"mine")
    style = f"--style={files / 'style.png'}"
    done = run_quick(*words(files, files / "photos", taken), style)
    assert done.returncode == 1
    assert "taken.png" in done.stderr and "Traceback" not in done.stderr
    assert taken.read_bytes() == b"mine"


def test_a_folder_keeps_what_others_wrote(files, tmp_path):
    photo, picture = files / "photos/a.png", tmp_path / "a.png"
    images.save(picture, helpers.image(9, 9))
    before = picture.read_bytes()
    other = f"--style={files / 'photos/grey.png'}"
    for more in ((), (other, "--grid=1x3")):
        done = run_quick(*words(files, photo, tmp_path, *more))
        assert done.returncode == 1
        assert done.stderr == (
            f"error: '{picture}' is there and was not written by tfstyle. "
            "Give another folder, or move it.\n"
        )
        assert picture.read_bytes() == before
    for output in (picture, tmp_path):  # As it is named, and as it is ours.
        done = run(*words(files, photo, output))
        assert done.returncode == 0, done.stderr
    assert images.load(picture).shape == (40, 52, 3)


def test_a_sheet_of_two_styles_goes_on_in_the_next_row(files, tmp_path):
    arguments = words(files, files / "photos/a.png", tmp_path / "sheet.png")
    other = f"--style={files / 'photos/grey.png'}"
    done = run(*arguments, other, "--grid=2x2", "--size=32")
    assert done.returncode == 0, done.stderr
    sheet = images.load(tmp_path / "sheet.png")
    cells = [
        sheet[8 + 33 * i : 33 + 33 * i, 8 + 40 * j : 40 + 40 * j]
        for i in range(2)
        for j in range(2)
    ]
    ways = [np.abs(cell - cells[0]).mean() for cell in cells]
    assert 0 < ways[1] < ways[2] < ways[3]


@pytest.mark.parametrize(
    ("size", "height", "width"), [(32, 25, 32), (0, 40, 52)]
)
def test_a_sheet_between_two_styles(files, tmp_path, size, height, width):
    output = tmp_path / "sheet.png"
    arguments = words(files, files / "photos/a.png", output, "--grid=1x3")
    other = f"--style={files / 'photos/grey.png'}"
    done = run(*arguments, other, f"--size={size}")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{output}: 1x3 pictures\n"
    sheet = images.load(output)
    assert sheet.shape == (height + 2 * 8, 3 * width + 4 * 8, 3)
    first, middle, last = (
        sheet[8:-8, x : x + width]
        for x in (8 + (width + 8) * i for i in range(3))
    )
    assert np.abs(first - last).mean() > 1 / 255
    # In the middle is what is between.
    assert np.abs(middle - (first + last) / 2).mean() < (
        np.abs(first - last).mean()
    )


def painted_here(files, style_size):
    """What the model paints of the first photograph, in this process."""
    stylizer = loading.load(str(files / "model.h5"))
    style = images.load(files / "style.png", style_size)
    photo = images.load(files / "photos/a.png")
    return stylizer.stylize(photo, stylizer.embed([style])), photo


def test_scale_multiplies_the_size_at_which_the_style_is_seen(files, tmp_path):
    output = tmp_path / "out.png"
    more = "--style_size=24", "--style_scale=2"
    done = run(*words(files, files / "photos/a.png", output, *more))
    assert done.returncode == 0, done.stderr
    expected, _ = painted_here(files, 48)
    np.testing.assert_allclose(images.load(output), expected, atol=3 / 255)
    other, _ = painted_here(files, 24)
    assert np.abs(other - expected).max() > 9 / 255


def test_photorealistic_pictures_are_filtered(files, tmp_path):
    output = tmp_path / "out.png"
    more = "--photorealistic", "--style_size=40"
    done = run(*words(files, files / "photos/a.png", output, *more))
    assert done.returncode == 0, done.stderr
    plain, photo = painted_here(files, 40)
    expected = photorealism.keep_photorealistic(plain, photo)
    np.testing.assert_allclose(images.load(output), expected, atol=2 / 255)
    assert np.abs(expected - plain).max() > 0.05
    assert provenance.read(output)["config"]["photorealistic"] is True


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        (["--strength=2"], 2, "--strength.* must be from 0 to 1"),
        (["--style_mix=1,2"], 2, "a share for each of the 1"),
        (["--color=lab"], 2, "flag --color=lab: .*luminance"),
        (["--tile=100"], 2, "multiple of 8"),
        (["--grid=2x2"], 2, "--grid .*two or four styles. Received: .* with 1"),
        (["--model=nothing"], 1, "no model 'nothing'. Choose from"),
        (["--model=tests"], 1, "'tests' is a folder. .* such as 'tests/1'"),
        (["--encoder_weights=a.h5"], 1, "leave out --encoder_weights"),
        (["--quality=80"], 2, "--quality is no setting of a PNG file"),
        (["--content=missing.png"], 1, "no file or folder 'missing.png'"),
        (["--output=out.gif"], 1, "must end in one of"),
        (["--output=missing/out.png"], 1, "there is no folder"),
        (["--size=17000", "--output=out.webp"], 1, "16383"),
        (["--style_size=100000"], 1, "smaller size .An image of 90000x100000"),
        (["--style_size=9000", "--style_scale=16"], 1, "of 129600x144000"),
        (["--size=200000"], 1, "smaller size .An image of 200000x153846"),
        (["--device=workers"], 2, "--device.* must be auto, cpu|must be auto"),
        (["--style=missing.png"], 1, "'missing.png' does not exist"),
        (["--max_pixels=100"], 1, "pixels"),
        (["stray"], 2, "Unexpected arguments"),
        (["--style_detail=fine"], 2, "No style image is for the coarse"),
        (["--content_map=a.png"], 2, "need each other"),
        (["--style_mask=a.png"] * 2, 2, "2 of --style_mask need"),
        (["--keep_mask=missing.png"], 1, "'missing.png' does not exist"),
        (["--keep_mask=setup.cfg"], 1, "'setup.cfg' is not an image"),
        (["--keep_mask=alpha"], 1, "has no transparency"),
    ],
)
def test_errors_are_one_line_at_once(files, tmp_path, changes, status, message):
    given = words(files, files / "photos/a.png", tmp_path / "out.png")
    done = run_quick(*given, *changes)
    assert done.returncode == status, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and re.search(message, line), line
    assert not list(tmp_path.iterdir())


def test_images_that_are_too_small_are_named(files, tmp_path):
    tiny = tmp_path / "tiny.png"
    images.save(tiny, helpers.image(8, 40))
    photo, output = files / "photos/a.png", tmp_path / "out.png"
    for given in (
        words(files, tiny, output),
        words(files, photo, output, f"--style={tiny}", "--style_size=40"),
    ):
        done = run_quick(*given)
        assert done.returncode == 1
        message = f"error: '{tiny}': The shorter side must have at least 16 "
        assert done.stderr.startswith(message), done.stderr
        assert not output.exists()


def test_inputs_are_never_written_over(files, tmp_path):
    photo, style = tmp_path / "photos" / "a.png", tmp_path / "out" / "a.png"
    for path in (photo, style):
        path.parent.mkdir()
        images.save(path, helpers.image(24, 30))
    before = style.read_bytes()
    folder = photo.parent, style.parent
    for given, role, flag in (
        ((photo, style), "style 2", "--style"),
        (folder, "style 2", "--style"),
        (folder, "content_mask 1", "--content_mask"),
        (folder, "model", "--model"),
        (folder, "encoder_weights", "--encoder_weights"),
    ):
        done = run_quick(*words(files, *given, f"{flag}={style}"))
        assert done.returncode == 1
        assert f"'{style}' is the {role}, too." in done.stderr
    assert style.read_bytes() == before


def test_a_folder_needs_the_files_that_it_names(files, tmp_path):
    arguments = words(files, files / "photos", tmp_path / "out")
    for name in ("missing.png", "setup.cfg"):
        done = run_quick(*arguments, f"--keep_mask={name}")
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: '{name}' ")
        assert done.stderr.count("\n") == 1


def test_ctrl_c_keeps_what_is_painted(files, tmp_path):
    many = tmp_path / "many"
    many.mkdir()
    for i in range(300):
        os.link(files / "photos/a.png", many / f"{i:03}.png")
    process = programs.start(
        command(*words(files, many, tmp_path / "out")), ROOT
    )
    while not list(tmp_path.glob("out/*.png")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=programs.PATIENCE)
    assert process.returncode == 130, errors
    painted = list(tmp_path.glob("out/*.png"))
    assert 0 < len(painted) < 300
    assert f"{len(painted)} painted" in output
    for path in painted:
        assert images.load(path).shape == (40, 52, 3)


def test_help_loads_nothing_that_is_slow(tmp_path):
    assert "--strength" in programs.help_of("tfstyle.transfer", tmp_path)


def test_a_large_picture_may_be_painted_at_once(files, tmp_path):
    found = []
    for start in ("0", "52"):
        output = tmp_path / f"{start}.png"
        more = "--size=104", f"--start_size={start}"
        done = run(*words(files, files / "photos/a.png", output, *more))
        assert done.returncode == 0, done.stderr
        assert provenance.read(output)["config"]["start_size"] == int(start)
        found.append(images.load(output))
    once, twice = found
    assert np.abs(once - twice).mean() > 0.01
