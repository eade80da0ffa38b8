import dataclasses

import numpy as np
import pytest

import helpers
from tfstyle import features, images
from tfstyle.adain.model import StyleModel
from tfstyle.objective.terms import make_terms
from tfstyle.optimization import strength
from tfstyle.optimization.config import GatysConfig

PHOTO, WAVE, NIGHT = (
    helpers.image(*shape, seed)
    for seed, shape in enumerate([(48, 64), (80, 64), (64, 64)])
)
LAYERS = {"block2_conv1": 1.0, "block3_conv1": 3.0}
CONFIG = GatysConfig(
    size=64,
    strength=0.5,
    style_weight=1,
    tv_weight=0,
    content_layers=LAYERS,
    style_layers={"block2_conv1": 1.0},
)


@pytest.fixture(scope="module")
def network():
    return features.extractor("vgg_distilled", LAYERS)


def settings(**changes):
    return dataclasses.replace(CONFIG, **changes)


def style_loss(network, share, picture):
    """The style's part of what `stylize` would minimise."""
    terms = make_terms(network, PHOTO, [WAVE], share.config, share=share.value)
    term = terms["style/block2_conv1"]
    return term.weight * float(term.loss(None, network(picture[None]))[0])


def test_content_distance_is_relative_and_weighted(network):
    found = strength.content_distance(network, WAVE[:48], PHOTO, LAYERS)
    maps, photo = (
        {name: np.asarray(m) for name, m in network(x[None]).items()}
        for x in (WAVE[:48], PHOTO)
    )
    each = {
        name: np.square(maps[name] - photo[name]).mean()
        / np.square(photo[name]).mean()
        for name in LAYERS
    }
    expected = (each["block2_conv1"] + 3 * each["block3_conv1"]) / 4
    assert found == pytest.approx(expected, rel=1e-4)
    assert strength.content_distance(network, PHOTO, PHOTO, LAYERS) == 0


def test_in_full_strength_nothing_changes():
    config = settings(strength=1.0)
    share = strength.Share(PHOTO, [WAVE], config)
    assert not share.adaptive and share.value == 1


@pytest.mark.parametrize("loss", ["gram", "wasserstein"])
def test_targets_go_from_the_photograph_to_the_style(network, loss):
    share = strength.Share(PHOTO, [WAVE], settings(style_loss=loss))
    losses = []
    for share.value in (0.0, 0.3, 0.6, 1.0):
        losses.append(style_loss(network, share, PHOTO))
    assert losses[0] == pytest.approx(0, abs=1e-4)
    assert losses == sorted(losses)
    share.value = 1.0
    plain = make_terms(network, PHOTO, [WAVE], settings(style_loss=loss))
    term = plain["style/block2_conv1"]
    whole = term.weight * float(term.loss(None, network(PHOTO[None]))[0])
    assert losses[-1] == pytest.approx(whole, rel=1e-4)


def test_a_picture_at_the_wanted_distance_keeps_the_share(network):
    share = strength.Share(PHOTO, [WAVE], CONFIG)
    value = share.value
    example = strength.in_one_pass(PHOTO, [WAVE], CONFIG, 512, 0.5)
    share.adapt(network, PHOTO, example)
    # A little less, as some steps follow; the power is 2 at first.
    assert share.value == pytest.approx(value * 0.8**0.5, rel=1e-5)


def test_what_the_photograph_lacks_is_its_own_part():
    share = strength.Share(PHOTO, [WAVE], CONFIG)
    small = images.resize(PHOTO, 24, 32)
    share.value = 0.25
    detail = share.lost_detail(PHOTO, small)
    coarse = images.resize(small, 48, 64)
    np.testing.assert_allclose(coarse + detail / 0.75, PHOTO, atol=1e-6)
    np.testing.assert_array_equal(share.lost_detail(PHOTO, PHOTO), 0)


def test_the_share_grows_where_the_picture_is_too_near(network):
    example = strength.in_one_pass(PHOTO, [WAVE], CONFIG, 512, 0.5)
    near, far = (PHOTO + part * (example - PHOTO) for part in (0.5, 1.2))
    share = strength.Share(PHOTO, [WAVE], CONFIG)
    first = share.value
    share.adapt(network, PHOTO, near)
    second = share.value
    assert second > first
    share.adapt(network, PHOTO, far)
    assert first < share.value < second


def test_the_share_is_found_whatever_the_power(network):
    """Three sizes; distances that are powers of the share."""
    for power in (1.5, 2.0, 3.0):
        share = strength.Share(PHOTO, [WAVE], CONFIG)
        for _ in range(3):
            reached = (share.value / 0.2) ** power
            share.note(reached)
        assert (share.value / 0.2) ** power == pytest.approx(1, abs=0.02)


def test_the_share_is_at_most_all():
    share = strength.Share(PHOTO, [WAVE], CONFIG)
    share.note(1e-9)
    assert share.value == 1
    share.note(0.5)
    assert share.value == 1


SMALL = helpers.image(40, 60)


def test_one_pass_is_what_the_model_paints():
    model = StyleModel.from_preset("distilled")
    seen = images.resize(WAVE, 48, 38)
    expected = model.stylize(images.resize(SMALL, 32, 48), seen, 0.7)
    config = GatysConfig(size=48)
    np.testing.assert_allclose(
        strength.in_one_pass(SMALL, [WAVE], config, strength=0.7),
        expected,
        atol=1e-5,
    )


def test_styles_have_a_size_of_their_own_and_a_scale():
    model = StyleModel.from_preset("distilled")
    seen = images.resize(WAVE, 40, 32)
    expected = model.stylize(images.resize(SMALL, 32, 48), seen)
    config = GatysConfig(size=48, style_scale=(0.5,))
    np.testing.assert_allclose(
        strength.in_one_pass(SMALL, [WAVE], config, 80), expected, atol=1e-5
    )


def test_large_pictures_are_not_painted():
    picture = strength.in_one_pass(SMALL, [WAVE], GatysConfig(size=4000))
    assert picture.shape == (341, strength.LONGEST, 3)


def test_long_panoramas_are_painted_as_large_as_the_model_needs():
    content = helpers.image(24, 1024)
    picture = strength.in_one_pass(content, [WAVE], GatysConfig(size=1000))
    assert picture.shape == (16, 683, 3)
    # At the smallest size that is allowed, 15.5 pixels are 16.
    least = strength.in_one_pass(content, [WAVE], GatysConfig(size=662))
    assert least.shape == (16, 662, 3)
