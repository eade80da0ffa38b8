import dataclasses

import numpy as np
import pytest

from tfstyle.images import provenance
from tfstyle.optimization.config import GatysConfig
from tfstyle.report import sections
from tfstyle.report.figures import Figure
from tfstyle.runtime.progress import Progress

LOSSES = {
    "total": 6.0,
    "style": 5.0,
    "tv": 1.0,
    "style/block1_conv1": 3.0,
    "style/block2_conv1": 2.0,
}
CONFIG = GatysConfig(size=64, steps=20, style_scale=(0.5,), seed=3)


def progress(width, step, seconds):
    return Progress(
        size=width,
        height=30,
        width=width,
        step=step,
        steps=20,
        done=0.0,
        total=1.0,
        losses=LOSSES,
        seconds=seconds,
        memory=0,
    )


def size(width, offset=0, gradients=None):
    return sections.Size(
        first=progress(width, 1, 0.0),
        last=progress(width, 20, 0.0),
        offset=offset,
        setup=1.5,
        began=2.0,
        ended=3.9,
        values=[(offset + 1, LOSSES), (offset + 20, LOSSES)],
        figures=[Figure(b"jpeg", 30, width, "step 20")],
        gradients=gradients or {},
        memory=123_000_000,
    )


def about(config=CONFIG, command=(), **changes):
    record = provenance.describe(config, {}, {"device": "CPU"}) | changes
    return sections.about(config, record, command)


def test_sums_of_terms_that_are_there_are_left_out():
    found = sections.course([size(64)], 0.25)["losses"]
    names = ["total", "tv", "style/block1_conv1", "style/block2_conv1"]
    assert list(found.colors) == names
    assert found.numbers.header == ["At the end of", "64×30"]
    values = ["6", "1", "3", "2"]
    assert found.numbers.rows == [[*p] for p in zip(names, values, strict=True)]


def test_shares_of_the_gradient_are_there_where_they_were_measured():
    terms = {name: 1.0 for name in LOSSES if name not in ("total", "style")}
    assert sections.course([size(64)], 0.25)["gradients"] is None
    sizes = [size(64, gradients=terms), size(128, 20)]
    found = sections.course(sizes, 0.25)["gradients"]
    assert list(found.colors) == list(terms)
    assert found.numbers.header == ["At the end of", "64×30"]
    assert found.numbers.rows == [[name, "1"] for name in terms]
    assert "64×30" in found.svg and "128×30" not in found.svg


def test_a_run_without_losses_has_no_charts():
    before = dataclasses.replace(size(64), values=[])
    found = sections.course([before], 0.25)
    assert found["losses"] is None and found["gradients"] is None
    assert found["sizes"] == [before]


def test_times_are_those_of_the_steps():
    found = sections.course([size(64)], 0.25)
    # 19 steps from the first to the last.
    row = ["64×30", "20", "1.5", "1.9", "100", "123"]
    assert found["costs"].rows == [row]
    assert found["spent"] == 0.25


def test_settings_that_differ_come_first():
    table = about()["settings"]
    assert ["size", "64", "512"] in table.rows[:4]
    assert ["style_scale", "0.5", "1.0"] in table.rows[:4]
    assert ["pooling", "max", "max"] in table.rows[4:]
    assert {row[0] for row in table.rows[:4]} == {*table.changed}
    assert len(table.changed) == 4


def test_inputs_have_their_digests():
    entry = {"name": "<cat>.jpg", "sha256": "0123abc"}
    found = about(inputs={"content": entry})
    assert found["files"].rows == [["content", "<cat>.jpg", "0123abc"]]
    assert ["device", "CPU"] in found["versions"].rows
    assert about()["files"].rows == []


def test_settings_in_python_are_plain_and_name_no_folders():
    config = GatysConfig(
        feature_weights="/secret/mine.h5",
        content_weight=np.float32(2),
        style_scale=(np.float32(0.5),),
        style_layers={"block1_conv1": np.float64(1.5)},
    )
    call = about(config)["call"]
    assert "feature_weights='mine.h5'" in call and "secret" not in call
    for part in ("content_weight=2.0", "(0.5,)", "{'block1_conv1': 1.5}"):
        assert part in call


def test_the_run_can_be_made_again():
    found = about(command=["python", "--output=my cat.png"])
    assert found["command"] == "python '--output=my cat.png'"
    call = "GatysConfig(style_scale=(0.5,), size=64, steps=20, seed=3)"
    assert found["call"] == f"tfstyle.{call}"
    assert eval(call) == CONFIG


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (True, "yes"),
        (0, "0"),
        (0.5, "0.5"),
        ([0.7, 0.3], "0.7, 0.3"),
        ({"block1_conv1": 1.0, "b": 0.5}, "block1_conv1:1, b:0.5"),
    ],
)
def test_values_are_written_as_flags_have_them(value, expected):
    assert sections._text(value) == expected
