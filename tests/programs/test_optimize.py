import dataclasses
import hashlib
import html
import json
import shutil
import signal
import sys
import xml.etree.ElementTree

import numpy as np
import pytest

import helpers
import programs
from optimize_program import ONE_STYLE, command, make_inputs
from programs import call, fork, said
from tfstyle import images
from tfstyle.images import provenance
from tfstyle.optimization.config import GatysConfig

# The contract with scripts, from the issue that asked for this program.
CONTRACT = """
content style style_mix style_scale output size steps features feature_weights
pooling content_layers style_layers content_weight style_weight tv_weight
structure_weight histogram_weight style_loss optimizer learning_rate tolerance
loss_threshold init seed precision jit_compile device trace preview_every
checkpoint replay max_pixels bit_depth quality draft color style_detail
content_mask style_mask keep_mask content_map style_map strength photorealistic
report
"""


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """Folder of a complete run, and the process."""
    folder = tmp_path_factory.mktemp("painted")
    make_inputs(folder)
    process = fork(
        command(
            trace="trace.jsonl",
            checkpoint="state",
            preview_every=150,
            report="report.html",
        ),
        folder,
    )
    assert process.returncode == 0, process.stderr
    return folder, process


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """Folder of a run that got Ctrl-C, and the process.

    The picture was there before, as a preview.
    """
    folder = tmp_path_factory.mktemp("interrupted")
    make_inputs(folder)
    words = command(
        trace="trace.jsonl",
        checkpoint="state",
        preview_every=10,
        report="report.html",
    )
    process = programs.start(words, folder)
    programs.wait_for_lines(process, folder / "trace.jsonl", 3)
    assert provenance.read(folder / "out.png")["notes"]["complete"] is False
    process.send_signal(signal.SIGINT)
    programs.end(process)
    return folder, process


def test_help_shows_an_example_and_loads_nothing_that_is_slow(tmp_path):
    assert "--style=" in programs.help_of("tfstyle.optimize", tmp_path)


LATER = (
    "coarse_share",
    "chroma_weight",
    "evenness_weight",
    "layout_weight",
    "print_size",
    "tile",
    "memory",
    "dpi",
)


def test_flags_are_the_contract_and_defaults_those_of_the_config(tmp_path):
    words = [sys.executable, "-m", "tfstyle.optimize", "--helpxml"]
    process = call(words, tmp_path)
    defaults = {
        flag.findtext("name"): flag.findtext("default")
        for flag in xml.etree.ElementTree.fromstring(process.stdout)
        if flag.findtext("file", "").endswith("optimize.py")
    }
    assert set(defaults) == {*CONTRACT.split(), *LATER}
    assert int(defaults["max_pixels"]) == images.MAX_PIXELS
    fields = {field.name for field in dataclasses.fields(GatysConfig)}
    assert fields - set(defaults) == {"beta_2", "levels", "start_size"}
    for name in ("size", "steps", "style_weight", "style_loss", "init"):
        assert defaults[name] == str(getattr(GatysConfig(), name))


def test_run_says_the_file_and_the_time_in_one_line(painted):
    _, process = painted
    assert process.stdout.startswith("out.png: 64x48 after ")
    assert process.stdout.count("\n") == 1
    assert said(process) == []
    note = "note: 'vgg16.h5' is not the published weights file."
    assert process.stderr.splitlines()[0] == note


def test_run_puts_the_transparency_back(painted):
    folder, _ = painted
    photo = images.read(folder / "photo.png")
    result = images.read(folder / "out.png")
    np.testing.assert_array_equal(result.alpha, photo.alpha)
    visible = result.alpha > 0
    difference = np.abs(result.pixels - photo.pixels)[visible]
    assert 0.02 < difference.mean() < 0.5


