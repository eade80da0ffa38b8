"""What `tfstyle.optimize` refuses, and that it leaves all files as they are."""

import shutil
import struct

import h5py
import numpy as np
import pytest

import helpers
import png_files
import programs
from optimize_program import FLAGS, ONE_STYLE, command, make_inputs
from programs import call, fork, said
from tfstyle import images
from tfstyle.images import provenance
from tfstyle.optimization.config import GatysConfig


def bomb(side):
    """A PNG file that claims a square of this side, and holds no pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", b""), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        png_files.chunk(*content) for content in chunks
    )


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
    (folder / "bomb.png").write_bytes(bomb(2**15))
    (folder / "folder.png").mkdir()
    (folder / "folder.html").mkdir()
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
    wrong_flag("--quality is no setting of a PNG file", quality="95"),
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
    # Pictures are never written over by text.
    wrong_flag("--report=wave.png: must end in .html", report="wave.png"),
    wrong_flag("--trace=out.png: must not be named as", trace="out.png"),
    wrong_flag("--trace=clip.MP4: must not be named as", trace="clip.MP4"),
    wrong_flag("--trace=a.webp: must not be named as", trace="a.webp"),
    wrong_flag("--dpi=65536", dpi="65536"),
    # Images.
    wrong_file("'gone.png' does not exist", "missing", content="gone.png"),
    wrong_file(
        "'folder.png' is a folder. Expected: an image. tfstyle.transfer and "
        "tfstyle.fleet paint folders.",
        "folder",
        content="folder.png",
    ),
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
    wrong_file("'gone/r.html'", "report nowhere", report="gone/r.html"),
    wrong_file("'folder.html'", "report is a folder", report="folder.html"),
    wrong_file(
        "is the trace, too", "report is trace", trace="t.html", report="t.html"
    ),
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
