import keras
import numpy as np
import pytest

from tfstyle.features.layers import MirrorPadding, ReflectionPadding

X = np.random.default_rng(0).normal(size=(2, 9, 11, 3)).astype(np.float32)


def padded(pixels, mode):
    sides = (pixels, pixels)
    return np.pad(X, ((0, 0), sides, sides, (0, 0)), mode=mode)


@pytest.mark.parametrize("pixels", [1, 2, 9])
def test_an_image_is_continued_with_its_edge(pixels):
    found = MirrorPadding(pixels)(X)
    np.testing.assert_array_equal(found, padded(pixels, "symmetric"))


def test_maps_are_continued_without_the_edge():
    found = ReflectionPadding()(X)
    np.testing.assert_array_equal(found, padded(1, "reflect"))


@pytest.mark.parametrize(
    ("layer", "more"),
    [(MirrorPadding(4), 8), (ReflectionPadding(), 2)],
)
def test_sizes_may_be_free(layer, more):
    x = keras.Input((None, 12, 3))
    assert layer(x).shape == (None, None, 12 + more, 3)
    restored = type(layer).from_config(layer.get_config())
    np.testing.assert_array_equal(restored(X), layer(X))
