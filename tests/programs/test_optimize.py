import dataclasses
import hashlib
import html
import json
import shutil
import signal
import struct
import sys
import xml.etree.ElementTree
import zlib

import h5py
import numpy as np
import pytest

import helpers
import programs
from programs import call, fork, said
from tfstyle import images
from tfstyle.images import provenance
from tfstyle.optimization.config import GatysConfig

FLAGS = {
    "content": "photo.png",
    "style": ["wave.png", "night.png"],
    "output": "out.png",
    "feature_weights": "vgg16.h5",
    "content_layers": "block2_conv1",
    "style_layers": "block1_conv1,block2_conv1:0.5",
    "style_mix": "0.7,0.3",
    "tv_weight": "1",
    "size": "64",
    "steps": "200",
    "precision": "float32",  # Alike on all machines.
}
ONE_STYLE = {"style": "wave.png", "style_mix": None}
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


def command(**changes):
    return programs.command("tfstyle.optimize", FLAGS | changes)


def make_inputs(folder):
    alpha = helpers.image(48, 64, 2)[..., 0]
    images.save(folder / "photo.png", helpers.image(48, 64, 1), alpha)
    images.save(folder / "wave.png", helpers.image(40, 40, 3))
    images.save(folder / "night.png", helpers.image(32, 50, 4))
    helpers.vgg_weights(folder / "vgg16.h5", blocks=2)


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


def png(width, height, *chunks):
    """A file that claims a size, with other chunks."""

    def chunk(kind, data):
        crc = zlib.crc32(kind + data)
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = [(b"IHDR", header), *chunks, (b"IDAT", b""), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*item) for item in body)


