"""Settings of trainings are checked when they are made."""

import pytest

from tfstyle.training_config import AdaINConfig, DistillConfig


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"steps": 0}, "`steps` must be positive. Received: steps=0"),
        ({"crop": -1}, "`crop` must be positive"),
        ({"learning_rate": -1.0}, "`learning_rate` must be a number from 0 up"),
        ({"gram_weight": float("nan")}, "`gram_weight` must be"),
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
    ],
)
def test_settings_of_style_models_are_checked(changes, match):
    with pytest.raises(ValueError, match=match):
        AdaINConfig(**changes)
