import numpy as np

from tfstyle.fitting import dead_leaves


def scene(seed, side=64):
    return dead_leaves.scene(side, np.random.default_rng(seed))


def test_scenes_are_images_that_depend_on_the_seed():
    found = scene(1, side=33)
    assert found.shape == (33, 33, 3)
    assert found.dtype == np.float32
    assert found.min() >= 0 and found.max() <= 1
    np.testing.assert_array_equal(found, scene(1, side=33))
    assert np.abs(found - scene(2, side=33)).mean() > 0.05


def test_scenes_are_made_when_they_are_asked_for():
    scenes = dead_leaves.Scenes(3)
    some = scenes[200:]
    assert (len(scenes), len(some), scenes.made) == (206, 6, {})
    random = np.random.default_rng([3, 201])
    np.testing.assert_array_equal(some[1], dead_leaves.scene(320, random))
    assert scenes[-5] is some[1]
    assert [*scenes.made] == [201]
    assert len([*some]) == len(scenes.made) == 6


def test_amplitudes_fall_with_the_frequency_as_in_photographs():
    scenes = np.stack([scene(seed) for seed in range(40)]).mean(-1)
    window = np.hanning(64)[:, None] * np.hanning(64)
    centered = scenes - scenes.mean(axis=(1, 2), keepdims=True)
    power = np.square(np.abs(np.fft.fft2(window * centered))).mean(0)
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(64)] * 2))
    rings = [(0.05 * 2**i, 0.05 * 2 ** (i + 1)) for i in range(3)]
    means = [
        power[(frequency >= low) & (frequency < high)].mean()
        for low, high in rings
    ]
    slopes = np.diff(np.log2(means))
    # Amplitudes as 1 / frequency: power falls to a quarter for each doubling.
    assert np.all((slopes > -3.5) & (slopes < -1))


def test_noise_has_the_deviation_one_at_any_side():
    for side in (32, 33):
        found = dead_leaves._noise(side, 1.6, np.random.default_rng(0))
        assert found.shape == (side, side)
        np.testing.assert_allclose(found.std(), 1, rtol=1e-6)
