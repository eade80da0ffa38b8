import dataclasses
import json
import re

import numpy as np
import pytest

from tfstyle.adain.config import TransferConfig
from tfstyle.controls.settings import Controls
from tfstyle.optimization import config
from tfstyle.optimization.config import GatysConfig
from tfstyle.runtime.devices import JIT_COMPILE, PRECISIONS

NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 0),
        ("size", -1),
        ("size", NAN),
        ("start_size", 0),
        ("steps", 0),
        ("coarse_share", -0.1),
        ("coarse_share", 1.1),
        ("beta_2", 1.0),
        ("beta_2", NAN),
        ("steps", -10),
        ("learning_rate", 0.0),
        ("learning_rate", NAN),
        ("learning_rate", INFINITY),
        ("content_weight", -1.0),
        ("style_weight", NAN),
        ("tv_weight", INFINITY),
        ("structure_weight", -1e-9),
        ("evenness_weight", -1e-9),
        ("layout_weight", -1e-9),
        ("histogram_weight", -INFINITY),
        ("tolerance", -0.1),
        ("loss_threshold", NAN),
        ("seed", -1),
        ("features", "vgg"),
        ("pooling", "mean"),
        ("style_loss", "w2"),
        ("optimizer", "sgd"),
        ("init", "gray"),
        ("precision", "float16"),
        ("jit_compile", True),
        ("draft", "no"),
        ("draft", None),
        ("photorealistic", 1),
        ("color", "luma"),
        ("strength", -0.1),
        ("strength", 1.5),
        ("strength", NAN),
        ("style_scale", (0.0,)),
        ("style_scale", (1.0, -1.0)),
        ("style_scale", (17.0,)),
        ("style_scale", (NAN,)),
        ("size", "256"),
        ("size", 48.5),
        ("steps", 2.5),
        ("seed", 0.5),
        ("learning_rate", "1"),
        ("beta_2", None),
        ("tv_weight", None),
        ("coarse_share", "1"),
        ("strength", "1"),
        ("style_scale", 0.5),
        ("style_scale", ("1",)),
        ("style_mix", 1.0),
        ("style_mix", ("1",)),
        ("style_layers", ["block1_conv1"]),
        ("content_layers", "block4_conv2"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_value(name, value):
    with pytest.raises(ValueError) as error:
        GatysConfig(**{name: value})
    message = str(error.value)
    assert message.startswith(f"`{name}` must ")
    assert f"Received: {name}={value!r}" in message
    assert "\n" not in message


@pytest.mark.parametrize("value", ["256", 48.5, None])
def test_whole_numbers_are_asked_for(value):
    message = "`size` must be a whole number above 0. Received: size="
    with pytest.raises(ValueError, match=re.escape(f"{message}{value!r}")):
        GatysConfig(size=value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": "256"}, "`size` must be a whole number from 0 up"),
        ({"size": -1}, "`size` must not be negative. Received: size=-1"),
        ({"style_size": 0.5}, "`style_size` must be a whole number from 0 up"),
        ({"tile": 64.0}, "`tile` must be a whole number from 0 up"),
        ({"tile": 100}, "`tile` must be a multiple of 8, from 64 up"),
        ({"style_scale": 0.5}, r"`style_scale` must be a tuple .* as \(1,\)"),
        ({"style_mix": 1.0}, "`style_mix` must be a tuple of numbers"),
    ],
)
def test_wrong_settings_of_transfers_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TransferConfig(**settings)


def test_numbers_of_numpy_are_taken():
    made = GatysConfig(
        size=np.int64(48),
        seed=np.uint8(3),
        tv_weight=np.float32(0.5),
        strength=np.float64(1),
        style_scale=(np.float32(0.5),),
        style_mix=[np.int32(1), 2],
        style_layers={"block1_conv1": np.float16(1)},
    )
    assert (made.size, made.tv_weight) == (48, 0.5)


