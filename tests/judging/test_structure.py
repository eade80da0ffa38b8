import numpy as np
import pytest

import helpers
from tfstyle.judging import structure

PHOTO = helpers.image(32, 40)


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def defined(*both):
    """The distance in float64, of maps of the picture and the photograph."""
    rows = []
    for maps in both:
        channels = maps.shape[-1]
        flat = maps.reshape(-1, channels).astype(np.float64)
        flat /= 255 * 0.225 * channels
        rows.append(softmax(flat @ flat.T))
    return (rows[1] * np.log(rows[1] / rows[0])).sum()


def test_the_distance_is_that_of_the_definition(monkeypatch):
    random = np.random.default_rng(0)
    ours, theirs = 4000 * random.random((2, 1, 4, 5, 8), np.float32)
    expected = defined(ours, theirs)
    for count in (1024, 6):  # At once, and a part at a time.
        monkeypatch.setattr(structure, "_ROWS", count)
        found = structure.structural_distance(ours, theirs)
        assert found == pytest.approx(expected, rel=1e-4)
    assert structure.structural_distance(theirs, theirs) == 0


def test_small_distances_are_exact():
    random = np.random.default_rng(0)
    maps, noise = 4000 * random.random((2, 1, 24, 32, 8), np.float32)
    for share in (1e-3, 1e-4, 1e-5):
        near = maps + np.float32(share) * noise
        found = structure.structural_distance(near, maps)
        assert found == pytest.approx(defined(near, maps), rel=1e-4)


def test_similarity_falls_with_noise():
    random = np.random.default_rng(0)
    noise = random.standard_normal(PHOTO.shape).astype(np.float32)
    little, more = (PHOTO + share * noise for share in (0.01, 0.1))
    assert structure.similarity(PHOTO, PHOTO) == pytest.approx(1)
    values = [structure.similarity(x, PHOTO) for x in (little, more)]
    assert 1 > values[0] > values[1]
