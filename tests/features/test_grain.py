import numpy as np

from tfstyle.features import grain


def test_grain_is_faint_and_of_no_color():
    found = grain.grained(np.full((2, 300, 400, 3), 0.5, np.float32)) - 0.5
    found = np.asarray(found)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[..., 0], found[..., 2])
    assert abs(found.mean()) < 0.1 / 255
    assert 1.8 / 255 < found.std() < 2.2 / 255
    assert np.abs(found).max() < 12 / 255


def test_it_belongs_to_its_place():
    whole = np.asarray(grain.noise(np.arange(200), np.arange(260)))
    rows, columns = np.array([150, 3, 3, 4]), np.arange(120, 250)
    part = np.asarray(grain.noise(rows, columns))
    np.testing.assert_array_equal(part, whole[rows][:, columns])


def test_it_does_not_repeat_itself():
    """Eyes find what comes again, such as a pattern of 128 pixels."""
    found = np.asarray(grain.noise(np.arange(900), np.arange(64)))[..., 0]
    first = found[:300]
    for shift in range(64, 600):
        other = found[shift : shift + 300]
        assert np.corrcoef(first.ravel(), other.ravel())[0, 1] < 0.6


def test_it_is_the_same_everywhere():
    found = np.asarray(grain.noise(np.arange(2), np.arange(3)))[..., 0]
    steps = found * 2**14
    np.testing.assert_array_equal(steps, np.round(steps))
    np.testing.assert_array_equal(steps, [[7, 72, 72], [71, 41, 59]])
