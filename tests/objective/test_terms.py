import numpy as np
import pytest
import tensorflow as tf

import helpers
from network_cases import LAYERS, NIGHT, PHOTO, WAVE, settings, terms_of, values
from tfstyle import features, images, losses
from tfstyle.objective import gains
from tfstyle.objective.style_sizes import scale_styles
from tfstyle.objective.terms import make_terms

STYLE_LOSSES = pytest.mark.parametrize("style_loss", ["gram", "wasserstein"])

OTHER = helpers.image(32, 48, seed=5)  # As large as `PHOTO`.
LARGE = helpers.image(96, 96, seed=7)


def test_the_thin_network_holds_on_to_the_photograph_and_smooths_more():
    layers = {"content_layers": {"block1_conv2": 1}, "content_weight": 3}
    layers |= {"style_layers": {"block1_conv1": 1}, "style_weight": 11}
    layers |= {"tv_weight": 7, "chroma_weight": 2, "evenness_weight": 5}
    layers |= {"style_loss": "gram"}
    thin = features.extractor("vgg_distilled", ["block1_conv1", "block1_conv2"])
    terms = make_terms(thin, PHOTO, [PHOTO], settings(**layers))
    factors = gains.of("vgg_distilled")
    for name, expected in (
        ("content/block1_conv2", 3 * factors.content),
        ("style/block1_conv1", 11 * factors.palette),
    ):
        term = terms[name]
        layer = name.partition("/")[2]
        nothing = {layer: np.zeros((1, 32, 48, 16), "float32")}
        value = term.weight * float(term.loss(None, nothing)[0])
        assert value == pytest.approx(expected, rel=1e-4)
    assert terms["tv"].weight == pytest.approx(7 * factors.variation)
    chroma = float(losses.chroma_variation_loss(PHOTO[None])[0])
    expected = 2 * factors.chroma / chroma
    assert terms["chroma"].weight == pytest.approx(expected, rel=1e-5)
    expected = 5 * factors.squares / PHOTO.var((0, 1)).sum()
    assert terms["evenness"].weight == pytest.approx(expected, rel=1e-5)
    assert min(factors) > 1 and set(gains.of("vgg19")) == {1}


@STYLE_LOSSES
def test_the_style_costs_nothing_at_its_own_size(network, style_loss):
    style = helpers.image(32, 48, seed=1)
    found = terms_of(
        network,
        style,
        PHOTO,
        [style],
        style_loss=style_loss,
        histogram_weight=1,
    )
    for name in ("style/block1_conv1", "style/block1_conv2", "histogram"):
        assert abs(found[name]) < 1e-4
    assert found["content/block2_conv1"] > 0.1


@STYLE_LOSSES
def test_the_content_costs_nothing(network, style_loss):
    found = terms_of(
        network,
        PHOTO,
        PHOTO,
        [WAVE],
        style_loss=style_loss,
        structure_weight=1,
        histogram_weight=1,
    )
    assert found["content/block2_conv1"] == found["structure"] == 0
    for name in ("style/block1_conv1", "style/block1_conv2", "histogram"):
        assert found[name] > 0.01


@STYLE_LOSSES
def test_terms_are_1_where_nothing_is_answered(network, style_loss):
    config = settings(
        style_loss=style_loss,
        content_weight=3,
        style_weight=8,
        histogram_weight=5,
        structure_weight=7,
        style_layers={"block1_conv1": 1, "block1_conv2": 3},
    )
    # As style, too: a style term is relative to the mean of both energies.
    terms = make_terms(network, PHOTO, [PHOTO, PHOTO], config)
    black = np.zeros((1, 32, 48, 3), "float32")
    silence = {
        "block1_conv1": np.zeros((1, 4, 4, 64), "float32"),
        "block1_conv2": np.zeros((1, 4, 4, 64), "float32"),
        "block2_conv1": np.zeros((1, 16, 24, 128), "float32"),
    }
    found = {
        name: term.weight * float(term.loss(black, silence)[0])
        for name, term in terms.items()
    }
    # The weights, times the share of the layer.
    assert found == pytest.approx(
        {
            "content/block2_conv1": 3,
            "style/block1_conv1": 2,
            "style/block1_conv2": 6,
            "histogram": 5,
            "structure": 7,
        },
        rel=1e-4,
    )


def test_terms_without_weight_are_left_out(network):
    config = settings(style_layers={"block1_conv1": 0, "block1_conv2": 1})
    assert set(make_terms(network, PHOTO, [WAVE], config)) == {
        "content/block2_conv1",
        "style/block1_conv2",
    }
    everything = settings(
        tv_weight=1,
        chroma_weight=1,
        structure_weight=1,
        evenness_weight=1,
        layout_weight=1,
        histogram_weight=1,
    )
    assert set(make_terms(network, PHOTO, [WAVE], everything)) == {
        "content/block2_conv1",
        "style/block1_conv1",
        "style/block1_conv2",
        "tv",
        "chroma",
        "structure",
        "evenness",
        "layout",
        "histogram",
    }


