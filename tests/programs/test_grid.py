import contextlib
import dataclasses
import os
import signal
import sys
import termios
import xml.etree.ElementTree

import numpy as np
import pytest

import helpers
import programs
from programs import call, fork
from tfstyle import images
from tfstyle.adain import specialization
from tfstyle.adain.config import TransferConfig
from tfstyle.controls import region_files
from tfstyle.images import provenance
from tfstyle.optimization.config import GatysConfig

FLAGS = {
    "content": "photo.png",
    "style": "wave.png",
    "output": "sheet.png",
    "features": "vgg_distilled",
    "content_layers": "block1_conv1",
    "style_layers": "block1_conv1",
    "size": "40",
    "tv_weight": "0",
    "chroma_weight": "0",
    "evenness_weight": "0",
    "layout_weight": "0",
    "vary": ["steps=1,4", "style_weight=0,5,1e38"],
}
TRANSFER = dict.fromkeys(FLAGS) | {
    "engine": "transfer",
    "content": "photo.png",
    "output": "sheet.png",
    "vary": ["style=wave.png,night.png", "strength=0,1"],
}
TRANSFER |= {"size": "40"}
CONTRACT = """
vary engine content style output encoder_weights device max_pixels quality
"""


def command(flags=FLAGS, **changes):
    return programs.command("tfstyle.grid", flags | changes)


def make_inputs(folder):
    images.save(folder / "photo.png", helpers.image(30, 40, 1))
    images.save(folder / "wave.png", helpers.image(40, 40, 3))
    images.save(folder / "night.png", helpers.image(32, 50, 4))
    (folder / "text.png").write_text("This is not an image.")
    (folder / "folder.png").mkdir()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("inputs")
    make_inputs(made)
    return made


def cells(sheet, rows, columns):
    """The pictures of 30x40 pixels; they end in the lower right corner."""
    height, width = sheet.shape[:2]
    return [
        [
            sheet[y : y + 30, x : x + 40]
            for x in (width - 48 * (columns - i) for i in range(columns))
        ]
        for y in (height - 38 * (rows - j) for j in range(rows))
    ]


@pytest.fixture(scope="module")
def swept(folder):
    """Sheet of two settings, and the process; a column diverges."""
    return folder / "sheet.png", call(command(), folder)


def test_sheet_of_two_settings(swept, folder):
    photo, sheet = images.load(folder / "photo.png"), images.load(swept[0])
    once, more = cells(sheet, 2, 3)
    # The photograph is where it should be; each step moves it.
    np.testing.assert_allclose([once[0], more[0]], [photo, photo], atol=0.01)
    moved = [np.abs(row[1] - photo).mean() for row in (once, more)]
    assert 0.01 < moved[0] < 0.8 * moved[1]
    # What is above and beside the pictures is text on white.
    assert (sheet[:44].min(-1) < 0.5).any() and sheet[0].min() == 1


def test_a_picture_that_diverges_leaves_the_others(swept):
    sheet, process = swept
    assert process.returncode == 1
    said = "sheet.png: 4 of 6 pictures, 2 diverged after "
    assert process.stdout.startswith(said)
    assert process.stdout.count("\n") == 1
    assert "error: 2 of 6 pictures diverged: " in process.stderr
    for row in cells(images.load(sheet), 2, 3):
        assert np.median(row[2]) == pytest.approx(0.9, abs=0.01)


def test_each_picture_is_that_of_its_settings(folder):
    output = folder / "one.png"
    process = fork(command(vary="steps=1,3", output="one.png"), folder)
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("one.png: 2 of 2 pictures after ")
    config = GatysConfig(
        size=40,
        steps=3,
        tv_weight=0.0,
        chroma_weight=0.0,
        evenness_weight=0.0,
        layout_weight=0.0,
        features="vgg_distilled",
        content_layers={"block1_conv1": 1.0},
        style_layers={"block1_conv1": 1.0},
    )
    import tfstyle

    expected = tfstyle.stylize(
        images.load(folder / "photo.png"),
        images.load(folder / "wave.png"),
        config,
    )
    (pictures,) = cells(images.load(output), 1, 2)
    np.testing.assert_allclose(pictures[1], expected, atol=0.01)
    assert np.abs(pictures[0] - expected).max() > 0.02