@pytest.mark.parametrize("name", ["content_layers", "style_layers"])
@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({}, "not be empty"),
        ({"block1_conv1": 0.0}, "have a value above 0"),
        ({"block1_conv1": 1, "block2_conv1": -2}, "be .* from 0 up.*=-2"),
        ({"block1_conv1": NAN}, "be .* from 0 up.*=nan"),
        ({"block1_conv1": "1"}, "be .* from 0 up.*='1'"),
    ],
)
def test_wrong_shares_of_layers_are_refused(name, shares, message):
    with pytest.raises(ValueError, match=f"`{name}` must {message}"):
        GatysConfig(**{name: shares})


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ((), "not be empty"),
        ((0.0, 0.0), "have a value above 0"),
        ((1.0, -1.0), "be .* from 0 up. Received: style_mix=-1.0"),
        ((INFINITY,), "be .* from 0 up. Received: style_mix=inf"),
    ],
)
def test_wrong_shares_of_styles_are_refused(shares, message):
    with pytest.raises(ValueError, match=f"`style_mix` must {message}"):
        GatysConfig(style_mix=shares)


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("features", config.FEATURES),
        ("pooling", config.POOLINGS),
        ("style_loss", config.STYLE_LOSSES),
        ("optimizer", config.OPTIMIZERS),
        ("init", config.INITS),
        ("precision", PRECISIONS),
        ("jit_compile", JIT_COMPILE),
    ],
)
def test_every_choice_is_taken_and_listed_in_the_error(name, choices):
    for choice in choices:
        assert getattr(GatysConfig(**{name: choice}), name) == choice
    with pytest.raises(ValueError, match=", ".join(choices)):
        GatysConfig(**{name: "other"})


def test_shares_and_weights_may_be_0():
    made = GatysConfig(
        content_weight=0,
        style_weight=0,
        style_mix=(0, 1),
        style_layers={"block1_conv1": 0, "block2_conv1": 2},
    )
    assert made.style_mix == (0, 1)


def test_lbfgs_is_refused_in_bfloat16():
    with pytest.raises(ValueError, match="precision='float32'.*'adam'"):
        GatysConfig(optimizer="lbfgs", precision="bfloat16")
    for precision in ("auto", "float32"):
        GatysConfig(optimizer="lbfgs", precision=precision)


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({}, 1),
        ({}, 3),
        ({"style_mix": (1.0, 2.0)}, 2),
        ({"style_scale": (0.5,)}, 3),
        ({"style_scale": (0.5, 1.0, 2.0)}, 3),
    ],
)
def test_settings_that_fit_the_styles(settings, count):
    assert GatysConfig(**settings).check_styles(count) is None


@pytest.mark.parametrize(
    ("settings", "count", "message"),
    [
        ({}, 0, "At least one style"),
        ({"style_mix": (1.0, 2.0)}, 1, r"each of the 1 .*style_mix=\(1.0, 2.0"),
        ({"style_mix": (1.0,)}, 2, r"each of the 2 .*style_mix=\(1.0,\)"),
        ({"style_scale": (1.0, 2.0)}, 3, r"the 3 .*style_scale=\(1.0, 2.0\)"),
        ({"style_scale": (1.0, 2.0)}, 1, r"the 1 .*style_scale=\(1.0, 2.0\)"),
        ({"style_scale": ()}, 1, r"one value.*style_scale=\(\)"),
    ],
)
def test_settings_that_do_not_fit_the_styles(settings, count, message):
    with pytest.raises(ValueError, match=message):
        GatysConfig(**settings).check_styles(count)


def test_settings_are_frozen_named_and_written_as_json():
    made = GatysConfig(style_mix=(1.0, 2.0))
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.size = 3
    with pytest.raises(TypeError):
        GatysConfig(512)
    read = json.loads(json.dumps(dataclasses.asdict(made)))
    assert read["style_mix"] == [1.0, 2.0]
    assert read["style_layers"] == made.style_layers


def test_two_configs_share_no_layers():
    GatysConfig().style_layers["block1_conv2"] = 5.0
    assert "block1_conv2" not in GatysConfig().style_layers


@pytest.mark.parametrize("kind", [Controls, GatysConfig])
def test_every_setting_is_documented(kind):
    for field in dataclasses.fields(kind):
        assert f"\n    {field.name}: " in kind.__doc__


def test_a_histogram_is_not_for_regions():
    assert GatysConfig().check_regions() is None
    with pytest.raises(ValueError, match="histogram_weight=2"):
        GatysConfig(histogram_weight=2).check_regions()


@pytest.mark.parametrize("features", ["inception_v3", "resnet50"])
def test_other_networks_than_vgg_pool_as_they_do(features):
    with pytest.raises(ValueError, match=f"for {features} it must be 'max'"):
        GatysConfig(features=features, pooling="avg")