def make_bad_inputs(folder):
    def record(name, **changes):
        described = provenance.describe(
            GatysConfig(features="vgg16", size=64),
            {"content": folder / "photo.png", "style 1": folder / "wave.png"},
        )
        described |= changes
        pixels = helpers.image(8, 8)
        metadata = provenance.embed(described)
        images.save(folder / name, pixels, metadata=metadata)

    missing = {"name": "gone.jpg", "sha256": "0123abc"}
    other = {"name": "wave.png", "sha256": "0123abc"}
    photo = {"name": "photo.png", "sha256": "0123abc"}
    record("of_missing.png", inputs={"content": missing, "style 1": other})
    record("of_other.png", inputs={"content": photo, "style 1": other})
    record("of_newer.png", config={"size": "large"})
    record("of_dream.png", config={"octaves": 3})

    whole = (folder / "photo.png").read_bytes()
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("This is not an image.")
    (folder / "bomb.png").write_bytes(png(2**15, 2**15))
    (folder / "folder.png").mkdir()
    images.save(folder / "dot.png", np.full((1, 1, 3), 0.5, np.float32))
    wide = np.full((3, 20000, 3), 0.5, np.float32)
    images.save(folder / "wide.png", wide)
    images.save(folder / "black.png", np.zeros((48, 64, 3), np.float32))
    left = np.zeros((48, 64, 3), np.float32)
    left[:, :32] = 1
    images.save(folder / "left.png", left)

    whole = (folder / "vgg16.h5").read_bytes()
    (folder / "truncated.h5").write_bytes(whole[: len(whole) // 2])
    (folder / "text.h5").write_text("These are no weights.")
    helpers.vgg_weights(folder / "vgg19.h5", "vgg19", blocks=3)
    shutil.copy(folder / "vgg16.h5", folder / "nan.h5")
    with h5py.File(folder / "nan.h5", "a") as file:
        file["block1_conv1/block1_conv1_b_1:0"][3] = np.nan
    (folder / "damaged").mkdir()
    (folder / "damaged" / "checkpoint.npz").write_text("no")
    (folder / "out.png").write_text("An older picture.")
    programs.poison(folder)


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """Folder with an older `out.png`, and the hashes of all its files."""
    folder = tmp_path_factory.mktemp("bad")
    make_inputs(folder)
    make_bad_inputs(folder)
    return folder, programs.contents(folder)


def wrong_flag(expected, **flags):
    name, value = next(iter(flags.items()))
    return pytest.param(flags, 2, expected, id=f"{name}={value}")


def wrong_file(expected, name, **flags):
    return pytest.param(flags, 1, expected, id=name)


REPLAY = dict.fromkeys(FLAGS) | {"output": "out.png", "features": "vgg16"}
NO_MIX = {"style_mix": None}
MAPS = {"content_map": "left.png", "style_map": "left.png"}
BAD = [
    # Flags.
    pytest.param(dict.fromkeys(FLAGS), 2, "--output", id="no flags"),
    wrong_flag("--content and --style are needed", content=None),
    wrong_flag("--content and --style are needed", style=None),
    wrong_flag("'sise'", sise="3"),
    wrong_flag("--size must be positive. Received: size=0", size="0"),
    wrong_flag("--size must be positive. Received: size=-5", size="-5"),
    wrong_flag("--size=big", size="big"),
    wrong_flag("--steps must be positive", steps="0"),
    wrong_flag("--style_weight must be a number from 0 up", style_weight="-1"),
    wrong_flag("--content_weight must be a number", content_weight="nan"),
    wrong_flag("--tv_weight must be a number", tv_weight="inf"),
    wrong_flag("--learning_rate must be positive", learning_rate="0"),
    wrong_flag("--tolerance must be", tolerance="-0.1"),
    wrong_flag("--style_layers=", style_layers="block1_conv1:-1"),
    wrong_flag("--content_layers=", content_layers="block1_conv1:nan"),
    wrong_flag("--content_layers=", content_layers=""),
    wrong_flag("for each of the 2 style images", style_mix="1,1,1"),
    wrong_flag("--style_mix=0.5,x", style_mix="0.5,x"),
    wrong_flag("--style_mix must have a value above 0", style_mix="0,0"),
    wrong_flag("--style_scale must have one value", style_scale=["1"] * 3),
    wrong_flag("--style_scale must be above 0", style_scale="0"),
    wrong_flag("L-BFGS", optimizer="lbfgs", precision="bfloat16"),
    wrong_flag("--pooling is for VGG", pooling="l2", features="resnet50"),
    wrong_flag("--bit_depth=12", bit_depth="12"),
    wrong_flag("--quality=0", quality="0"),
    wrong_flag("--quality=101", quality="101"),
    wrong_flag("--features=alexnet", features="alexnet"),
    wrong_flag("--style_loss=moments", style_loss="moments"),
    wrong_flag("--init=gray", init="gray"),
    wrong_flag("--seed must not be negative", seed="-1"),
    wrong_flag("--device must be", device="abacus"),
    wrong_flag("--preview_every=-1", preview_every="-1"),
    wrong_flag("--max_pixels=0", max_pixels="0"),
    wrong_flag("--tile=large: expected a whole number or auto", tile="large"),
    wrong_flag("--tile must be positive", tile="0"),
    wrong_flag("--memory must be a number with its unit", memory="8"),
    wrong_flag("--dpi=0", dpi="0"),
    wrong_flag("--dpi=65536", dpi="65536"),
    # Images.
    wrong_file("'gone.png' does not exist", "missing", content="gone.png"),
    wrong_file("'folder.png' is a folder", "folder", content="folder.png"),
    wrong_file("'empty.png' is empty", "empty", content="empty.png"),
    wrong_file("'truncated.png'", "truncated", content="truncated.png"),
    wrong_file("'text.png' is not an image", "text", content="text.png"),
    wrong_file("'text.png'", "style", style="text.png", style_mix=None),
    wrong_file("'text.png'", "init", init="text.png"),
    wrong_file(
        "'dot.png': The shorter side", "1x1", content="dot.png", size="8"
    ),
    wrong_file("take a size of 106667", "20000x3", content="wide.png"),
    wrong_file("'bomb.png' has more than", "bomb", content="bomb.png"),
    wrong_file("max_pixels=1599", "limit", max_pixels="1599", **ONE_STYLE),
    # Masks and maps.
    wrong_flag("--style_detail must have one", style_detail=["all"] * 3),
    wrong_flag("--style_detail", style_detail="middle"),
    wrong_flag("No style image is for the coarse", style_detail="fine"),
    wrong_flag("--style_mix and --style_detail", content_mask="left.png"),
    wrong_flag(
        "--histogram_weight is for whole",
        histogram_weight="1",
        keep_mask="left.png",
    ),
    wrong_flag("3 of --content_mask need", content_mask=["left.png"] * 3),
    wrong_flag("3 of --style_mask need", style_mask=["left.png"] * 3),
    wrong_flag("need each other", content_map="left.png"),
    wrong_flag("for one --style. Received: 2", **MAPS, **NO_MIX),
    wrong_flag(
        "either --content_map or --style_mask", **MAPS, style_mask="wave.png"
    ),
    wrong_file(
        "--content_mask 1 has 40x40 pixels, its image 64x48",
        "other aspect",
        content_mask="wave.png",
        **NO_MIX,
    ),
    wrong_file("is black", "black", content_mask="black.png", **NO_MIX),
    wrong_file("'folder.png' is a folder", "mask", keep_mask="folder.png"),
    wrong_file("'gone.png' does not exist", "no mask", keep_mask="gone.png"),
    wrong_file(
        "'wave.png' has no transparency",
        "opaque",
        content="wave.png",
        keep_mask="alpha",
    ),
    wrong_file(
        "'text.png' is not",
        "map",
        **(MAPS | ONE_STYLE | {"style_map": "text.png"}),
    ),
    wrong_file("--style_map has 64x48", "map aspect", **MAPS, **ONE_STYLE),
    # What is written.
    wrong_file("no folder", "output nowhere", output="gone/out.png"),
    wrong_file("'folder.png'", "output is a folder", output="folder.png"),
    wrong_file("'/dev/full'", "output is a device", output="/dev/full"),
    wrong_file("'out.gif'", "output format", output="out.gif"),
    wrong_file("'wave.png' is the style 1", "is input", output="wave.png"),
    wrong_file("'o.jpg'", "deep JPEG", output="o.jpg", bit_depth="16"),
    wrong_file("at most 65500", "long JPEG", output="o.jpg", size="70000"),
    wrong_file("'gone/t'", "trace nowhere", trace="gone/t"),
    wrong_file("is the output, too", "trace is output", trace="out.png"),
    wrong_file("'gone/r'", "report nowhere", report="gone/r"),
    wrong_file("'folder.png'", "report is a folder", report="folder.png"),
    wrong_file("is the output, too", "report is output", report="out.png"),
    wrong_file("is the trace, too", "report is trace", trace="t", report="t"),
    wrong_file("is the style 1", "report is input", report="wave.png"),
    wrong_file(
        "is the checkpoint, too",
        "checkpoint is output",
        output="./c.png",
        checkpoint="c.png/",
    ),
    wrong_file("'text.png'", "checkpoint is a file", checkpoint="text.png"),
    wrong_file("not a whole checkpoint", "checkpoint", checkpoint="damaged"),
    # Weights.
    wrong_file("'gone.h5'", "no weights", feature_weights="gone.h5"),
    wrong_file("'folder.png'", "weights folder", feature_weights="folder.png"),
    wrong_file("'text.h5'", "weights text", feature_weights="text.h5"),
    wrong_file(
        "'truncated.h5'", "weights truncated", feature_weights="truncated.h5"
    ),
    wrong_file("not finite in layer", "weights NaN", feature_weights="nan.h5"),
    wrong_file(
        "'vgg19.h5' holds weights of vgg19",
        "other network",
        features="vgg16",
        feature_weights="vgg19.h5",
    ),
    wrong_file("lacks layers", "shallow", content_layers="block3_conv1"),
    wrong_file("['block9']", "unknown layer", style_layers="block9"),
    # Replay.
    wrong_file("'gone.png'", "replay nothing", **REPLAY, replay="gone.png"),
    wrong_file("does not say", "no record", **REPLAY, replay="wave.png"),
    wrong_file(
        "'gone.jpg' with SHA-256 0123abc is missing",
        "missing input",
        **REPLAY,
        replay="of_missing.png",
    ),
    wrong_file(
        "'photo.png' has another content",
        "other input",
        **REPLAY,
        replay="of_other.png",
    ),
    wrong_file("'of_newer.png'", "record", **REPLAY, replay="of_newer.png"),
    wrong_file("`stylize`", "other record", **REPLAY, replay="of_dream.png"),
]


@pytest.mark.parametrize(("changes", "status", "expected"), BAD)
def test_bad_input_is_refused_before_tensorflow(changes, status, expected, bad):
    folder, before = bad
    process = fork(command(**changes), folder, programs.TENSORFLOW)
    programs.check_refused(process, status, expected)
    assert programs.contents(folder) == before


def test_stray_argument_is_refused(bad):
    folder, _ = bad
    process = call([*command(), "night.png"], folder, folder / "poison")
    assert process.returncode == 2
    assert "['night.png']" in process.stderr


def test_published_weights_that_are_not_there_take_three_lines(bad, tmp_path):
    folder, before = bad
    homes = {"TFSTYLE_HOME": str(tmp_path), "KERAS_HOME": str(tmp_path)}
    offline = {"TFSTYLE_OFFLINE": "1", **homes}
    words = command(features="vgg16", feature_weights=None)
    process = call(words, folder, folder / "poison", **offline)
    assert process.returncode == 1
    assert process.stderr.count("\n") == 3
    assert "--feature_weights=PATH" in process.stderr
    assert programs.contents(folder) == before


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


def test_other_backend_of_keras_is_refused(bad):
    folder, before = bad
    process = call(command(), folder, folder / "poison", KERAS_BACKEND="jax")
    assert process.returncode == 1
    assert "KERAS_BACKEND=jax" in said(process)[0]
    assert programs.contents(folder) == before


def test_report_without_matplotlib_is_refused_at_once(bad, tmp_path):
    folder, before = bad
    (tmp_path / "matplotlib.py").write_text("raise ImportError('none here')")
    process = call(
        command(report="report.html"), folder, folder / "poison", tmp_path
    )
    assert process.returncode == 1
    line = "error: A report needs Matplotlib: pip install matplotlib."
    assert process.stderr.splitlines() == [line]
    assert programs.contents(folder) == before


def test_full_disk_at_the_end_leaves_the_older_picture(bad):
    folder, before = bad
    process = call(programs.with_small_files(command(steps="1"), 1), folder)
    assert process.returncode == 1
    assert said(process) == ["error: File too large: 'out.png'"]
    assert programs.contents(folder) == before


def test_full_disk_for_checkpoints_still_gives_the_picture(bad, tmp_path):
    folder, _ = bad
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    words = command(steps="1", checkpoint="state")
    # Less than a checkpoint, more than a picture.
    process = call(programs.with_small_files(words, 48), tmp_path)
    assert process.returncode == 1
    assert "out.png: 64x48 after" in process.stdout
    (line,) = said(process)
    assert line.startswith("error: The checkpoint in 'state' could not be")
    assert images.load(tmp_path / "out.png").shape == (48, 64, 3)


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
