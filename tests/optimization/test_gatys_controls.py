"""Terms and colors that keep what the photograph has."""

import numpy as np
import pytest

from gatys_runs import LARGE, NIGHT, PHOTO, TWO, WAVE, Watch, check
from tfstyle import images
from tfstyle.controls import color, photorealism
from tfstyle.optimization import gatys
from tfstyle.runtime import checkpoint


def test_a_photorealistic_picture_is_shown_as_it_is_returned(settings):
    shown = []
    config = settings(photorealistic=True, steps=10)
    plain = gatys.stylize(PHOTO, WAVE, settings(steps=10))
    watch = Watch(look=lambda picture: shown.append(picture()))
    picture = gatys.stylize(PHOTO, WAVE, config, watch)
    photo = images.resize(PHOTO, *picture.shape[:2])
    expected = photorealism.keep_photorealistic(plain, photo)
    np.testing.assert_allclose(picture, expected, atol=0.02)
    np.testing.assert_allclose(shown[-1], picture, atol=0.05)
    assert np.abs(picture - plain).max() > 0.05


def test_structure_keeps_edges_in_their_place(settings):
    photo = images.resize(PHOTO, 64, 80)
    pictures = [
        gatys.stylize(photo, WAVE, settings(size=80, structure_weight=weight))
        for weight in (0.0, 100.0)
    ]
    assert _alike(pictures[1], photo) > _alike(pictures[0], photo)


def test_evenness_keeps_blocks_of_color_out_of_even_parts(settings):
    photo = np.full((64, 80, 3), 0.5, np.float32)
    photo[:, 40:] = 0.9
    style = np.zeros((64, 80, 3), np.float32)
    style[:20] = 1.0
    steps = [
        np.ptp(picture[:, 4:36].reshape(16, 4, 8, 4, 3).mean((1, 3)))
        for weight in (0.0, 1000.0)
        for picture in [
            gatys.stylize(
                photo, style, settings(size=80, evenness_weight=weight)
            )
        ]
    ]
    assert steps[1] < steps[0] / 2


def test_layout_keeps_light_and_dark_where_the_photograph_has_them(settings):
    photo = np.full((64, 80, 3), 0.6, np.float32)
    photo[:, 40:] = 0.4
    style = np.full((64, 80, 3), 0.9, np.float32)
    style[:32] = 0.1
    # It starts the wrong way round, which statistics do not mind.
    start = np.where(photo > 0.5, np.float32(0.1), np.float32(0.9))
    held, free = (
        gatys.stylize(
            photo,
            style,
            settings(size=80, content_weight=0.0, layout_weight=weight),
            init=start,
        )
        for weight in (100.0, 0.0)
    )
    assert held[:, :40].mean() > held[:, 40:].mean() + 0.4
    assert free[:, :40].mean() < free[:, 40:].mean()


def _alike(picture, photo):
    """Correlation of their edges."""
    sizes = []
    for image in (picture, photo):
        down, across = np.gradient(image.mean(-1))
        sizes.append(np.hypot(down, across).ravel())
    return np.corrcoef(sizes)[0, 1]


def test_the_photographs_colours_are_kept_in_all_that_is_shown(settings):
    config = settings(**TWO, steps=3, color="luminance")
    watch = Watch(look=lambda picture: picture())
    pictures = [gatys.stylize(LARGE, [WAVE, NIGHT], config, watch)]
    ended = gatys.stylize(LARGE, [WAVE, NIGHT], config, Watch(4))
    for picture in (*pictures, *watch.looks, ended):
        photo = images.resize(LARGE, *picture.shape[:2])
        check(picture, photo.shape[:2])
        expected = color.transfer_chroma(picture, photo)
        np.testing.assert_allclose(picture, expected, atol=2e-6)
    assert np.abs(color.luminance(ended) - color.luminance(LARGE)).max() > 0.05


def test_a_picture_that_diverges_has_the_photographs_colours(settings):
    config = settings(style_weight=3e38, color="luminance")
    with pytest.raises(checkpoint.DivergedError) as error:
        gatys.stylize(PHOTO, WAVE, config)
    np.testing.assert_allclose(error.value.picture, PHOTO, atol=1e-6)


@pytest.mark.parametrize("mode", ["statistics", "histogram"])
def test_styles_are_given_the_photographs_colours(settings, mode):
    _, styles = color.prepare(PHOTO, [WAVE, NIGHT], mode)
    expected = gatys.stylize(PHOTO, styles, settings(steps=2))
    config = settings(steps=2, color=mode)
    actual = gatys.stylize(PHOTO, [WAVE, NIGHT], config)
    np.testing.assert_array_equal(actual, expected)
