import json
import math
import os
import pathlib
import re
import subprocess
import sys

import pytest

import helpers
from tfstyle.features import memory
from tfstyle.features.memory import Work
from tfstyle.optimization import gatys
from tfstyle.optimization.config import GatysConfig

ROOT = pathlib.Path(__file__).parents[2]
MIB = 2**20
GB = 10**9

SIZES = {"vgg16": 256, "vgg_distilled": 384}

# Prints what runs take above the idle process, and the estimates.
RUN = """
import json
import os
import sys
import numpy as np
import psutil
from tfstyle.optimization import gatys
from tfstyle.features import memory
from tfstyle.optimization.config import GatysConfig
from tfstyle.runtime import devices
from tfstyle.runtime.memory import peak

def measure(features, path, size):
    devices.start("cpu")
    image = np.random.default_rng(0).random((size, size, 3), np.float32)
    config = GatysConfig(
        size=size,
        start_size=size,
        steps=2,
        features=features,
        feature_weights=path,
        precision="float32",
    )
    idle = psutil.Process().memory_info().rss
    gatys.stylize(image, image, config)
    shape = size, size
    work = memory.Work(features=features)
    print(features, peak() - idle, memory.estimate(shape, [shape], work))

for run in json.loads(sys.argv[1]):
    # In processes of their own: freed memory would be used again.
    if not os.fork():
        measure(*run)
        sys.exit()
    os.wait()
"""


@pytest.fixture(scope="module", params=["0", "1"], ids="onednn{}".format)
def measured(request, random_vgg16):
    """Network -> what a run took, and the estimate."""
    paths = {"vgg16": random_vgg16}
    runs = [(name, paths.get(name), size) for name, size in SIZES.items()]
    output = subprocess.check_output(
        [sys.executable, "-c", RUN, json.dumps(runs)],
        cwd=ROOT,
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": request.param},
        text=True,
    )
    rows = map(str.split, output.splitlines())
    return {name: tuple(map(int, values)) for name, *values in rows}


@pytest.mark.skipif(sys.platform != "linux", reason="needs VmHWM")
@pytest.mark.parametrize("features", SIZES)
def test_a_run_takes_what_was_estimated(features, measured):
    taken, estimated = measured[features]
    assert estimated / 3 < taken < estimated


def test_estimate_is_that_of_the_step():
    # 115 % of 0.2 GB, of 0.42 for kernels, and of 3650 bytes for each of 2
    # million pixels.
    estimate = memory.estimate((1000, 2000), [(1000, 1000)], Work())
    assert estimate == pytest.approx(1.15 * (0.62 + 7.3) * GB)


def test_estimate_counts_targets():
    def estimate(*contents, **changes):
        work = Work(contents=contents, **changes)
        return memory.estimate((1000, 2000), [(100, 100)], work)

    usual = estimate("block4_conv2")
    assert usual == memory.estimate((1000, 2000), [(100, 100)], Work())
    # 64 channels at each pixel, 128 at each fourth, in two copies.
    more = 2 * 4 * (64 + 128 / 4) * 2e6
    finer = "block1_conv1", "block2_conv1", "block4_conv2"
    assert estimate(*finer) - usual == pytest.approx(1.15 * more)
    half = {"precision": "bfloat16"}
    found = estimate(*finer, **half) - estimate("block4_conv2", **half)
    assert found == pytest.approx(1.15 * more / 2)
    assert estimate("conv1", features="resnet50") > 0


def test_estimate_counts_large_style_images():
    # They are seen one after another; the largest takes 1850 bytes a pixel.
    styles = [(1000, 1000), (2000, 2000), (500, 2000)]
    estimate = memory.estimate((500, 500), styles, Work())
    assert estimate == pytest.approx(1.15 * (0.62 + 7.4) * GB)


def test_tiles_count_for_the_network_and_the_whole_for_the_optimizer():
    tile = memory.estimate((512, 512), [(0, 0)], Work())
    given = [(100, 100)], ["block4_conv2"], 512, Work()
    found = memory.estimate_tiled((2000, 3000), *given)
    whole = found - tile
    twice = memory.estimate_tiled((4000, 3000), *given)
    assert twice - tile == pytest.approx(2 * whole, rel=0.01)
    assert 100 < whole / 6e6 < 300
    finer = memory.arrays((2000, 3000), [(100, 100)], ["block1_conv2"], Work())
    assert finer > 2 * whole  # 64 channels at each pixel.
    filed = memory.estimate_tiled((2000, 3000), *given, filed=True) - tile
    assert filed < 0.3 * whole


