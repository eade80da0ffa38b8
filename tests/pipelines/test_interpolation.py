import itertools

import numpy as np
import pytest

from tfstyle.pipelines import interpolation


@pytest.mark.parametrize(
    "text, styles",
    [("4", 4), ("0x3", 2), ("2x3x4", 4), ("-1x2", 2), ("1x2", 3)],
)
def test_sheets_are_of_rows_and_columns_between_two_or_four(text, styles):
    with pytest.raises(
        ValueError, match=f"`grid` .* grid='{text}' with {styles}"
    ):
        interpolation.parse(text, styles)


def test_two_styles_go_on_in_the_next_row():
    found = [*interpolation.shares(2, 2, 3)]
    second = [x for _, x in itertools.chain(*found)]
    np.testing.assert_allclose(second, np.arange(6) / 5)


def test_four_styles_are_at_the_corners():
    found = np.array([*interpolation.shares(4, 3, 5)])
    corners = found[[0, 0, -1, -1], [0, -1, 0, -1]]
    np.testing.assert_array_equal(corners, np.eye(4))
    np.testing.assert_allclose(found[1, 2], [0.25] * 4)


@pytest.mark.parametrize("styles", [2, 4])
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (3, 3)])
def test_shares_are_a_whole(styles, shape):
    found = np.array([*interpolation.shares(styles, *shape)])
    assert found.shape == (*shape, styles)
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum(-1), 1)
    np.testing.assert_array_equal(found[0, 0], np.eye(styles)[0])
