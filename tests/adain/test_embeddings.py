import numpy as np
import pytest

from tfstyle.adain import embeddings

CHANNELS = {"image": 3, "block2_conv1": 5}


def moments(seed, batch=2):
    random = np.random.default_rng(seed)
    return {
        level: tuple(
            random.random((batch, 1, 1, count), np.float32) for _ in range(2)
        )
        for level, count in CHANNELS.items()
    }


def test_what_is_joined_is_split_again():
    given = moments(0)
    joined = embeddings.join(given)
    assert joined.shape == (2, 2 * (3 + 5))
    found = embeddings.split(joined, CHANNELS)
    assert list(found) == list(CHANNELS)
    for level, pair in given.items():
        for ours, theirs in zip(found[level], pair, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_blends_are_weighted_means():
    first, second = np.ones((1, 4)), np.full((1, 4), 5.0)
    blended = embeddings.blend([first, second], [3, 1])
    np.testing.assert_allclose(blended, np.full((1, 4), 2.0))
    np.testing.assert_allclose(
        embeddings.blend([first, second]), np.full((1, 4), 3.0)
    )


def test_levels_are_composed_of_shares_of_their_own():
    first, second = np.ones((1, 16)), np.full((1, 16), 5.0)
    shares = {"image": [1, 0], "block2_conv1": [1, 3]}
    found = embeddings.compose([first, second], CHANNELS, shares)
    np.testing.assert_allclose(found, [[1.0] * 6 + [4.0] * 10])


def test_a_strength_moves_from_one_embedding_to_the_other():
    own, style = np.ones((3, 4)), np.full((1, 4), 9.0)
    moved = embeddings.move(own, style, np.array([[0.0], [0.5], [1.0]]))
    np.testing.assert_allclose(moved[:, 0], [1, 4, 9])


def test_shares_rise_with_the_strength_from_0_to_1():
    shares = embeddings.share(np.linspace(0, 1, 11))
    assert shares[0] == 0 and shares[-1] == 1
    assert (np.diff(shares) > 0.05).all()


@pytest.mark.parametrize("shares", [[1], [0, 0], [1, -1], [1, np.inf]])
def test_wrong_shares_are_refused(shares):
    with pytest.raises(ValueError, match="style_mix="):
        embeddings.blend([np.ones((1, 4))] * 2, shares)


def test_difference_by_hand():
    one = {"image": (np.ones((1, 1, 1, 3)), np.zeros((1, 1, 1, 3)))}
    two = {"image": (np.full((1, 1, 1, 3), 1.1), np.zeros((1, 1, 1, 3)))}
    distance = 2 * 0.1**2 / (1 + 1.1**2)
    expected = 1 - np.exp(-distance / embeddings._NEAR)
    found = embeddings.difference(one, two)
    np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-5)
    assert np.ravel(embeddings.difference(one, one)) == 0


def test_difference_is_of_each_example_and_at_most_1():
    one, two = moments(0), moments(1)
    two = {
        n: tuple(
            np.stack([a[0][0], 99 * b[1][0]])[:, None]
            for a, b in zip(one[n], two[n], strict=True)
        )
        for n in one
    }
    found = np.asarray(embeddings.difference(one, two))
    assert found.shape == (2, 1, 1, 1)
    assert found[0] == 0 and 0.99 < found[1] <= 1