def test_run_leaves_the_picture_and_the_trace_alone(painted):
    folder, _ = painted
    names = {path.name for path in folder.iterdir()}
    inputs = {"photo.png", "wave.png", "night.png", "vgg16.h5"}
    assert names == inputs | {"out.png", "trace.jsonl", "report.html"}


def test_trace_has_every_term_and_the_total_falls(painted):
    folder, _ = painted
    lines = (folder / "trace.jsonl").read_text().splitlines()
    losses = [json.loads(line)["losses"] for line in lines]
    assert set(losses[0]) == {
        "total",
        "content",
        "content/block2_conv1",
        "style",
        "style/block1_conv1",
        "style/block2_conv1",
        "tv",
        "chroma",
        "evenness",
    }
    assert losses[-1]["total"] < 0.5 * losses[0]["total"]
    assert json.loads(lines[-1])["step"] == 200


def test_picture_tells_how_it_was_made(painted):
    folder, _ = painted
    text = images.read_metadata(folder / "out.png")["tfstyle"]
    assert str(folder) not in text
    record = provenance.read(folder / "out.png")
    assert record["config"]["style_mix"] == [0.7, 0.3]
    assert record["config"]["features"] == "vgg16"
    assert record["notes"]["complete"] is True
    assert record["notes"]["published"] is False
    weights = (folder / "vgg16.h5").read_bytes()
    md5 = hashlib.md5(weights, usedforsecurity=False).hexdigest()
    assert record["notes"]["weights"] == f"md5:{md5}"
    names = {role: entry["name"] for role, entry in record["inputs"].items()}
    assert names == {
        "content": "photo.png",
        "style 1": "wave.png",
        "style 2": "night.png",
        "feature_weights": "vgg16.h5",
    }


def test_regions_are_painted_recorded_and_replayed(painted, tmp_path):
    shutil.copytree(painted[0], tmp_path, dirs_exist_ok=True)
    mask = np.zeros((24, 32, 3), np.float32)
    mask[:, :16] = 1
    images.save(tmp_path / "left.png", mask)
    alpha = np.full((48, 64), 0.2, np.float32)
    alpha[:24] = 1
    images.save(tmp_path / "photo.png", helpers.image(48, 64, 1), alpha)
    flags = {"style_mix": None, "content_mask": "left.png", "steps": "2"}
    flags |= {"keep_mask": "alpha", "init": "noise", "output": "parts.png"}
    flags |= {"style_mask": "wave.png"}
    process = fork(command(**flags), tmp_path)
    assert (process.returncode, said(process)) == (0, [])
    photo, result = (
        images.read(tmp_path / name) for name in ("photo.png", "parts.png")
    )
    difference = np.abs(result.pixels - photo.pixels)
    assert not difference[:24].any()
    assert difference[24:].mean() > 0.02
    record = provenance.read(tmp_path / "parts.png")["inputs"]
    assert record["content_mask 1"]["name"] == "left.png"
    assert record["keep_mask"] == record["content"]
    words = [sys.executable, "-m", "tfstyle.optimize", "--replay=parts.png"]
    words += ["--output=again.png"]
    process = fork(words, tmp_path)
    assert (process.returncode, said(process)) == (0, [])
    again = (tmp_path / "again.png").read_bytes()
    assert again == (tmp_path / "parts.png").read_bytes()


def test_report_shows_the_run_and_how_to_make_it_again(painted):
    folder, _ = painted
    text = html.unescape((folder / "report.html").read_text())
    assert "<title>out.png</title>" in text
    for caption in ("result, 64×48", "content", "style 1", "style 2"):
        assert f'alt="{caption}"' in text
    assert (
        hashlib.sha256((folder / "wave.png").read_bytes()).hexdigest() in text
    )
    words = " ".join(command()[1:])
    assert f"python {words}" in text
    assert "resumed from a checkpoint" not in text
    assert str(folder) not in text


