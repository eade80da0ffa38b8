import numpy as np
import pytest

import helpers
from tfstyle import images
from tfstyle.controls import color
from tfstyle.controls.settings import COLORS

PHOTO = helpers.image(32, 40)
WAVE = helpers.image(40, 30, seed=1)
STEP = 1 / 255
RANDOM = np.random.default_rng(0)


def noise(height, width):
    """Correlated colours, none of them twice."""
    mixed = RANDOM.random((height, width, 3)) @ [
        [0.5, 0.2, 0.0],
        [0.1, 0.6, 0.1],
        [0.1, 0.0, 0.2],
    ]
    return mixed.astype(np.float32)


def yiq(image):
    """As the NTSC defined it, in exact decimals."""
    return image.astype(np.float64) @ np.transpose(
        [
            [0.299, 0.587, 0.114],
            [0.595716, -0.274453, -0.321263],
            [0.211456, -0.522591, 0.311135],
        ]
    )


def covariance(image):
    return np.cov(image.reshape(-1, 3).astype(np.float64).T, bias=True)


def rounded(image):
    return np.rint(image * 255) / 255


def distance(image, target, axis):
    """Between the distributions of the colours along an axis."""
    places = np.linspace(0, 1, 101)
    gaps = np.quantile(image @ axis, places) - np.quantile(
        target @ axis, places
    )
    return np.sqrt(np.mean(gaps**2))


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ((1, 1, 1), 1.0),
        ((1, 0, 0), 0.299),
        ((0, 1, 0), 0.587),
        ((0, 0, 1), 0.114),
        # 0.5 * 0.299 + 0.25 * 0.587 + 0.75 * 0.114
        ((0.5, 0.25, 0.75), 0.38175),
    ],
)
def test_luminance_by_hand(rgb, expected):
    pixel = np.array(rgb, np.float32).reshape(1, 1, 3)
    assert color.luminance(pixel) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("grey", "expected"),
    [
        # Y of (0.6, 0.4, 0.2) is 0.437; (0.163, -0.037, -0.237) is beside it.
        (0.5, (0.663, 0.463, 0.263)),
        # Only 0.1 of 0.237 has room below: 0.1 + 0.1 / 0.237 * 0.163...
        (0.1, (0.168776, 0.084388, 0.0)),
        # And 0.1 of 0.163 above.
        (0.9, (1.0, 0.877301, 0.754601)),
        (0.0, (0.0, 0.0, 0.0)),
        (1.0, (1.0, 1.0, 1.0)),
    ],
)
def test_chroma_by_hand(grey, expected):
    content = np.array([[[0.6, 0.4, 0.2]]], np.float32)
    picture = np.full_like(content, grey)
    found = color.transfer_chroma(picture, content)
    np.testing.assert_allclose(found[0, 0], expected, atol=1e-6)


@pytest.mark.parametrize("picture", ["noise", "extremes", "wave"])
def test_luminance_is_the_paintings_even_at_the_end_of_the_gamut(picture):
    extremes = np.rint(RANDOM.random((32, 40, 3)))
    painted = {
        "noise": RANDOM.random((32, 40, 3)),
        "extremes": extremes,
        "wave": images.resize(WAVE, 32, 40),
    }[picture].astype(np.float32)
    for content in (PHOTO, extremes.astype(np.float32)[::-1]):
        found = color.finish(painted, content, "luminance")
        assert found.dtype == np.float32
        assert found.min() >= 0 and found.max() <= 1
        gap = yiq(rounded(found))[..., 0] - yiq(painted)[..., 0]
        assert np.abs(gap).max() <= STEP


def test_chroma_is_the_photographs_where_it_fits_and_else_of_its_hue():
    painted = images.resize(WAVE, 32, 40)
    found = color.finish(painted, PHOTO, "luminance")
    own, wanted = yiq(found), yiq(PHOTO)
    fits = PHOTO + (yiq(painted) - wanted)[..., :1]
    inside = np.all((fits >= 0) & (fits <= 1), -1)
    assert 0.2 < inside.mean() < 0.99
    np.testing.assert_allclose(
        own[inside][:, 1:], wanted[inside][:, 1:], atol=2e-6
    )
    # Outside it is shorter, and of the same direction.
    (i, q), (wanted_i, wanted_q) = (
        np.moveaxis(x[~inside][:, 1:], -1, 0) for x in (own, wanted)
    )
    np.testing.assert_allclose(i * wanted_q, q * wanted_i, atol=1e-6)
    assert np.all(np.hypot(i, q) <= np.hypot(wanted_i, wanted_q) + 1e-6)
    # As long as can be: a colour reaches the end of its range.
    edge = np.minimum(found, 1 - found).min(-1)[~inside]
    assert edge.max() < 1e-6


