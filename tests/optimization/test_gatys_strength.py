"""Runs of less than full strength."""

import numpy as np
import pytest

from gatys_runs import LARGE, PHOTO, PHOTO_64, TWO, WAVE, Watch
from tfstyle import features, images
from tfstyle.optimization import gatys, strength


def test_without_strength_it_is_the_photograph(settings):
    watch = Watch()
    picture = gatys.stylize(LARGE, WAVE, settings(size=48, strength=0.0), watch)
    np.testing.assert_array_equal(picture, images.resize(LARGE, 34, 48))
    assert not watch.seen


def test_without_strength_the_photograph_is_copied(settings):
    photo = PHOTO.copy()
    picture = gatys.stylize(photo, WAVE, settings(strength=0.0))
    picture[:] = 0
    np.testing.assert_array_equal(photo, PHOTO)


def test_the_distance_is_that_of_one_pass_at_each_strength(settings):
    layers = {"block3_conv1": 1}
    network = features.extractor("vgg_distilled", layers)
    distances = []
    for weak in (0.5, 0.75):
        config = settings(
            size=64,
            start_size=32,
            steps=60,
            features="vgg_distilled",
            feature_weights=None,
            content_layers=layers,
            style_layers={"block1_conv2": 1, "block2_conv1": 1},
            style_weight=100.0,  # Less does not take it that far.
            strength=weak,
        )
        picture = gatys.stylize(PHOTO, WAVE, config)
        example = strength.in_one_pass(PHOTO, [WAVE], config, 512, weak)
        wanted, reached = (
            strength.content_distance(network, x, PHOTO_64, layers)
            for x in (example, picture)
        )
        # Few and small sizes: the first share was off by a factor of 3.
        assert reached == pytest.approx(wanted, rel=0.2)
        distances.append(reached)
    assert distances == sorted(distances)


def test_a_weak_run_paints_each_size_in_parts(settings):
    watch = Watch()
    config = settings(**TWO, steps=7, strength=0.5)
    gatys.stylize(LARGE, WAVE, config, watch)
    assert [(p.size, p.step) for p in watch.seen] == [
        (size, step) for size in (48, 48, 48, 68, 68, 68) for step in (1, 2, 3)
    ]
    assert watch.seen[-1].done == watch.seen[-1].total


@pytest.fixture(scope="module")
def weak(settings):
    """Arguments of a run of two sizes in parts, and its picture."""
    config = settings(**TWO, steps=7, strength=0.5)
    arguments = LARGE, WAVE, config
    return arguments, gatys.stylize(*arguments)


@pytest.mark.parametrize("end", [4, 10])
def test_a_weak_run_goes_on_where_it_was_ended(weak, tmp_path, end):
    arguments, expected = weak
    gatys.stylize(*arguments, Watch(end), checkpoint_dir=tmp_path)
    actual = gatys.stylize(*arguments, checkpoint_dir=tmp_path)
    assert actual.tobytes() == expected.tobytes()


@pytest.mark.parametrize("end", [4, 8, 12])
def test_a_weak_run_goes_on_from_between_two_parts(weak, tmp_path, end):
    """Where it is asked again, before the next part is compiled."""
    arguments, expected = weak
    calls = []

    def on_step(progress, picture):
        calls.append(progress)
        return len(calls) == end

    gatys.stylize(*arguments, on_step, checkpoint_dir=tmp_path)
    assert calls[-1].step == calls[-2].step  # It was one of these.
    actual = gatys.stylize(*arguments, checkpoint_dir=tmp_path)
    assert actual.tobytes() == expected.tobytes()
