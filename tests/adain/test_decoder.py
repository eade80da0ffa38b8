import numpy as np
import pytest

from tfstyle.adain import decoder

_CHANNELS = {"block2_conv1": 4, "block3_conv1": 6}


def maps(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_upsampling_repeats_rows_and_columns():
    x = maps(2, 3, 5, 4)
    expected = x.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(decoder.Upsampling()(x), expected)
    assert decoder.Upsampling().compute_output_shape((None, 3, None, 4)) == (
        None,
        6,
        None,
        4,
    )


def test_joining_cuts_what_is_larger():
    x, skip = maps(1, 4, 6, 2), maps(1, 5, 7, 3)
    joined = decoder.Joining()([x, skip])
    expected = np.concatenate([x, skip[:, :4, :6]], axis=-1)
    np.testing.assert_array_equal(joined, expected)


def test_stages_double_the_size():
    model = decoder.build(_CHANNELS, [4, 8, 12], [1, 2, 3])
    inputs = [maps(2, 11, 9, 4), maps(2, 5, 4, 6)]
    assert model(inputs).shape == (2, 20, 16, 3)
    names = [layer.name for layer in model.layers if layer.weights]
    assert names == [
        "stage3_conv1",
        "stage3_conv2",
        "stage3_out",
        "stage2_conv1",
        "stage2_out",
        "stage1_out",
    ]
    # What joins a stage adds its channels there.
    assert model.get_layer("stage2_conv1").kernel.shape == (3, 3, 12, 8)


def modulated():
    model = decoder.build(
        _CHANNELS, [4, 8, 12], [1, 2, 3], embedding=20, modulation=5
    )
    return model, [maps(2, 8, 12, 4), maps(2, 4, 6, 6), maps(2, 20, seed=1)]


def test_modulation_begins_without_effect():
    model, inputs = modulated()
    plain = decoder.build(_CHANNELS, [4, 8, 12], [1, 2, 3])
    np.testing.assert_allclose(model(inputs), plain(inputs[:2]), atol=1e-6)
    assert model.get_layer("modulation_stage3_out").kernel.shape[-1] == 16


def test_a_style_modulates_its_own_example_whatever_its_scale():
    model, (first, second, styles) = modulated()
    kernel, bias = model.get_layer("modulation_stage2_conv1").get_weights()
    kernel = maps(*kernel.shape, seed=2)
    model.get_layer("modulation_stage2_conv1").set_weights([kernel, bias])
    image = np.asarray(model([first, second, styles]))
    others = styles.copy()
    others[1] = -others[1]
    changed = np.asarray(model([first, second, others]))
    np.testing.assert_allclose(changed[0], image[0], atol=1e-6)
    assert np.abs(changed[1] - image[1]).max() > 0.01
    scaled = model([first, second, 7 + 300 * styles])
    near = 0.01 * np.abs(image).max()
    np.testing.assert_allclose(scaled, image, atol=near)


@pytest.mark.parametrize("depths", [(1, 2, 3), (2, 2, 4)])
def test_edges_do_not_reach_beyond_the_margin(depths):
    model = decoder.build(_CHANNELS, [4, 8, 12], depths)
    flat = [np.ones((1, 16, 20, 4)), np.ones((1, 8, 10, 6))]
    image = np.asarray(model(flat))
    margin = decoder.MARGIN
    inside = image[:, margin:-margin, margin:-margin]
    np.testing.assert_allclose(
        inside, np.broadcast_to(inside[:, :1, :1], inside.shape), atol=1e-5
    )


def test_the_image_is_float32_whatever_the_precision():
    model = decoder.build(_CHANNELS, [4, 8, 12], [1, 1, 1], "bfloat16")
    inputs = [maps(1, 8, 8, 4), maps(1, 4, 4, 6)]
    assert model(inputs).dtype == "float32"
    assert model.get_layer("stage3_out").compute_dtype == "bfloat16"


def test_modulation_by_hand():
    x = np.array([1.0, 2.0, 3.0, 4.0], np.float32).reshape(1, 1, 2, 2)
    factors = np.array([0.5, -1, 10, 20], np.float32).reshape(1, 1, 1, 4)
    found = decoder.Modulation()([x, factors])
    np.testing.assert_allclose(np.ravel(found), [11.5, 20, 14.5, 20])


@pytest.mark.parametrize("batch", [1, 2])
def test_scale_and_shift_like_numpy(batch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 5, 4)).astype(np.float32)
    scale, shift = rng.normal(size=(2, batch, 1, 1, 4)).astype(np.float32)
    found = decoder.scale_and_shift(x, scale, shift)
    np.testing.assert_allclose(found, x * scale + shift, rtol=1e-6)


def test_rows_of_one_photograph_get_the_numbers_of_several_regions():
    x = np.ones((1, 2, 3, 1), np.float32)
    scale = np.array([2.0, 3.0], np.float32).reshape(2, 1, 1, 1)
    found = decoder.scale_and_shift(x, scale, np.zeros_like(scale))
    np.testing.assert_allclose(found[:, 1, 2, 0], [2, 3])