def test_the_photograph_is_resized_to_the_painting():
    painted = images.resize(WAVE, 16, 20)
    small = images.resize(PHOTO, 16, 20)
    np.testing.assert_array_equal(
        color.finish(painted, PHOTO, "luminance"),
        color.finish(painted, small, "luminance"),
    )


def test_a_photograph_that_was_not_painted_stays_what_it_is():
    found = color.finish(PHOTO, PHOTO, "luminance")
    np.testing.assert_allclose(found, PHOTO, atol=1e-6)
    grey, _ = color.prepare(PHOTO, [WAVE], "luminance")
    found = color.finish(grey, PHOTO, "luminance")
    np.testing.assert_allclose(found, PHOTO, atol=1e-6)


def test_large_paintings_are_finished_in_parts(monkeypatch):
    painted = images.resize(WAVE, 32, 40)
    whole = color.finish(painted, PHOTO, "luminance")
    statistics = color.match_statistics(WAVE, PHOTO)
    monkeypatch.setattr(color, "_ROWS", 5)
    found = color.finish(painted, PHOTO, "luminance")
    np.testing.assert_allclose(found, whole, atol=1e-6)
    found = color.match_statistics(WAVE, PHOTO)
    np.testing.assert_allclose(found, statistics, atol=1e-6)


def test_for_luminance_all_is_grey_and_styles_are_like_the_photograph():
    # Far from black and white, so that nothing is clipped.
    photo, wave = 0.4 + 0.2 * PHOTO, 0.3 + 0.4 * WAVE
    content, (style,) = color.prepare(photo, [wave], "luminance")
    for image in (content, style):
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image, image[..., :1].repeat(3, -1))
    np.testing.assert_allclose(content[..., 0], yiq(photo)[..., 0], atol=1e-6)
    assert style.shape == wave.shape
    assert style.mean() == pytest.approx(content.mean(), abs=1e-5)
    assert style.std() == pytest.approx(content.std(), abs=1e-5)
    found = np.corrcoef(style[..., 0].ravel(), yiq(wave)[..., 0].ravel())
    assert found[0, 1] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("image", "target"),
    [(WAVE, PHOTO), (PHOTO, WAVE), (noise(30, 20), PHOTO)],
)
def test_statistics_are_those_of_the_target(image, target):
    found = color.match_statistics(image, target)
    assert found.shape == image.shape and found.dtype == np.float32
    np.testing.assert_allclose(
        found.mean((0, 1)), target.mean((0, 1)), atol=1e-5
    )
    np.testing.assert_allclose(covariance(found), covariance(target), atol=1e-5)
    (prepared,) = color.prepare(target, [image], "statistics")[1]
    np.testing.assert_array_equal(prepared, np.clip(found, 0, 1))


def test_colours_move_as_little_as_a_linear_map_can():
    def moved(found):
        return np.mean((found - WAVE) ** 2)

    (mean, own), (wanted_mean, wanted) = (
        (x.mean((0, 1)), covariance(x)) for x in (WAVE, PHOTO)
    )
    cholesky = np.linalg.cholesky(wanted) @ np.linalg.inv(
        np.linalg.cholesky(own)
    )
    other = (WAVE - mean) @ cholesky.T + wanted_mean
    np.testing.assert_allclose(covariance(other), wanted, atol=1e-5)
    found = color.match_statistics(WAVE, PHOTO)
    assert moved(found) < moved(other)
    # Each colour by a map that is its own gradient: no hue turns.
    flat = [(x - x.mean((0, 1))).reshape(-1, 3) for x in (WAVE, found)]
    transport = np.linalg.lstsq(*flat, rcond=None)[0]
    np.testing.assert_allclose(transport, transport.T, atol=1e-3)
    assert np.linalg.eigvalsh(transport).min() > 0