def test_sheet_tells_how_it_was_made_and_is_no_recipe(swept, folder):
    record = provenance.read(swept[0])
    assert record["config"]["engine"] == "optimize"
    assert record["config"]["varied"] == {
        "steps": ["1", "4"],
        "style_weight": ["0", "5", "1e38"],
    }
    assert record["config"]["given"]["tv_weight"] == 0
    assert not {"steps", "style_weight"} & set(record["config"]["given"])
    names = {entry["name"] for entry in record["inputs"].values()}
    assert names == {"photo.png", "wave.png"}
    words = [sys.executable, "-m", "tfstyle.optimize"]
    words += ["--replay=sheet.png", "--output=again.png"]
    process = fork(words, folder)
    assert process.returncode == 1
    assert "was not made by `stylize`" in process.stderr


def test_transfer_and_styles(folder):
    process = fork(command(TRANSFER, output="transfer.png"), folder)
    assert process.returncode == 0, process.stderr
    photo = images.load(folder / "photo.png")
    pictures = cells(images.load(folder / "transfer.png"), 2, 2)
    # Strength 0 is near the photograph, with any style; 1 differs by style.
    for weak, strong in pictures:
        assert np.abs(weak - photo).mean() < np.abs(strong - photo).mean()
    np.testing.assert_allclose(pictures[0][0], pictures[1][0], atol=0.01)
    assert np.abs(pictures[0][1] - pictures[1][1]).mean() > 0.02
    # The record names the styles in the order of the pictures.
    inputs = provenance.read(folder / "transfer.png")["inputs"]
    names = {role: entry["name"] for role, entry in inputs.items()}
    assert names == {
        "content": "photo.png",
        "style 1": "wave.png",
        "style 2": "night.png",
    }


def test_a_specialized_model_has_the_style_inside(folder, tmp_path):
    style = images.load(folder / "wave.png")
    model = specialization.copy(helpers.style_model(), [style], "float32")
    model.save_preset(tmp_path / "wave.h5")
    flags = TRANSFER | {"model": tmp_path / "wave.h5", "vary": "strength=0,1"}
    process = fork(command(flags, output="inside.png"), folder)
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("inside.png: 2 of 2 pictures after ")
    inputs = provenance.read(folder / "inside.png")["inputs"]
    assert inputs["style"]["name"] == "wave.h5"


def test_ctrl_c_writes_the_pictures_that_are_ready(folder):
    flags = {"vary": "steps=1,10000", "output": "stopped.png"}
    # A terminal, which the bar tells of each step.
    terminal, screen = os.openpty()
    termios.tcsetwinsize(screen, (24, 100))
    process = programs.start(command(**flags), folder, stderr=screen)
    os.close(screen)  # The end of the program is the end of what is read.
    seen = b""
    while b"/10000 " not in seen:
        seen += os.read(terminal, 1000)
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # How Linux says that it ended.
        while os.read(terminal, 1000):
            pass
    stdout, _ = process.communicate(timeout=programs.PATIENCE)
    os.close(terminal)
    assert process.returncode == 130
    assert "stopped.png: 1 of 2 pictures, interrupted after" in stdout
    (pictures,) = cells(images.load(folder / "stopped.png"), 1, 2)
    np.testing.assert_allclose(pictures[1], 0.9, atol=0.01)
    record = provenance.read(folder / "stopped.png")
    assert record["notes"]["complete"] is False


def wrong(expected, *, status=2, id=None, **changes):
    value = changes.get("vary", changes)
    return pytest.param(changes, status, expected, id=id or str(value))