def test_every_flag_of_a_picture_says_what_an_address_is(painted, tmp_path):
    shutil.copytree(painted[0], tmp_path, dirs_exist_ok=True)
    address = "https://host/dog.png?size=3"
    flags = ["content", "style", "init", "content_mask", "keep_mask", "replay"]
    for flag in flags:
        words = command(**{**ONE_STYLE, "output": "new.png", flag: address})
        process = fork(words, tmp_path, programs.TENSORFLOW)
        expected = f"'{address}' is an address, not a file. Download it first"
        programs.check_refused(process, 1, expected)


def test_replay_paints_the_same_picture(painted, tmp_path):
    folder, _ = painted
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    # Found beside the picture and in the current folder.
    (tmp_path / "elsewhere").mkdir()
    shutil.move(tmp_path / "wave.png", tmp_path / "elsewhere")
    words = [sys.executable, "-m", "tfstyle.optimize"]
    words += ["--replay=../out.png", "--output=again.png"]
    process = fork(words, tmp_path / "elsewhere")
    assert (process.returncode, said(process)) == (0, [])
    assert "other weights" not in process.stderr
    again = tmp_path / "elsewhere" / "again.png"
    assert again.read_bytes() == (folder / "out.png").read_bytes()


def test_what_is_replayed_is_not_written_over(painted):
    folder, _ = painted
    before = (folder / "out.png").read_bytes()
    words = [sys.executable, "-m", "tfstyle.optimize", "--replay=out.png"]
    process = call([*words, "--output=out.png"], folder)
    assert process.returncode == 1
    assert "The output 'out.png' is the replay, too" in process.stderr
    assert (folder / "out.png").read_bytes() == before


def test_replay_says_that_the_weights_have_changed(painted, tmp_path):
    folder, _ = painted
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    record = provenance.read(tmp_path / "out.png")
    record["notes"]["weights"] = "md5:0"
    picture = images.load(tmp_path / "out.png")
    metadata = provenance.embed(record)
    images.save(tmp_path / "out.png", picture, metadata=metadata)
    words = [sys.executable, "-m", "tfstyle.optimize", "--replay=out.png"]
    process = fork([*words, "--output=again.png", "--steps=1"], tmp_path)
    assert process.returncode == 0
    note = "note: 'out.png' was painted with other weights"
    assert note in process.stderr


def test_without_strength_the_photograph_is_written(painted, tmp_path):
    folder, _ = painted
    changes = {"strength": "0", "output": str(tmp_path / "out.png")}
    process = fork(command(**changes, checkpoint="none yet"), folder)
    assert process.returncode == 0, process.stderr
    photo = images.load(folder / "photo.png", 64)
    picture = images.read(tmp_path / "out.png")
    np.testing.assert_allclose(picture.pixels, photo, atol=0.51 / 255)
    assert picture.alpha is not None
    record = provenance.read(tmp_path / "out.png")
    assert record["config"]["strength"] == 0


def test_flags_change_a_replay(painted):
    folder, _ = painted
    words = [sys.executable, "-m", "tfstyle.optimize", "--replay=out.png"]
    words += ["--steps=1", "--init=noise", "--style=night.png"]
    words += ["--style_mix=1", "--output=changed.jpg", "--device=cpu"]
    process = fork(words, folder)
    assert process.returncode == 0, process.stderr
    assert "note: JPEG holds no transparency" in process.stderr
    record = provenance.read(folder / "changed.jpg")
    (folder / "changed.jpg").unlink()
    assert (record["config"]["steps"], record["config"]["size"]) == (1, 64)
    assert record["config"]["init"] == "noise"
    assert record["inputs"]["style 1"]["name"] == "night.png"
    assert "style 2" not in record["inputs"]


