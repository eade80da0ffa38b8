import numpy as np
import pytest

import helpers
from tfstyle import images
from tfstyle.controls import photorealism

PHOTO = helpers.image(96, 128)


def strokes(seed=0, strength=0.25):
    """A painting of `PHOTO`: other colours, edges moved, stripes all over."""
    y, x = np.mgrid[0:96, 0:128]
    moved = np.roll(PHOTO, 3, axis=1)[..., ::-1]
    stripes = strength * np.sin((x + (seed + 1) * y) / 2)[..., None]
    return np.clip(0.2 + 0.6 * moved + stripes, 0, 1).astype(np.float32)


def edges(image):
    """Size of the gradient of lightness at each pixel."""
    down, across = np.gradient(image.mean(-1))
    return np.hypot(down, across).ravel()


def alike(image):
    """Correlation of an image's edges with those of `PHOTO`."""
    return np.corrcoef(edges(image), edges(PHOTO))[0, 1]


@pytest.mark.parametrize("shape", [(96, 128), (20, 16), (700, 900)])
def test_what_only_recolours_stays_as_it_is(shape):
    photo = helpers.image(*shape, 4)
    matrix = np.array([[0.5, 0.2, 0.1], [0, 0.4, 0.3], [0.3, 0, 0.6]])
    recoloured = (photo @ matrix.T + 0.1).astype(np.float32)
    kept = photorealism.keep_photorealistic(recoloured, photo)
    assert kept.dtype == np.float32
    np.testing.assert_allclose(kept, recoloured, atol=1e-3)


def test_edges_are_those_of_the_photograph():
    painted = strokes()
    kept = photorealism.keep_photorealistic(painted, PHOTO)
    assert alike(painted) < 0.5
    assert alike(kept) > 0.9


def test_flat_regions_get_no_texture():
    photo = helpers.image(96, 128)
    photo[20:80, 30:110] = [0.3, 0.5, 0.7]
    inside = np.s_[30:70, 40:100]
    painted = strokes()
    kept = photorealism.keep_photorealistic(painted, photo)
    texture, rest = (np.diff(x[inside], axis=1).std() for x in (painted, kept))
    assert rest < texture / 10


def test_colours_of_regions_are_those_that_were_painted():
    photo = np.full((96, 128, 3), 0.2, np.float32)
    photo[:, 64:] = 0.8
    painted = np.full_like(photo, [0.9, 0.4, 0.1])
    painted[:, 64:] = [0.1, 0.2, 0.9]
    kept = photorealism.keep_photorealistic(painted, photo)
    np.testing.assert_allclose(kept, painted, atol=0.02)


def test_large_pictures_are_as_their_small_copies():
    # Functions are fitted at a lower size, and serve at any.
    large = [images.resize(x, 768, 1024) for x in (strokes(), PHOTO)]
    kept = photorealism.keep_photorealistic(*large)
    small = photorealism.keep_photorealistic(strokes(), PHOTO)
    assert np.abs(images.resize(kept, 96, 128) - small).mean() < 0.01


def test_shapes_must_be_the_same():
    with pytest.raises(ValueError, match=r"same shape.*\(95, 128, 3\)"):
        photorealism.keep_photorealistic(PHOTO[1:], PHOTO)


def test_box_mean_is_the_mean_of_what_is_inside():
    values = np.random.default_rng(0).random((7, 5, 2))
    means = photorealism.box_mean(values, 2)
    np.testing.assert_allclose(means[0, 0], values[:3, :3].mean((0, 1)))
    np.testing.assert_allclose(means[3, 4], values[1:6, 2:].mean((0, 1)))
    everywhere = photorealism.box_mean(values, 9)[0, 0]
    np.testing.assert_allclose(everywhere, values.mean((0, 1)))