@pytest.mark.parametrize(
    "work, more", [({"histogram": True}, 65), ({"masks": 3}, 45)]
)
def test_what_tiles_do_not_bound_counts_by_the_pixels(work, more):
    given = [(100, 100)], ["block4_conv2"]

    def arrays(shape, work):
        return memory.arrays(shape, *given, work, filed=True)

    for shape in [(1000, 1000), (2000, 3000)]:
        found = arrays(shape, Work(**work)) - arrays(shape, Work())
        assert found == pytest.approx(1.15 * more * math.prod(shape))


def test_bfloat16_takes_less_and_the_others_more():
    shape = (1000, 1000)

    def estimate(**work):
        return memory.estimate(shape, [shape], Work(**work))

    usual = estimate()
    assert estimate(precision="bfloat16") < usual
    assert estimate(optimizer="lbfgs") > usual
    assert estimate(jit_compile=True) > 2 * usual
    assert estimate(regions=3) > 1.7 * usual
    assert estimate(features="vgg_distilled") < 0.6 * usual


def leave(left, monkeypatch):
    monkeypatch.setattr(memory, "left", lambda *limit: left)


def test_what_fits_exactly_is_not_refused(monkeypatch):
    leave(memory.estimate((300, 400), [(400, 400)], Work()), monkeypatch)
    memory.check((300, 400), [(400, 400)], Work())


def test_refusal_names_the_largest_size_that_fits(monkeypatch):
    leave(4 * GB, monkeypatch)
    with pytest.raises(
        MemoryError, match=r"6000x4500 pixels needs about 114.0 GB.*: 4.0 GB\."
    ) as caught:
        memory.check((4500, 6000), [(4500, 6000)], Work())
    size = int(
        re.search(r"largest size that fits is (\d+)\.", str(caught.value))[1]
    )
    smaller = size * 3 // 4, size
    memory.check(smaller, [smaller], Work())
    larger = (round(0.76 * size), round(1.01 * size))
    with pytest.raises(MemoryError):
        memory.check(larger, [larger], Work())


@pytest.mark.parametrize("left", [0, 700_000_000])
def test_refusal_says_when_no_size_fits(left, monkeypatch):
    leave(left, monkeypatch)
    with pytest.raises(MemoryError, match=r"[kM]B\. No size fits\.$"):
        memory.check((300, 400), [(300, 400)], Work())


def test_tiles_count_for_the_network_and_the_picture_for_the_rest(monkeypatch):
    whole = (10_000, 20_000)
    tile = memory.estimate((768, 768), [(0, 0)], Work())
    needed = tile + 1.15 * 180 * 2e8
    leave(needed + 1, monkeypatch)
    memory.check_tile((768, 768), whole, Work())
    leave(needed - 1, monkeypatch)
    with pytest.raises(
        MemoryError, match=r"20000x10000 pixels, seen 768x768.* 44.6 GB"
    ):
        memory.check_tile((768, 768), whole, Work())
    memory.check_tile((768, 768), whole, Work(features="vgg_distilled"))


def test_stylize_refuses_before_it_looks_for_weights():
    config = GatysConfig(size=1_000_000, features="vgg16")
    with pytest.raises(MemoryError, match="1000000x800000 pixels"):
        gatys.stylize(helpers.image(32, 40), helpers.image(20, 20), config)


def test_a_pass_is_of_all_that_is_seen_at_once(monkeypatch):
    # 115 % of 320 and 78 bytes for each of a million pixels.
    leave(458_000_000, monkeypatch)
    memory.check_pass("vgg_distilled", (500, 2000))
    with pytest.raises(MemoryError, match="sees 2000x501 pixels"):
        memory.check_pass("vgg_distilled", (501, 2000))
    with pytest.raises(MemoryError, match="about 1.4 GB"):
        memory.check_pass("vgg19", (1000, 1000))
    # Of 5 million pixels 78 bytes each, if 5,000 are seen at once.
    memory.check_pass("vgg_distilled", (50, 100_000), tile=100)


def test_a_training_is_of_a_batch(monkeypatch):
    # 0.2 GB, and 11,000 bytes for each of 80,000 pixels.
    leave(1_080_000_000, monkeypatch)
    memory.check_training("vgg19", 100, 8)
    memory.check_training("vgg_distilled", 100, 14)
    with pytest.raises(MemoryError, match="`batch_size`=9 and `crop`=100"):
        memory.check_training("vgg19", 100, 9)
