"""The program, through a subprocess: what it counts and prints."""

import json
import math
import subprocess
import sys
import time

import psutil
import pytest

import programs
from tfstyle.pretrained import topology


def bench(*arguments):
    command = [sys.executable, "-m", "tfstyle.bench", *arguments]
    done = programs.fork(command, ".")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def operations(size):
    """By hand: of VGG16 down to block5_conv1, forward and backward."""
    total = 0
    for layer, shape in topology.shapes("vgg16").items():
        block = int(layer[len("block")])
        side = (size + 16) // 2 ** (block - 1)  # The image is continued.
        total += 2 * 2 * math.prod(shape) * side**2
        if layer == "block5_conv1":
            return total


def test_speed_counts_the_operations_of_the_convolutions():
    [row] = bench(
        "--sizes=64", "--steps=2", "--precision=float32", "--style_loss=gram"
    )
    assert row["style_loss"] == "gram"
    done = row["gflops"] * row["seconds_per_step"] * 1e9
    assert done == pytest.approx(operations(64), rel=0.02)
    share = row["gflops"] / row["float32_product_gflops"]
    assert row["share"] == pytest.approx(share, abs=0.001)


def test_memory_grows_with_the_size():
    small, large = bench(
        "--what=memory",
        "--features=vgg_distilled",
        "--sizes=64,256",
        "--precision=float32",
    )
    assert 0 < small["peak_mb"] < large["peak_mb"] < 1000


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ("", "needs --content, --style and --feature_weights"),
        ("--only=typo", "--only must be of gram: default,"),
        ("--sizes=256,384", "one size and one network"),
    ],
)
def test_quality_says_what_it_needs(flags, text):
    names = "--content=a --style=b --feature_weights=c " if flags else ""
    words = (names + flags).split()
    command = [sys.executable, "-m", "tfstyle.bench", "--what=quality"]
    done = subprocess.run([*command, *words], capture_output=True, text=True)
    assert done.returncode == 1
    assert text in done.stderr and done.stderr.count("\n") == 1


def test_a_measurement_that_is_killed_ends_the_program():
    flags = "--what=memory --sizes=2048 --precision=float32".split()
    command = [sys.executable, "-m", "tfstyle.bench", *flags]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    (worker,) = _wait_for_workers(process.pid)
    worker.kill()
    _, stderr = process.communicate(timeout=programs.PATIENCE)
    assert process.returncode == 1
    assert stderr.startswith("error: out of memory; try a smaller size")


def _wait_for_workers(pid):
    """Those of `_peaks`; multiprocessing has another process, of its own."""
    end = time.monotonic() + programs.PATIENCE
    while time.monotonic() < end:
        children = psutil.Process(pid).children()
        found = [c for c in children if "spawn_main" in " ".join(c.cmdline())]
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("there is no worker")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--sizes=abc", "flag --sizes=['abc']: expected whole numbers"),
        ("--sizes=256,-1", "flag --sizes=['256', '-1']: expected whole"),
        ("--features=nosuch", "--features must be one of"),
        ("--precision=float8", "--precision must be one of"),
        ("--features=", "flag --features=[]: expected one or more"),
        ("--precision=", "flag --precision=[]: expected one or more"),
        (
            "--what=transfer --feature_weights=/nope.h5",
            "--feature_weights is no setting of --what=transfer.",
        ),
        ("--tile=64", "--tile is no setting of --what=gatys."),
        (
            "--what=transfer --features=resnet50",
            "--features must be one of vgg16, vgg19, vgg_distilled",
        ),
        (
            "--features=resnet50",
            "--features must be one of vgg16, vgg19, vgg_distilled",
        ),
        (
            "--what=memory --device=gpu",
            "--what=memory measures the processor: leave out --device=gpu",
        ),
    ],
)
def test_lists_are_checked_before_tensorflow_is_loaded(flags, message):
    command = [sys.executable, "-m", "tfstyle.bench", *flags.split()]
    done = programs.fork(command, ".", programs.TENSORFLOW)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {message}")


def test_transfer_counts_encoder_and_decoder():
    [row] = bench(
        "--what=transfer",
        "--features=vgg_distilled",
        "--sizes=64",
        "--steps=2",
        "--precision=float32",
    )
    # Widths 16, 32, 64, 160 with heads at the levels, and the decoder's.
    encoder = [
        9 * (3 * 16 + 16 * 16),
        9 * (16 * 32 + 32 * 32) + 32 * 32,
        9 * (32 * 64 + 2 * 64 * 64) + 64 * 64,
        9 * 64 * 160 + 160 * 160,
    ]
    decoder = [
        9 * 16 * 3,
        9 * ((32 + 32) * 32 + 32 * 16),
        9 * ((80 + 64) * 80 + 80 * 80 + 80 * 32),
        9 * (2 * 160 * 160 + 160 * 80),
    ]
    total = 0
    # The encoder sees 48 pixels more, which it cuts off again.
    for sizes, parts in (((112, 304), encoder), ((64,), decoder)):
        for size in sizes:
            for stage, part in enumerate(parts):
                total += 2 * part * ((size + 16) // 2**stage) ** 2
    done = row["gflops"] * row["seconds"] * 1e9
    assert done == pytest.approx(total, rel=0.02)


def test_steps_in_tiles_are_timed_beside_steps_at_once():
    (row,) = bench(
        "--what=tiles",
        "--features=vgg_distilled",
        "--precision=float32",
        "--sizes=400",
        "--tile=320",
        "--steps=1",
    )
    assert row["tiles"] == 4 and row["tile"] == [288, 288]
    assert row["seconds_at_once"] > 0
    ratio = row["seconds_in_tiles"] / row["seconds_at_once"]
    assert row["ratio"] == pytest.approx(ratio, rel=0.01)
