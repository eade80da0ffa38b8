"""Whatever Keras is set to, pictures and losses are the same."""

import keras
import numpy as np
import pytest

import helpers
import tfstyle
from tfstyle import features
from tfstyle.controls import regions
from tfstyle.dreams.config import DreamConfig
from tfstyle.fitting import loop
from tfstyle.optimization.config import GatysConfig
from tfstyle.training import adain, distillation
from tfstyle.training.config import AdaINConfig
from tfstyle.training.perceptual import PerceptualLoss

PHOTO, STYLE = helpers.image(32, 40), helpers.image(40, 32, seed=1)
# Settings of Keras -> their values; its own are the first.
DEFAULTS = {
    "floatx": "float32",
    "image_data_format": "channels_last",
    "dtype_policy": "float32",
}
OTHERS = {
    "doubles": {"floatx": "float64", "dtype_policy": "float64"},
    "halves": {
        "floatx": "float16",
        "dtype_policy": "mixed_float16",
        "image_data_format": "channels_first",
    },
}


def apply(settings):
    for name, value in (DEFAULTS | settings).items():
        getattr(keras.config, f"set_{name}")(value)


@pytest.fixture(params=OTHERS)
def others(request):
    """Settings for `apply`, which do not outlive the test."""
    yield OTHERS[request.param]
    apply({})


def painted(**changes):
    config = {"size": 32, "start_size": 32, "steps": 2, "precision": "float32"}
    config |= {"features": "vgg_distilled", "style_scale": (1.0,)} | changes
    return tfstyle.stylize(PHOTO, [STYLE, PHOTO], GatysConfig(**config))


def dreamt():
    config = DreamConfig(
        size=32,
        octaves=1,
        steps=2,
        content_weight=1.0,
        tv_weight=1.0,
        features="vgg_distilled",
        precision="float32",
    )
    return tfstyle.deep_dream(PHOTO, config, guide=STYLE)


def transferred():
    model = helpers.style_model()
    mask = np.zeros(PHOTO.shape[:2], np.float32)
    mask[:, :20] = 1
    styles = [STYLE, PHOTO]
    parts = regions.from_masks(PHOTO, styles, [mask])
    return model.stylize(PHOTO, styles, 0.5, regions=parts)


def embedded():
    return np.array(helpers.style_model().embed_style(STYLE[None]))


def trained():
    config = AdaINConfig(**helpers.training_settings())
    model = adain.untrained(config)
    layers = [config.content_layer, *config.style_layers]
    judge = features.extractor("vgg_distilled", layers, border="mirror")
    rate = loop.rate(1e-3, 20_000, 5_000)
    model.compile(
        keras.optimizers.Adam(rate), objective=PerceptualLoss(judge, config)
    )
    return _fitted(model, (PHOTO[None, :, :32], STYLE[None, :32]))


def distilled():
    layers = ["block1_conv1", "block2_conv1"]
    student = features.network("vgg_distilled", layers)
    teacher = features.extractor("vgg_distilled", layers)
    pictures = np.stack([PHOTO[:, :32], STYLE[:32]])
    pair = distillation.distiller(student, teacher, pictures)
    pair.compile(keras.optimizers.Adam(loop.rate(1e-3, 20_000, 5_000)))
    return _fitted(pair, pictures)


def _fitted(model, data):
    """Losses of two steps, the rate after them and some weights."""
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(4101)  # No number of float16.
    logs = [model.train_on_batch(data, return_dict=True) for _ in range(2)]
    # That of Keras' own is in the type that it is set to.
    values = [x for log in logs for name, x in log.items() if name != "loss"]
    rate = 1e3 * model.optimizer.learning_rate
    weights = keras.ops.convert_to_numpy(model.trainable_variables[0])
    return np.array([*map(float, [*values, rate]), *weights.ravel()[:4]])


def _keras_own(name):
    layers = {"inception_v3": "mixed0", "resnet50": "conv2_block1_out"}
    network = features.extractor(
        name, [layers[name]], weights=None, border="mirror"
    )
    (maps,) = network(helpers.image(75, 80)[None]).values()
    return np.array(maps)


MADE = {
    "picture": lambda: painted(
        pooling="l2",
        tv_weight=1.0,
        structure_weight=1.0,
        evenness_weight=1.0,
        layout_weight=1.0,
        histogram_weight=1.0,
        color="luminance",
        photorealistic=True,
        strength=0.5,
    ),
    "quick": lambda: painted(
        style_loss="gram", precision="bfloat16", init="transfer"
    ),
    "dream": dreamt,
    "transfer": transferred,
    "embedding": embedded,
    "training": trained,
    "distillation": distilled,
    "inception_v3": lambda: _keras_own("inception_v3"),
    "resnet50": lambda: _keras_own("resnet50"),
}


@pytest.fixture(scope="module")
def expected():
    apply({})
    return {name: make() for name, make in MADE.items()}


@pytest.mark.parametrize("name", MADE)
def test_the_result_is_the_same(others, name, expected):
    apply(others)
    found = MADE[name]()
    assert found.dtype == expected[name].dtype
    np.testing.assert_allclose(found, expected[name], rtol=1e-6, atol=1e-7)
    for setting, value in (DEFAULTS | others).items():
        kept = getattr(keras.config, setting)()
        assert value == getattr(kept, "name", kept)