@pytest.mark.parametrize("mode", ["statistics", "histogram"])
def test_what_has_these_colours_keeps_them(mode):
    (found,) = color.prepare(PHOTO, [PHOTO], mode)[1]
    np.testing.assert_allclose(found, PHOTO, atol=2e-3)


def test_histograms_are_those_of_the_target():
    image, target = noise(30, 40), noise(40, 30)[..., ::-1] ** 2
    found = color.match_histogram(image, target)
    assert found.shape == image.shape and found.dtype == np.float32
    for i in range(3):
        np.testing.assert_allclose(
            np.sort(found[..., i].ravel()),
            np.sort(target[..., i].ravel()),
            atol=1e-6,
        )


def test_histograms_of_other_sizes_are_nearly_those_of_the_target():
    image, target = noise(90, 70), noise(50, 60)[..., ::-1] ** 2
    found = color.match_histogram(image, target)
    for axis in np.eye(3):
        assert distance(found, target, axis) < 1e-3


def test_a_palette_is_matched_in_all_directions():
    # Equal histograms of red, green and blue are not enough: see the diagonal.
    image, target = noise(64, 64), noise(64, 64)[..., ::-1] ** 2
    found = color.match_histogram(image, target)
    linear = color.match_statistics(image, target)
    for axis in ((1, -1, 0), (0, 1, -1), (1, 1, 1), (1, -2, 1)):
        unit = np.divide(axis, np.linalg.norm(axis))
        gap = distance(found, target, unit)
        assert gap < 0.5 * distance(linear, target, unit)
        assert gap < 0.1 * distance(image, target, unit)


def test_equal_colours_stay_equal():
    patches = np.repeat(noise(4, 5), 6, axis=1)
    found = color.match_histogram(patches, PHOTO).reshape(4, 5, 6, 3)
    np.testing.assert_array_equal(found, found[:, :, :1].repeat(6, 2))
    np.testing.assert_array_equal(
        color.match_histogram(WAVE, PHOTO), color.match_histogram(WAVE, PHOTO)
    )


FLAT = np.full((17, 20, 3), [0.2, 0.5, 0.3], np.float32)
GREY = np.repeat(WAVE[..., :1], 3, axis=-1)


@pytest.mark.parametrize("mode", COLORS)
@pytest.mark.parametrize("image", [FLAT, GREY, np.zeros_like(FLAT), FLAT[:1]])
def test_grey_and_flat_images_are_no_exception(mode, image):
    for content, style in ((image, PHOTO), (PHOTO, image), (image, image)):
        photo, (prepared,) = color.prepare(content, [style], mode)
        assert prepared.shape == style.shape
        finished = color.finish(photo, content, mode)
        np.testing.assert_allclose(finished, content, atol=1e-6)
        for found in (prepared, photo):
            assert found.dtype == np.float32
            assert found.min() >= 0 and found.max() <= 1


@pytest.mark.parametrize("mode", ["statistics", "histogram"])
def test_a_flat_style_gets_the_photographs_mean(mode):
    (found,) = color.prepare(PHOTO, [FLAT], mode)[1]
    expected = np.broadcast_to(PHOTO.mean((0, 1)), FLAT.shape)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("mode", ["statistics", "histogram"])
def test_the_noise_of_a_grey_style_stays_faint(mode):
    # As JPEG leaves it; spread to the photograph's, it would be confetti.
    style = GREY + RANDOM.normal(0, 0.002, GREY.shape).astype(np.float32)
    (found,) = color.prepare(PHOTO, [np.clip(style, 0, 1)], mode)[1]
    smooth = color.match_statistics(GREY, PHOTO)
    assert np.abs(found - np.clip(smooth, 0, 1)).mean() < 0.04


def test_style_changes_nothing():
    content, (one, other) = color.prepare(PHOTO, (WAVE, FLAT), "style")
    assert content is PHOTO and one is WAVE and other is FLAT
    assert color.finish(WAVE, PHOTO, "style") is WAVE


@pytest.mark.parametrize("mode", ["statistics", "histogram"])
def test_what_was_prepared_is_not_finished(mode):
    content, _ = color.prepare(PHOTO, [WAVE], mode)
    assert content is PHOTO
    assert color.finish(WAVE, PHOTO, mode) is WAVE


def test_another_mode_is_refused():
    with pytest.raises(ValueError, match="`color` must be one of style, lum"):
        color.prepare(PHOTO, [WAVE], "lab")
