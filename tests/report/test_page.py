import html

import pytest

from tfstyle.images import provenance
from tfstyle.optimization.config import GatysConfig
from tfstyle.report import html_page, page
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
    return page.Size(
        first=progress(width, 1, 0.0),
        last=progress(width, 20, 0.0),
        offset=offset,
        setup=1.5,
        began=2.0,
        ended=3.9,
        values=[(offset + 1, LOSSES), (offset + 20, LOSSES)],
        pictures=[html_page.Image(b"jpeg", 30, width, "step 20")],
        gradients=gradients or {},
        memory=123_000_000,
    )


def course(*sizes):
    return "\n".join(page.course(sizes, 0.25))


def about(config=CONFIG, command=(), **changes):
    record = provenance.describe(config, {}, {"device": "CPU"}) | changes
    return "\n".join(page.about(config, record, command))


def row(*cells, kind=""):
    name, *others = map(html.escape, cells)
    columns = "".join(f"<td>{cell}</td>" for cell in others)
    return f'<tr{kind}><th scope="row">{name}</th>{columns}</tr>'


def test_sums_of_terms_that_are_there_are_left_out():
    text = course(size(64))
    assert "style/block1_conv1" in text
    assert row("style/block2_conv1", "2") in text
    assert row("total", "6") in text and row("tv", "1") in text
    assert '<th scope="row">style</th>' not in text


def test_shares_of_the_gradient_are_there_where_they_were_measured():
    terms = {name: 1.0 for name in LOSSES if name not in ("total", "style")}
    title = "Who pulls how much"
    assert title not in course(size(64))
    text = course(size(64, gradients=terms), size(128, 20))
    assert title in text
    assert text.count("64×30") > text.count("128×30")


def test_times_are_those_of_the_steps():
    text = course(size(64))
    # 19 steps from the first to the last.
    assert row("64×30", "20", "1.5", "1.9", "100", "123") in text
    assert "took 0.2 s more" in text or "took 0.3 s more" in text


def test_settings_that_differ_come_first():
    text = about()
    changed = ' class="changed"'
    assert row("size", "64", "512", kind=changed) in text
    assert row("style_scale", "0.5", "1.0", kind=changed) in text
    assert row("pooling", "max", "max") in text
    assert text.rindex(changed) < text.index(row("pooling", "max", "max"))
    assert text.count(changed) == 4


def test_inputs_have_their_digests():
    entry = {"name": "<cat>.jpg", "sha256": "0123abc"}
    text = about(inputs={"content": entry})
    assert row("content", "<cat>.jpg", "0123abc") in text
    assert row("device", "CPU") in text
    assert "SHA-256" not in about()


def test_the_run_can_be_made_again():
    text = html.unescape(about(command=["python", "--output=my cat.png"]))
    assert "python '--output=my cat.png'" in text
    call = "GatysConfig(style_scale=(0.5,), size=64, steps=20, seed=3)"
    assert f"tfstyle.{call}" in text
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
    assert page._text(value) == expected
