import dataclasses

import pytest

from tfstyle.dreams.config import LAYERS, DreamConfig
from tfstyle.optimization.config import FEATURES
from tfstyle.pretrained import topology


def test_every_setting_is_documented():
    for field in dataclasses.fields(DreamConfig):
        assert f"\n    {field.name}: " in DreamConfig.__doc__


def test_a_dream_takes_the_layers_of_its_network():
    for name, layers in LAYERS.items():
        assert topology.check(name, layers)
        assert DreamConfig().shares(name).keys() == layers.keys()
        assert sum(DreamConfig().shares(name).values()) == 1
    assert set(LAYERS) == set(FEATURES) - {"auto"}
    own = DreamConfig(layers={"block1_conv1": 1, "a": 0, "b": 3})
    assert own.shares("vgg16") == {"block1_conv1": 0.25, "b": 0.75}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "`size` must be positive. Received: size=0"),
        ({"octaves": 0}, "`octaves` must be positive"),
        ({"steps": -1}, "`steps` must be positive"),
        ({"step_size": float("nan")}, "`step_size` must be positive"),
        ({"tile": 0}, "`tile` must be positive"),
        ({"levels": 0}, "`levels` must be positive"),
        ({"octave_scale": 1.0}, "`octave_scale` must be above 1"),
        ({"zoom": 4.1}, "`zoom` must be above 1 and at most 4"),
        ({"jitter": -1}, "`jitter` must not be negative"),
        ({"jitter": 513}, "`jitter` must be at most 512. Received: jitter=513"),
        (
            {"octaves": 1.5},
            "`octaves` must be a whole number above 0. Received",
        ),
        ({"jitter": "8"}, "`jitter` must be a whole number from 0 up. R.*='8'"),
        ({"octave_scale": "2"}, "`octave_scale` must be positive. R.*='2'"),
        ({"layers": ["mixed3"]}, "`layers` must map .* layers=\\['mixed3'\\]"),
        ({"channels": 3}, "`channels` must be a tuple of whole numbers"),
        ({"channels": (0.5,)}, "`channels` must be a tuple of whole numbers"),
        ({"zoom_frames": -1}, "`zoom_frames` must not be negative"),
        ({"seed": -1}, "`seed` must not be negative"),
        ({"layers": {}}, "`layers` must not be empty"),
        ({"layers": {"a": 0}}, "`layers` must have a value above 0"),
        ({"channels": ()}, "`channels` must be numbers from 0 up"),
        ({"channels": (3, -1)}, "`channels` must be numbers from 0 up"),
        ({"content_weight": -1}, "`content_weight` must be a number"),
        ({"color": "statistics"}, "`color` must be one of style, luminance. R"),
        ({"features": "alexnet"}, "`features` must be one of auto, vgg16"),
    ],
)
def test_wrong_dreams_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        DreamConfig(**settings)
