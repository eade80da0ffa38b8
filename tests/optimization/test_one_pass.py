import numpy as np

import helpers
from tfstyle import images
from tfstyle.adain.model import StyleModel
from tfstyle.optimization import one_pass
from tfstyle.optimization.config import GatysConfig

PHOTO, WAVE = helpers.image(40, 60), helpers.image(80, 64, seed=1)


def test_it_is_what_the_model_paints():
    model = StyleModel.from_preset("distilled")
    seen = images.resize(WAVE, 48, 38)
    expected = model.stylize(images.resize(PHOTO, 32, 48), seen, 0.7)
    config = GatysConfig(size=48)
    np.testing.assert_allclose(
        one_pass.paint(PHOTO, [WAVE], config, strength=0.7), expected, atol=1e-5
    )


def test_styles_have_a_size_of_their_own_and_a_scale():
    model = StyleModel.from_preset("distilled")
    seen = images.resize(WAVE, 40, 32)
    expected = model.stylize(images.resize(PHOTO, 32, 48), seen)
    config = GatysConfig(size=48, style_scale=(0.5,))
    np.testing.assert_allclose(
        one_pass.paint(PHOTO, [WAVE], config, 80), expected, atol=1e-5
    )


def test_large_pictures_are_not_painted():
    picture = one_pass.paint(PHOTO, [WAVE], GatysConfig(size=4000))
    assert picture.shape == (341, one_pass.LONGEST, 3)


def test_long_panoramas_are_painted_as_large_as_the_model_needs():
    content = helpers.image(24, 1024)
    picture = one_pass.paint(content, [WAVE], GatysConfig(size=1000))
    assert picture.shape == (16, 683, 3)
    # At the smallest size that is allowed, 15.5 pixels are 16.
    least = one_pass.paint(content, [WAVE], GatysConfig(size=662))
    assert least.shape == (16, 662, 3)
