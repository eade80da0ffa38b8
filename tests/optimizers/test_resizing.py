"""Resizing strip by strip: the values of TensorFlow, bit for bit."""

import numpy as np
import pytest
import tensorflow as tf

from tfstyle.optimizers import resizing
from tfstyle.runtime import scratch

IMAGE = np.random.default_rng(0).standard_normal((1, 43, 59, 3), np.float32)
SHAPES = pytest.mark.parametrize(
    "shape", [(61, 83), (86, 118), (87, 119), (700, 950), (43, 59), (21, 90)]
)


@pytest.fixture(autouse=True)
def _narrow(monkeypatch):
    """Several strips of a small picture."""
    monkeypatch.setattr(scratch, "_SLICE", 16)


@SHAPES
@pytest.mark.parametrize("method", ["bicubic", "bilinear"])
@pytest.mark.parametrize("make", [scratch.zeros, scratch.Folder().zeros])
def test_images_are_resized_as_tensorflow_does(shape, method, make):
    found = resizing.resize(IMAGE, shape, method, make)
    expected = tf.image.resize(IMAGE, shape, method)
    np.testing.assert_array_equal(found, expected)


@SHAPES
def test_rows_are_those_of_the_whole(shape):
    expected = tf.image.resize(IMAGE, shape)
    for rows in scratch.slices(shape[0]):
        between = resizing.Between(43, shape[0], rows)
        found = between.enlarged(IMAGE[:, between.seen], shape[1])
        np.testing.assert_array_equal(found, expected[:, rows])
