"""What a run begins with."""

import numpy as np
import pytest

from gatys_runs import NIGHT, PHOTO, WAVE, check
from tfstyle import images
from tfstyle.optimization import gatys


def begin(config, styles=WAVE, **changes):
    """What a run begins with: the step is next to nothing."""
    picture = gatys.stylize(PHOTO, styles, config, **changes)
    check(picture, (32, 40))
    return picture


@pytest.fixture
def no_steps(settings):
    def make(**changes):
        return settings(steps=1, learning_rate=1e-9, **changes)

    return make


def test_a_run_begins_with_the_photograph(no_steps):
    np.testing.assert_allclose(begin(no_steps()), PHOTO, atol=1e-6)


def test_a_run_may_begin_with_grey(no_steps):
    grey = begin(no_steps(init="grey"))
    np.testing.assert_allclose(grey, 0.5, atol=1e-6)


def test_a_run_may_begin_with_noise_that_a_seed_repeats(no_steps):
    noise = begin(no_steps(init="noise"))
    assert noise.mean() == pytest.approx(0.5, abs=0.02)
    assert noise.std() == pytest.approx(12**-0.5, abs=0.02)
    again = begin(no_steps(init="noise", seed=0))
    np.testing.assert_array_equal(again, noise)
    other = begin(no_steps(init="noise", seed=1))
    assert np.abs(other - noise).mean() > 0.3


def test_a_run_may_begin_with_the_colours_of_the_style(no_steps):
    colours = begin(no_steps(init="style")).reshape(-1, 3)
    expected = WAVE.reshape(-1, 3)
    np.testing.assert_allclose(colours.mean(0), expected.mean(0), atol=0.05)
    # Clipping to [0, 1] takes some of the spread.
    np.testing.assert_allclose(
        np.corrcoef(colours.T), np.corrcoef(expected.T), atol=0.2
    )


def test_a_run_may_begin_with_the_colour_of_a_flat_style(no_steps):
    flat = np.full_like(WAVE, 0.25)
    picture = begin(no_steps(init="style"), flat)
    np.testing.assert_allclose(picture, 0.25, atol=1e-3)


def test_a_run_may_begin_with_an_array_of_any_size(no_steps):
    picture = begin(no_steps(init="noise"), init=NIGHT)
    expected = images.resize(NIGHT, 32, 40)
    np.testing.assert_allclose(picture, expected, atol=1e-6)


@pytest.mark.parametrize("init", [PHOTO[..., :2], PHOTO * np.nan, PHOTO + 1])
def test_wrong_starts_are_refused(settings, init):
    with pytest.raises(ValueError, match="^Images must"):
        gatys.stylize(PHOTO, WAVE, settings(), init=init)