def test_only_the_ratio_of_the_shares_counts(network):
    def found(*shares, **changes):
        layers = dict(zip(LAYERS, shares, strict=False))
        changes |= {"style_layers": layers, "content_layers": layers}
        return terms_of(network, PHOTO, OTHER, [WAVE], **changes)

    once, tenfold = found(1, 3), found(10, 30)
    assert once == pytest.approx(tenfold, rel=1e-6)
    assert found(1)["style/block1_conv1"] == pytest.approx(
        4 * once["style/block1_conv1"], rel=1e-6
    )
    doubled = found(1, 3, style_weight=2, content_weight=0)
    for name, value in once.items():
        factor = 2 if name.startswith("style") else 0
        assert doubled[name] == pytest.approx(factor * value, rel=1e-6)


@STYLE_LOSSES
def test_terms_hardly_depend_on_the_size(network, style_loss):
    found = []
    for size in (48, 96):
        shape = images.fit(32, 48, size)
        photo, picture = (images.resize(x, *shape) for x in (PHOTO, LARGE))
        found.append(
            terms_of(
                network,
                picture,
                photo,
                [WAVE],
                style_loss=style_loss,
                histogram_weight=1,
            )
        )
    for name, value in found[0].items():
        assert 2 / 3 < found[1][name] / value < 3 / 2, name


@STYLE_LOSSES
@pytest.mark.parametrize("kept", [0, 1])
def test_a_style_with_the_whole_share_is_alone(network, style_loss, kept):
    changes = {"style_loss": style_loss, "histogram_weight": 1}
    changes |= {"chroma_weight": 1}
    shares = (0.0, 3.0)[:: 1 if kept else -1]
    pair = [WAVE, NIGHT]
    mixed = terms_of(network, PHOTO, PHOTO, pair, style_mix=shares, **changes)
    alone = terms_of(network, PHOTO, PHOTO, [pair[kept]], **changes)
    assert mixed == pytest.approx(alone, rel=1e-4)


@STYLE_LOSSES
def test_equal_shares_are_the_default(network, style_loss):
    changes = {"style_loss": style_loss, "histogram_weight": 1}
    pair = [WAVE, NIGHT]
    default = terms_of(network, PHOTO, PHOTO, pair, **changes)
    equal = terms_of(network, PHOTO, PHOTO, pair, style_mix=(2, 2), **changes)
    assert default == equal
    other = terms_of(network, PHOTO, PHOTO, pair, style_mix=(1, 3), **changes)
    assert abs(other["histogram"] - equal["histogram"]) > 1e-3


@STYLE_LOSSES
def test_blended_statistics_are_those_of_all_positions(network, style_loss):
    # Of two styles with as many positions each: those of the two together.
    pair = [helpers.image(48, 48, seed) for seed in (3, 4)]
    layer = "block1_conv2"
    terms = make_terms(
        network,
        PHOTO,
        pair,
        settings(style_loss=style_loss, style_layers={layer: 1}),
    )
    maps = [network(style[None])[layer] for style in pair]
    together = tf.concat(maps, axis=1)
    picture = network(PHOTO[None])
    if style_loss == "gram":
        target = losses.gram_matrix(together)
        expected = losses.style_loss(picture[layer], target)
    else:
        target = losses.gaussian(*losses.mean_covariance(together))
        expected = losses.wasserstein_loss(picture[layer], target)
    actual = terms[f"style/{layer}"].loss(PHOTO[None], picture)
    np.testing.assert_allclose(actual, expected, rtol=1e-3)


@STYLE_LOSSES
@pytest.mark.parametrize("colour", [(0, 0, 0), (0.5, 0.5, 0.5), (1, 1, 1)])
@pytest.mark.parametrize("flat", ["content", "style", "both"])
def test_flat_images_give_finite_terms_and_gradients(
    network, style_loss, colour, flat
):
    plain = np.full((32, 48, 3), colour, "float32")
    content = PHOTO if flat == "style" else plain
    style = WAVE if flat == "content" else plain
    terms = make_terms(
        network,
        content,
        [style, style],
        settings(
            style_loss=style_loss,
            style_mix=(0.3, 0.7),
            tv_weight=1,
            chroma_weight=1,
            structure_weight=1,
            histogram_weight=1,
        ),
    )
    for picture in (plain, PHOTO):
        x = tf.constant(picture[None])
        for name, term in terms.items():
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = term.weight * term.loss(x, network(x))[0]
            gradient = tape.gradient(value, x)
            assert np.isfinite(value) and np.isfinite(gradient).all(), name


