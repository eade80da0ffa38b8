"""Settings of trainings are checked when they are made."""

import pytest

from tfstyle.training.config import ARCHITECTURES, AdaINConfig, DistillConfig


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"steps": 0}, "`steps` must be positive. Received: steps=0"),
        ({"crop": -1}, "`crop` must be positive"),
        ({"crop": 15}, "`crop` must be 32 or more. Received: crop=15"),
        ({"learning_rate": -1.0}, "`learning_rate` must be a number from 0 up"),
        ({"gram_weight": float("nan")}, "`gram_weight` must be"),
        ({"seed": -1}, "`seed` must not be negative. Received: seed=-1"),
        ({"steps": 2.5}, "`steps` must be a whole number above 0"),
        ({"precision": "float16"}, "`precision` must be one of auto, float32,"),
        ({"teacher_dtype": "float16"}, "`teacher_dtype` must be one of auto,"),
    ],
)
def test_distillation_settings_are_checked(changes, match):
    with pytest.raises(ValueError, match=match):
        DistillConfig(**changes)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"crop": 31}, "`crop` must be 32 or more. Received: crop=31"),
        ({"smallest": 0.0}, "`smallest` must be above 0 and at most 1"),
        ({"style_loss": "taste"}, "`style_loss` must be one of gram, moments"),
        ({"tv_weight": -1.0}, "`tv_weight` must be a number from 0 up"),
        ({"batch_size": 0}, "`batch_size` must be positive"),
        ({"seed": -1}, "`seed` must not be negative. Received: seed=-1"),
        ({"steps": 2.5}, "`steps` must be a whole number above 0"),
        ({"precision": "bfloat16"}, "`precision` must be one of auto, "),
        ({"loss_dtype": "float16"}, "`loss_dtype` must be one of auto, "),
        ({"train_encoder": "no"}, "`train_encoder` must be True or False"),
        ({"encoder": "resnet50"}, "`encoder` must be one of vgg_distilled"),
    ],
)
def test_settings_of_style_models_are_checked(changes, match):
    with pytest.raises(ValueError, match=match):
        AdaINConfig(**changes)


def test_models_saved_before_there_was_modulation_may_get_it():
    before = ARCHITECTURES["vgg_distilled"] | {"encoder": "vgg_distilled"}
    del before["modulation"]
    AdaINConfig(start="before.h5", modulation=8).check_start(before)


@pytest.mark.parametrize("changes", [{}, {"levels": ("block2_conv1",)}])
def test_a_damaged_model_to_start_from_is_named(changes):
    damaged = ARCHITECTURES["vgg_distilled"] | {"encoder": "vgg_distilled"}
    del damaged["levels"]
    message = "settings in 'a.h5' make no model: they lack levels. Take an"
    with pytest.raises(ValueError, match=message):
        AdaINConfig(start="a.h5", **changes).check_start(damaged)


def test_positions_of_a_level_are_not_larger_than_the_margin():
    five = {"widths": (4,) * 5, "depths": (1,) * 5}
    with pytest.raises(ValueError, match="in the first 4 blocks"):
        AdaINConfig(levels=("block3_conv1", "block5_conv1"), **five)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        (
            {"levels": ("nosuch",)},
            "`levels` must be one of image, block1",
        ),
        ({"levels": ("block1_pool",)}, "Received: levels='block1_pool'"),
        ({"levels": ("image",)}, r"`levels` must .* Received: .*'image'"),
        ({"levels": ()}, r"`levels` must .* layer"),
        (
            {"levels": ("block2_conv1", "block2_conv2")},
            r"`levels` must .* at most one of each",
        ),
        (
            {"levels": ("block5_conv1",)},
            r"`levels` must be in the first 4 blocks, .* widths=\(16, .*"
            r"levels=\('block5_conv1',\)",
        ),
        ({"widths": (16, 32)}, "in the first 2 blocks"),
        ({"depths": (1, 2, 3)}, "in the first 3 blocks"),
        ({"widths": (16, 32, 0, 8)}, "`widths` must be positive"),
        ({"depths": (1, 2, 3, -1)}, "`depths` must be positive"),
    ],
)
def test_models_that_cannot_be_built_are_refused(changes, match):
    with pytest.raises(ValueError, match=match):
        AdaINConfig(**changes)


@pytest.mark.parametrize("encoder", ARCHITECTURES)
def test_each_encoder_has_a_model(encoder):
    made = AdaINConfig(encoder=encoder, depths=(3, 3, 3, 3)).architecture()
    assert made == ARCHITECTURES[encoder] | {"depths": (3, 3, 3, 3)}


def test_vgg16_may_be_seen_to_the_fourth_block():
    levels = ("image", "block4_conv1")
    made = AdaINConfig(encoder="vgg16", levels=levels).architecture()
    assert len(made["widths"]) == len(made["depths"]) == 4