BAD = [
    wrong("--vary", vary=None),
    wrong("--output", output=None),
    wrong("--content and --style are needed", content=None),
    wrong("--content and --style are needed", style=None),
    wrong("has no setting 'stile'", vary="stile=1,2"),
    wrong("Choose from content, style, ", vary="output=a.png"),
    wrong("expected NAME=VALUE,VALUE", vary="style_weight"),
    wrong("expected NAME=VALUE,VALUE", vary="style_weight="),
    wrong("expected NAME=VALUE,VALUE", vary="style_weight=1,,2"),
    wrong("--vary=style_weight=1,x: ", vary="style_weight=1,x"),
    wrong("--vary=levels=1.5: ", vary="levels=1.5"),
    wrong("--vary=draft=perhaps: ", vary="draft=perhaps"),
    wrong("must be a number from 0 up", vary="style_weight=1,-1"),
    wrong("--style_scale must be above 0", vary="style_scale=0"),
    wrong("--pooling must be one of", vary="pooling=max,sum"),
    wrong("cannot be varied twice", vary=["seed=1", "seed=2"]),
    wrong("one or two settings", vary=["steps=1", "seed=2", "style_weight=3"]),
    wrong("--tv_weight is varied", vary="tv_weight=1,2"),
    wrong("--style is varied", vary="style=night.png"),
    wrong("no setting 'steps'", engine="transfer", vary="steps=1"),
    wrong(" is no setting of transfer", engine="transfer", vary="strength=1"),
    wrong(" is no setting of optimize", style_size="1"),
    wrong(
        "--encoder_weights is no setting of optimize", encoder_weights="a.h5"
    ),
    wrong("--engine", engine="dream"),
    wrong("--size must be positive", size="0"),
    wrong("for each of the 1 style images", style_mix="1,2"),
    wrong("--device must be", device="abacus"),
    wrong("--quality=0", quality="0"),
    wrong("--quality is no setting of a PNG file", quality="80"),
    wrong("'sise'", sise="3"),
    # Files.
    wrong("'gone.png' does not exist", status=1, content="gone.png"),
    wrong("'text.png'", status=1, style=None, vary="style=wave.png,text.png"),
    wrong("more than", status=1, max_pixels="100"),
    wrong("no folder", status=1, output="gone/sheet.png"),
    wrong("'folder.png'", status=1, output="folder.png"),
    wrong("'sheet.gif'", status=1, output="sheet.gif"),
    wrong("'wave.png' is the style", status=1, output="wave.png"),
    wrong("A sheet of", status=1, size="300000"),
    wrong("at most 65500", status=1, output="s.jpg", size="30000"),
    wrong(
        "['block9']",
        status=1,
        content_layers=None,
        vary="content_layers=block1_conv1,block9",
    ),
    wrong("'gone.h5'", status=1, feature_weights="gone.h5"),
    # The size of the photograph.
    wrong(
        "at most 16383",
        status=1,
        id="size of 0",
        **TRANSFER
        | {"size": "0", "style": "wave.png", "output": "sheet.webp"}
        | {"vary": "strength=" + ",".join(400 * ["1"])},
    ),
]


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    made = tmp_path_factory.mktemp("bad")
    make_inputs(made)
    return made, programs.contents(made)


@pytest.mark.parametrize(("changes", "status", "expected"), BAD)
def test_bad_input_is_refused_before_tensorflow(changes, status, expected, bad):
    folder, before = bad
    process = fork(command(**changes), folder, programs.TENSORFLOW)
    programs.check_refused(process, status, expected)
    assert programs.contents(folder) == before


def test_help_shows_examples_and_loads_nothing_that_is_slow(tmp_path):
    assert "--vary=" in programs.help_of("tfstyle.grid", tmp_path)


def test_flags_are_its_own_and_all_settings(tmp_path):
    process = call([*command(), "--helpxml"], tmp_path)
    names = {
        flag.findtext("name")
        for flag in xml.etree.ElementTree.fromstring(process.stdout)
        if flag.findtext("file", "").endswith("grid.py")
    }
    settings = {
        field.name
        for kind in (GatysConfig, TransferConfig)
        for field in dataclasses.fields(kind)
    }
    masks = set(region_files.ROLES)
    assert names == set(CONTRACT.split()) | settings | masks
