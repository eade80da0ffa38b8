"""The sizes that a picture is painted at, from coarse to fine."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

import helpers
from gatys_runs import (
    ADAM_AND_LBFGS,
    LARGE,
    PHOTO,
    TWO,
    TWO_SIZES,
    WAVE,
    Watch,
    check,
)
from tfstyle.optimization import descent, gatys


@ADAM_AND_LBFGS
def test_the_step_is_traced_once_for_all_sizes(
    settings, optimizer, monkeypatch, tmp_path
):
    traced, trace = [], descent._trace

    def count(*args):
        traced.append(args)
        return trace(*args)

    monkeypatch.setattr(descent, "_trace", count)
    descent._traced.cache_clear()
    config = settings(**TWO, steps=3, optimizer=optimizer)
    for end in (2, None):  # Interrupted, and continued.
        gatys.stylize(LARGE, WAVE, config, Watch(end), checkpoint_dir=tmp_path)
    assert len(traced) == 1


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_run_can_be_ended_before_a_size_begins(settings, tmp_path, optimizer):
    config = settings(**TWO, steps=4, optimizer=optimizer)
    seen, pictures = [], []

    def end_between(progress, picture):
        seen.append(progress)
        pictures.append(picture())
        return len(seen) == 5

    ended = gatys.stylize(
        LARGE, WAVE, config, end_between, checkpoint_dir=tmp_path
    )
    assert [(p.size, p.step) for p in seen] == [
        (48, step) for step in (1, 2, 3, 4, 4)
    ]
    again = dataclasses.replace(seen[3], losses={}, memory=0)
    assert seen[4] == again
    assert pictures[4].tobytes() == pictures[3].tobytes()
    check(ended, TWO_SIZES[0])

    watch = Watch()
    whole = gatys.stylize(LARGE, WAVE, config, watch, checkpoint_dir=tmp_path)
    assert [(p.size, p.step) for p in watch.seen] == [
        (68, step) for step in (1, 2, 3, 4)
    ]
    assert whole.tobytes() == gatys.stylize(LARGE, WAVE, config).tobytes()


@pytest.mark.parametrize(
    "steps,share,expected",
    # The coarser size has half as many pixels.
    [(20, 0.1, 4), (16, 0.4, 13), (16, 0.6, 16), (3, 0.1, 1), (2, 0, 1)],
)
def test_coarse_sizes_take_a_share_of_the_work(
    settings, steps, share, expected
):
    watch = Watch()
    config = settings(**TWO, steps=steps, coarse_share=share)
    gatys.stylize(LARGE, WAVE, config, watch)
    counts = {p.width: p.steps for p in watch.seen}
    assert counts == {48: expected, 68: steps}
    assert len(watch.seen) == expected + steps
    assert watch.seen[-1].done == watch.seen[-1].total


def test_the_first_size_is_at_least_the_start_size(settings):
    content, watch = helpers.image(70, 70), Watch()
    config = settings(size=70, start_size=40, steps=1)
    gatys.stylize(content, WAVE, config, watch)
    assert [p.size for p in watch.seen] == [49, 70]


def test_a_threshold_ends_a_size(settings):
    watch = Watch()
    config = settings(**TWO, steps=15, loss_threshold=1e6)
    picture = gatys.stylize(LARGE, WAVE, config, watch)
    assert [p.step for p in watch.seen] == [1, 1]
    check(picture, (48, 68))


@pytest.mark.parametrize(("tolerance", "last"), [(0.9999, 20), (1e-9, 25)])
def test_a_tolerance_ends_a_size(settings, tolerance, last):
    watch = Watch()
    config = settings(steps=25, tolerance=tolerance)
    gatys.stylize(PHOTO, WAVE, config, watch)
    assert watch.seen[-1].step == last


def test_a_loss_that_rises_ends_no_size_unless_asked(settings):
    # From the content, whose weight is all: every step leads away from it.
    config = settings(steps=25, learning_rate=0.3, style_weight=1e-4)
    watch = Watch()
    gatys.stylize(PHOTO, WAVE, config, watch)
    assert watch.totals[2] > 10 * watch.totals[0]
    assert watch.seen[-1].step == 25


def test_a_loss_of_0_ends_no_size_unless_asked(settings):
    watch = Watch()
    config = settings(steps=3, style_weight=0)
    picture = gatys.stylize(PHOTO, WAVE, config, watch)
    assert watch.totals[0] == 0
    assert [p.step for p in watch.seen] == [1, 2, 3]
    np.testing.assert_allclose(picture, PHOTO, atol=1e-6)


def test_lbfgs_ends_a_size_when_it_has_converged(settings):
    watch = Watch()
    config = settings(steps=30, style_weight=0, optimizer="lbfgs")
    gatys.stylize(PHOTO, WAVE, config, watch)
    assert watch.seen[-1].step == 1


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        pytest.param((32, 41), 40, (31, 40), id="one pixel larger"),
        pytest.param((20, 25), 50, (40, 50), id="enlarged"),
        pytest.param((80, 64), 40, (40, 32), id="upright and reduced"),
        pytest.param((16, 160), 160, (16, 160), id="panorama"),
        pytest.param((400, 40), 200, (200, 20), id="upright panorama"),
        pytest.param((1, 1), 16, (16, 16), id="one pixel"),
    ],
)
def test_the_longer_side_is_the_size(settings, shape, size, expected):
    content = helpers.image(*shape)
    strip = helpers.image(9, 70, seed=1)
    config = settings(size=size, steps=1)
    check(gatys.stylize(content, strip, config), expected)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_sizes_that_do_not_fit_are_refused(settings, strength):
    config = settings(size=200_000, strength=strength)
    with pytest.raises(MemoryError, match="200000x160000 pixels"):
        gatys.stylize(PHOTO, WAVE, config)


def test_a_photograph_too_narrow_is_refused(settings):
    with pytest.raises(ValueError, match="a 40x3 image"):
        gatys.stylize(PHOTO[:3], WAVE, settings())


def test_many_sizes_bring_no_warnings_to_a_notebook(small_vgg16):
    code = f"""
import tfstyle, numpy as np
for side in range(32, 40):
    image = np.zeros((side, 32, 3), np.float32)
    config = tfstyle.GatysConfig(
        size=side,
        steps=1,
        features="vgg16",
        feature_weights={small_vgg16!r},
        content_layers={{"block1_conv2": 1}},
        style_layers={{"block1_conv1": 1}},
    )
    tfstyle.stylize(image, image, config)
"""
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    assert "retracing" not in process.stderr
