"""The program, in processes of its own."""

import json
import pathlib
import signal
import sys
import time

import numpy as np
import pytest

import helpers
import programs
from tfstyle import images
from tfstyle.adain import sources

ROOT = pathlib.Path(__file__).parents[2]


def command(*words):
    return [sys.executable, "-m", "tfstyle.specialize", *map(str, words)]


def run(*words):
    return programs.fork(command(*words), ROOT)


def run_quick(*words):
    """Where TensorFlow and Keras cannot be loaded."""
    return programs.fork(command(*words), ROOT, programs.TENSORFLOW)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model, a style, and photographs."""
    root = tmp_path_factory.mktemp("files")
    helpers.style_model().save_preset(root / "model.h5")
    images.save(root / "style.png", helpers.image(40, 36, 9))
    (root / "photos").mkdir()
    for i in range(4):
        images.save(root / "photos" / f"{i}.png", helpers.image(40, 52, i))
    return root


def words(files, output, *more):
    return (
        f"--model={files / 'model.h5'}",
        f"--content_dir={files / 'photos'}",
        f"--style={files / 'style.png'}",
        f"--output={output}",
        "--held_out=1",
        "--loss_features=vgg_distilled",
        "--style_size=64",
        "--crop=32",
        "--batch_size=2",
        "--epoch=2",
        "--thin_steps=2",
        *more,
    )


def painted(model, files, tmp_path, *more):
    """A photograph in the style that is inside a model."""
    output = tmp_path / "painted.png"
    done = programs.fork(
        [
            *(sys.executable, "-m", "tfstyle.transfer"),
            f"--model={model}",
            f"--content={files / 'photos' / '0.png'}",
            f"--output={output}",
            *more,
        ],
        ROOT,
    )
    assert done.returncode == 0, done.stderr
    return images.load(output)


def test_the_new_model_needs_no_style(files, tmp_path):
    (files / "photos" / "broken.png").write_bytes(b"no image")
    model = tmp_path / "wave.keras"
    done = run(*words(files, model, "--steps=4"))
    (files / "photos" / "broken.png").unlink()
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{model}\n"
    assert "4 photographs to learn from, 1 held out" in done.stderr
    work = tmp_path / "wave_training"
    assert images.load(work / "preview.png").shape[2] == 3
    lines = (work / "log.jsonl").read_text().splitlines()
    # Of both parts; the thin network compares in the second one, too.
    assert json.loads(lines[-1])["done"] == 2 + 4
    picture = painted(model, files, tmp_path)
    photo = images.load(files / "photos" / "0.png")
    assert picture.shape == photo.shape
    assert np.abs(picture - photo).mean() > 0.01
    plain = painted(model, files, tmp_path, "--strength=0")
    np.testing.assert_allclose(plain, photo, atol=1 / 255)
    given = f"--style={files / 'style.png'}"
    other = painted(model, files, tmp_path, given)
    assert np.abs(other - picture).mean() < 0.05
    colors = painted(model, files, tmp_path, "--color=luminance")
    assert np.abs(colors - picture).mean() > 0.005


def test_ctrl_c_writes_the_model_as_it_is(files, tmp_path):
    model, log = tmp_path / "wave.h5", tmp_path / "wave_training/log.jsonl"
    # Without photographs, from scenes.
    flags = [
        word
        for word in words(files, model, "--steps=400")
        if not word.startswith(("--content_dir", "--held_out"))
    ]
    process = programs.start(command(*flags), ROOT)
    limit = time.monotonic() + programs.PATIENCE
    while not (log.exists() and log.read_text().count("\n") > 2):
        assert process.poll() is None and time.monotonic() < limit
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=programs.PATIENCE)
    assert process.returncode == 130, said
    assert len(sources.find(str(model)).styles()) == 1
    ended = json.loads(log.read_text().splitlines()[-1])["done"]
    assert 0 < ended < 2 + 400


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        (["--output=wave.png"], 1, "--output must end in .keras or .h5"),
        (["--output=missing/wave.keras"], 1, "missing"),
        (["--style=missing.png"], 1, "missing.png"),
        (["--style=setup.cfg"], 1, "setup.cfg"),
        (["--content_dir=missing"], 1, "missing"),
        (["--content_dir=docs/guides"], 1, "docs/guides"),
        (["--held_out=9"], 1, "one more picture than --held_out"),
        (["--model=missing.h5"], 1, "There is no model 'missing.h5'"),
        (["--model=https://tfhub.dev/x/1"], 1, "cannot be trained"),
        (["--model=vgg19", "--encoder_weights=no.h5"], 1, "no.h5"),
        (["--encoder_weights=no.h5"], 1, "leave out --encoder_weights"),
        (["--loss_weights_file=no.h5"], 1, "no.h5"),
        # What may be downloaded is looked for last.
        (["--content_dir=missing", "--loss_features=vgg19"], 1, "no folder"),
        (["--content_dir=missing", "--model=vgg19"], 1, "no folder"),
        (["--crop=16"], 2, "--crop must be 32 or more"),
        (["--style_weight=-1"], 2, "--style_weight"),
        (["--smallest=2"], 2, "--smallest must be above 0"),
        (["--steps=0"], 2, "--steps must be positive"),
        (["--thin_steps=-1"], 2, "--thin_steps must not be negative"),
        (["--style="], 2, "--style is empty"),
    ],
)
def test_wrong_input_is_one_line(files, tmp_path, changes, status, message):
    given = [
        word
        for word in words(files, tmp_path / "wave.keras", "--steps=2")
        if word.split("=")[0] not in {c.split("=")[0] for c in changes}
    ]
    done = run_quick(*given, *changes)
    assert done.returncode == status
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_previews_may_not_be_among_the_photographs(
    files, tmp_path
):
    workdir = files / "photos" / "run"
    given = words(files, tmp_path / "wave.keras", f"--workdir={workdir}")
    done = run_quick(*given)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is inside" in done.stderr and done.stderr.count("\n") == 1
    assert not workdir.exists()


def test_a_log_that_cannot_be_written_is_no_success(files, tmp_path):
    log = tmp_path / "wave_training" / "log.jsonl"
    log.mkdir(parents=True)
    model = tmp_path / "wave.h5"
    done = run(*words(files, model, "--steps=1", "--thin_steps=0"))
    assert (done.returncode, done.stdout) == (1, f"{model}\n"), done.stderr
    assert done.stderr.endswith(f"error: Is a directory: '{log}'\n")
    assert model.exists()


def test_a_style_that_is_too_narrow_is_refused(files, tmp_path):
    images.save(tmp_path / "narrow.png", helpers.image(4, 300))
    flags = words(files, tmp_path / "wave.keras", "--steps=2")
    done = run_quick(*flags, f"--style={tmp_path / 'narrow.png'}")
    expected = "narrow.png': The shorter side must have at least 16 pixels"
    programs.check_refused(done, 1, expected)
    assert not (tmp_path / "wave.keras").exists()


@pytest.mark.parametrize(
    ("given", "role"),
    [
        ([], "model"),
        (["--loss_weights_file={}"], "loss_weights_file"),
        (["--model=vgg19", "--encoder_weights={}"], "encoder_weights"),
    ],
)
def test_files_that_are_read_are_kept(files, tmp_path, given, role):
    if given:
        output = tmp_path / "weights.h5"
        output.write_bytes(b"weights")
    else:
        output = files / "model.h5"
    before = output.read_bytes()
    done = run_quick(*words(files, output), *(w.format(output) for w in given))
    programs.check_refused(done, 1, f"is the {role}, too")
    assert output.read_bytes() == before


def test_a_full_disk_is_one_line(files, tmp_path):
    flags = words(files, tmp_path / "wave.keras", "--steps=1", "--thin_steps=0")
    done = programs.call(programs.with_small_files(command(*flags), 300), ROOT)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert not (tmp_path / "wave.keras").exists()


def test_scenes_are_not_held_out_by_a_flag(files, tmp_path):
    flags = [f"--style={files / 'style.png'}", "--held_out=2"]
    done = run_quick(*flags, f"--output={tmp_path / 'wave.h5'}")
    expected = "--held_out is no setting of a fit without --content_dir."
    programs.check_refused(done, 2, expected)
