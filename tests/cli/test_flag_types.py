"""Texts of flags become values; `test_program` gives the flags."""

import pytest

from tfstyle.cli import flag_types


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("block1_conv1", {"block1_conv1": 1.0}),
        ("a:1,b:0.5", {"a": 1.0, "b": 0.5}),
        (" b : 2e1 , a ", {"b": 20.0, "a": 1.0}),
        ("a:0,b:1", {"a": 0.0, "b": 1.0}),
    ],
)
def test_weights_are_parsed_in_order(text, expected):
    assert list(flag_types.parse_weights(text).items()) == list(
        expected.items()
    )


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "expected name:weight, received ''"),
        ("a,,b", "expected name:weight, received ''"),
        (":1", "expected name:weight, received ':1'"),
        ("a:-1", "weight of 'a' must be a number from 0 up, received '-1'"),
        ("a:nan", "received 'nan'"),
        ("a:inf", "received 'inf'"),
        ("a:", "received ''"),
        ("a:1:2", "received '1:2'"),
        ("a:x", "received 'x'"),
        ("a,b,a:2", "'a' is given twice"),
        ("a:0,b:0", "one weight must be above 0, received 'a:0,b:0'"),
    ],
)
def test_wrong_weights_are_refused(text, match):
    with pytest.raises(ValueError, match=match):
        flag_types.parse_weights(text)