def test_ctrl_c_writes_the_picture_so_far(interrupted):
    folder, process = interrupted
    assert process.returncode == 130
    assert "Stopping; what is done is written" in process.stderr
    assert "out.png: 64x48, interrupted after" in process.stdout
    assert images.read(folder / "out.png").pixels.shape == (48, 64, 3)
    record = provenance.read(folder / "out.png")
    assert record["notes"]["complete"] is False
    lines = (folder / "trace.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["step"] < 200  # It does not go on.
    assert (folder / "state").is_dir()
    report = (folder / "report.html").read_text()
    assert "The run was interrupted." in report
    assert 'alt="result, 64×48"' in report


def test_run_that_goes_on_equals_one_without_interruption(
    interrupted, painted, tmp_path
):
    shutil.copytree(interrupted[0], tmp_path, dirs_exist_ok=True)
    goes_on = command(
        trace="trace.jsonl", checkpoint="state", report="report.html"
    )
    process = fork(goes_on, tmp_path)
    assert (process.returncode, said(process)) == (0, [])
    report = (tmp_path / "report.html").read_text()
    assert "resumed from a checkpoint" in report
    whole = painted[0]
    actual = (tmp_path / "out.png").read_bytes()
    assert actual == (whole / "out.png").read_bytes()
    assert not (tmp_path / "state").exists()
    traces = [
        [json.loads(line)["losses"] for line in file.read_text().splitlines()]
        for file in (tmp_path / "trace.jsonl", whole / "trace.jsonl")
    ]
    assert traces[0] == traces[1]


def test_without_published_weights_the_thin_network_paints(tmp_path):
    make_inputs(tmp_path)
    homes = {"TFSTYLE_HOME": str(tmp_path), "KERAS_HOME": str(tmp_path)}
    process = call(
        command(feature_weights=None, precision=None, steps="2"),
        tmp_path,
        TFSTYLE_OFFLINE="1",
        **homes,
    )
    assert process.returncode == 0, process.stderr
    assert "note: VGG16's weights are not available" in process.stderr
    assert "(vgg_distilled, " in process.stdout
    record = provenance.read(tmp_path / "out.png")
    assert record["config"]["features"] == "vgg_distilled"
    assert record["config"]["precision"] in ("float32", "bfloat16")


@pytest.mark.parametrize("changes", [{"seed": "7"}, {"strength": "0"}])
def test_checkpoint_of_other_settings_is_refused(
    interrupted, tmp_path, changes
):
    shutil.copytree(interrupted[0], tmp_path, dirs_exist_ok=True)
    before = programs.contents(tmp_path)
    process = fork(command(checkpoint="state", **changes), tmp_path)
    assert process.returncode == 1
    (line,) = said(process)
    assert "The checkpoint in 'state' belongs to other" in line
    assert programs.contents(tmp_path) == before


def test_loss_that_diverges_leaves_the_picture_before(tmp_path):
    make_inputs(tmp_path)
    words = command(style_weight="1e38", report="report.html")
    process = fork(words, tmp_path)
    assert process.returncode == 1
    (line,) = said(process)
    assert "not finite at 64x48, step" in line
    assert "'out.png' is the last good picture" in line
    picture = images.read(tmp_path / "out.png").pixels
    assert picture.shape == (48, 64, 3)
    report = (tmp_path / "report.html").read_text()
    assert "not finite at 64x48, step" in report
    assert 'alt="result, 64×48"' in report


TILES = {"tile": "40", "size": "96", "steps": "5", **ONE_STYLE}


def test_tiles_are_said_and_give_nearly_the_same_picture(tmp_path):
    make_inputs(tmp_path)
    tiled = fork(command(**TILES), tmp_path)
    changes = TILES | {"tile": None, "output": "whole.png"}
    whole = fork(command(**changes), tmp_path)
    assert tiled.returncode == whole.returncode == 0, tiled.stderr
    note = "note: 96x72 in 12 tiles of 40x40 pixels, "
    assert any(line.startswith(note) for line in tiled.stderr.splitlines())
    assert "tiles" not in whole.stderr
    pictures = [images.load(tmp_path / n) for n in ("out.png", "whole.png")]
    assert np.abs(pictures[0] - pictures[1]).mean() < 0.01