def test_a_blend_of_flat_styles_has_no_negative_variances(network):
    # Rounding left less than nothing, and 0 / 0 in the gradient.
    random = np.random.default_rng(0)
    config = settings(style_loss="wasserstein", style_mix=(0.3, 0.7))
    for _ in range(5):
        plain = np.tile(random.random(3, "float32"), (32, 48, 1))
        terms = make_terms(network, plain, [plain] * 2, config)
        found = values(network, terms, plain)
        assert all(abs(value) < 1e-3 for value in found.values()), found


def test_a_layer_that_answers_nothing_has_a_finite_weight(network):
    silent = features.extractor("vgg16", ["block1_conv1"], weights=None)
    layer = silent.get_layer("block1_conv1")
    layer.set_weights([-np.abs(layer.get_weights()[0]), np.full(64, -1e6)])
    config = settings(
        content_layers={"block1_conv1": 1}, style_layers={"block1_conv1": 1}
    )
    for style_loss in ("gram", "wasserstein"):
        found = terms_of(
            silent,
            PHOTO,
            PHOTO,
            [WAVE],
            content_layers=config.content_layers,
            style_layers=config.style_layers,
            style_loss=style_loss,
        )
        assert list(found.values()) == [0, 0]


@STYLE_LOSSES
def test_style_terms_are_relative_to_style_and_photograph(network, style_loss):
    config = settings(style_loss=style_loss)
    there = make_terms(network, PHOTO, [OTHER], config)
    back = make_terms(network, OTHER, [PHOTO], config)
    for name in ("style/block1_conv1", "style/block1_conv2"):
        assert there[name].weight == pytest.approx(back[name].weight, rel=1e-4)


@pytest.mark.parametrize(
    "changes",
    [{}, {"style_mix": (1.0, 3.0)}, {"style_detail": ("fine", "coarse")}],
)
def test_a_share_of_the_style_is_a_part_of_the_way_to_it(network, changes):
    config = settings(style_loss="wasserstein", **changes)

    def distances(share):
        terms = make_terms(network, PHOTO, [WAVE, NIGHT], config, share=share)
        found = values(network, terms, PHOTO)
        return {
            name: value / terms[name].weight
            for name, value in found.items()
            if name.startswith("style/")
        }

    whole = distances(1.0)
    for share in (0.2, 0.5, 0.9):
        # Squared distances of normal distributions.
        expected = {name: share**2 * one for name, one in whole.items()}
        assert distances(share) == pytest.approx(expected, rel=2e-3)


def test_histograms_go_the_same_part_of_the_way(network):
    config = settings(histogram_weight=1.0, style_mix=(1.0, 3.0))
    given = network, PHOTO, [WAVE, NIGHT], config
    found = make_terms(*given, share=0.4)["histogram"].target
    count = PHOTO.shape[0] * PHOTO.shape[1]
    scaled = scale_styles([WAVE, NIGHT], PHOTO.shape[:2], config.style_scale)
    wave, night, photo = (
        losses.quantiles(image[None], count) for image in (*scaled, PHOTO)
    )
    expected = 0.1 * wave + 0.3 * night + 0.6 * photo
    np.testing.assert_allclose(found, expected, atol=1e-6)


@STYLE_LOSSES
def test_layers_take_the_styles_that_are_for_them(network, style_loss):
    layers = {"block1_conv1": 1.0, "block2_conv1": 1.0}
    config = settings(style_loss=style_loss, style_layers=layers)
    mixed = settings(
        style_loss=style_loss,
        style_layers=layers,
        style_detail=("coarse", "fine"),
    )
    found = make_terms(network, PHOTO, [WAVE, NIGHT], mixed)
    fine = make_terms(network, PHOTO, [NIGHT], config)
    for layer in layers:  # Both are fine.
        name = f"style/{layer}"
        assert values(network, found, PHOTO)[name] == pytest.approx(
            values(network, fine, PHOTO)[name], rel=1e-4
        )


def test_deep_layers_are_coarse(random_vgg16):
    layers = {"block2_conv1": 1.0, "block3_conv1": 1.0}
    deep = features.extractor("vgg16", [*layers], weights=random_vgg16)
    changes = {"style_layers": layers, "content_layers": {"block2_conv1": 1}}
    mixed = settings(style_detail=("coarse", "fine"), **changes)
    found = make_terms(deep, PHOTO, [WAVE, NIGHT], mixed)
    # Forms of a style of their own weigh four times as much.
    for style, layer, gain in (
        (WAVE, "block3_conv1", 4),
        (NIGHT, "block2_conv1", 1),
    ):
        alone = make_terms(deep, PHOTO, [style], settings(**changes))
        name = f"style/{layer}"
        assert values(deep, found, PHOTO)[name] == pytest.approx(
            gain * values(deep, alone, PHOTO)[name], rel=1e-4
        )
