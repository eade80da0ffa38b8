import base64
import dataclasses
import gc
import html
import io
import re
import weakref

import numpy as np
import PIL.Image
import pytest

import browser
import helpers
import tfstyle
from tfstyle.adain.config import SpecializeConfig
from tfstyle.optimization.config import GatysConfig
from tfstyle.report.callback import Report
from tfstyle.runtime.progress import Progress

# Narrow, so that three sizes are quick: 128, 181 and 256 pixels.
PHOTO, WAVE = helpers.image(64, 256), helpers.image(40, 30, seed=1)
CONFIG = GatysConfig(
    size=256,
    steps=10,
    coarse_share=1.0,
    features="vgg_distilled",
    style_layers={"block1_conv1": 1.0, "block2_conv1": 1.0},
    content_layers={"block2_conv1": 1.0},
    precision="float32",
)
TERMS = ["tv", "content/block2_conv1", "style/block1_conv1"]


def images_in(text):
    """Captions and arrays of the pictures of a page."""
    found = re.findall(r'base64,([^"]+)" alt="([^"]*)"', text)
    return [
        (
            caption,
            np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(data)))),
        )
        for data, caption in found
    ]


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """The picture, the report and its page."""
    made = tfstyle.Report(CONFIG, {"photo <1>": PHOTO, "style 1": WAVE})
    picture = tfstyle.stylize(PHOTO, WAVE, CONFIG, made)
    path = tmp_path_factory.mktemp("report") / "report.html"
    made.write(path, picture)
    return picture, made, path


def test_a_notebook_shows_the_page_in_a_frame_without_scripts(painted):
    _, made, _ = painted
    frame = re.fullmatch(
        r'<iframe srcdoc="([^"]*)" title="tfstyle report" sandbox="" [^<]*>'
        "</iframe>",
        made._repr_html_(),
    )
    assert html.unescape(frame[1]) == made.html()
    assert "photo &lt;1&gt;" in made.html()


def progress(step, width=64, steps=40, **changes):
    values = {
        "size": width,
        "height": 48,
        "width": width,
        "step": step,
        "steps": steps,
        "done": 0.0,
        "total": 1.0,
        "losses": {"total": 1.0 / (step + 1)},
        "seconds": 0.0,
        "memory": 1,
    }
    return Progress(**values | changes)


def grey():
    return np.full((48, 64, 3), 0.5, np.float32)


def written(made, path, *arguments):
    made.write(path / "report.html", *arguments)
    return (path / "report.html").read_text()


def test_the_picture_is_the_same_bit_for_bit(painted):
    alone = tfstyle.stylize(PHOTO, WAVE, CONFIG)
    np.testing.assert_array_equal(painted[0], alone)


def test_page_shows_what_went_in_and_out_and_each_size(painted):
    picture, _, path = painted
    shown = images_in(path.read_text())
    captions = [caption for caption, _ in shown]
    assert captions[:3] == [
        "result, 256×64",
        "photo &lt;1&gt;",
        "style 1",
    ]
    quarters = ["step 3", "step 6", "step 9", "step 10"]
    assert captions[3:] == 3 * quarters
    _, result = shown[0]
    assert result.shape == picture.shape
    assert np.abs(result / 255 - picture).mean() < 0.05  # JPEG.
    assert shown[3][1].shape == (32, 128, 3)
    assert shown[-1][1].shape == (64, 256, 3)


def test_every_term_has_its_share_at_the_end_of_each_size(painted):
    _, made, path = painted
    text = path.read_text()
    assert [size.name for size in made._sizes] == ["128×32", "181×45", "256×64"]
    for size in made._sizes:
        assert set(size.gradients) >= set(TERMS)
        assert min(size.gradients.values()) > 0
    assert "<h2>Gradients</h2>" in text
    assert all(f"</span>{term}</li>" in text for term in TERMS)


def test_seconds_of_the_report_are_not_those_of_the_run(painted):
    _, made, _ = painted
    last = made._sizes[-1]
    assert made._spent > 0
    seconds = sum(s.setup + s.ended - s.began for s in made._sizes)
    assert seconds == pytest.approx(last.ended)
    assert last.ended < last.last.seconds


def test_a_size_that_ends_early_is_shown_to_its_end():
    config = dataclasses.replace(
        CONFIG, size=181, steps=100, loss_threshold=1e9
    )
    made = tfstyle.Report(config)
    tfstyle.stylize(PHOTO, WAVE, config, made)
    assert [size.last.step for size in made._sizes] == [1, 1]
    (first,) = made._sizes[0].figures
    assert first.caption == "step 1"
    assert set(made._sizes[0].gradients) >= set(TERMS)


def test_only_who_asks_for_gradients_computes_them(painted):
    calls = []

    def on_step(value, picture):
        if value.step == value.steps:
            calls.append(value.gradients())

    config = dataclasses.replace(CONFIG, size=128, steps=2)
    tfstyle.stylize(PHOTO, WAVE, config, on_step)
    assert len(calls) == 1 and set(calls[0]) >= set(TERMS)


def test_interrupted_run_is_reported_without_more_work(tmp_path):
    def gradients():
        raise AssertionError("Who pressed Ctrl-C is in a hurry.")

    made = Report(CONFIG)
    for step in range(1, 13):
        made(progress(step, gradients=gradients), grey)
    text = written(made, tmp_path, None, "Stopped & <here>.")
    assert '<p class="note">Stopped &amp; &lt;here&gt;.</p>' in text
    assert "<h2>Gradients</h2>" not in text
    assert [caption for caption, _ in images_in(text)] == [
        "result, 64×48",
        "step 10",
    ]


def test_pictures_of_integers_are_refused(tmp_path):
    photo = np.full((8, 8, 3), 99)
    with pytest.raises(ValueError, match="must be uint8"):
        Report(CONFIG, {"photo": photo})
    with pytest.raises(ValueError, match="must be uint8"):
        Report(CONFIG).write(tmp_path / "a.html", photo)


def test_a_training_has_a_page_without_pictures():
    config = SpecializeConfig(
        loss_features="vgg_distilled",
        loss_dtype="float32",
        precision="float32",
        style_size=64,
        thin_steps=0,
        steps=10,
        epoch=10,
        batch_size=2,
        crop=32,
    )
    made = tfstyle.Report(config, {"style 1": WAVE})
    photos = [helpers.image(64, 72, seed) for seed in range(3)]
    helpers.style_model().specialize(WAVE, photos, config, made)
    text = made.html()
    assert [caption for caption, _ in images_in(text)] == ["style 1"]
    assert "<h2>Progress</h2>" not in text
    assert "<h2>Loss</h2>" in text and "<h2>Time and memory</h2>" in text


def test_report_before_the_first_step_has_the_settings(tmp_path):
    text = written(Report(CONFIG), tmp_path, None, "Diverged.")
    assert "Diverged." in text and "vgg_distilled" in text
    assert images_in(text) == []


def test_resumed_run_says_that_it_shows_a_part(tmp_path):
    made = Report(CONFIG, resumed=True)
    made(progress(30, seconds=500.0), grey)
    made(progress(40, seconds=510.0), grey)
    text = written(made, tmp_path)
    assert "resumed from a checkpoint" in text
    assert "64×48</th><td>40</td><td>0.0</td><td>10.0</td><td>1000</td>" in text
    fresh = written(Report(CONFIG), tmp_path)
    assert "resumed from a checkpoint" not in fresh


def test_parts_of_a_step_are_not_other_steps(tmp_path):
    made = Report(CONFIG)
    for step in range(9):
        for _ in range(3):  # Tiles of a dream.
            made(progress(step, steps=9, losses={}), grey)
        made(progress(step + 1, steps=9), grey)
    captions = [p.caption for p in made._sizes[0].figures]
    assert captions == ["step 3", "step 6", "step 9"]


def test_a_zoom_of_many_frames_stays_small(tmp_path):
    made = Report(CONFIG)
    for _ in range(100):
        for step in range(1, 9):
            made(progress(step, steps=8), grey)
    shots = sum(len(size.figures) for size in made._sizes)
    assert (len(made._sizes), shots) == (100, 12 * 4 + 88)
    assert len(written(made, tmp_path)) < 2_000_000


def test_older_page_stays_if_the_new_one_cannot_be_written(tmp_path):
    with pytest.raises(OSError, match="gone"):
        Report(CONFIG).write(tmp_path / "gone" / "report.html")


def test_page_in_a_browser(painted, tmp_path):
    path = painted[2]

    async def look(page):
        assert page.errors == []
        assert [url for url in page.requests if url[:5] != "data:"] == [
            path.as_uri()
        ]
        widths = await page.run(
            "return [...document.images].map((i) => i.naturalWidth)"
        )
        assert len(widths) == 15 and min(widths) > 0
        named = await page.named({"image"})
        assert len(named) == 15 + 2 and all(name for _, name in named)
        assert ("image", "Terms of the loss over 30 steps") in named
        for width in (320, 1200):
            await page.command(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=800,
                deviceScaleFactor=1,
                mobile=False,
            )
            # Nothing is wider than the window: what is scrolls by itself.
            assert await page.run(
                "return document.documentElement.scrollWidth <= innerWidth"
            )
        for scheme, dark in [("light", False), ("dark", True)]:
            feature = {"name": "prefers-color-scheme", "value": scheme}
            await page.command("Emulation.setEmulatedMedia", features=[feature])
            brightness = await page.run(
                "return [...document.querySelectorAll('svg text')]"
                ".map((text) => getComputedStyle(text).fill)"
                ".map((fill) => Number(fill.match(/\\d+/)[0]))"
            )
            assert all((x > 128) == dark for x in brightness), brightness

    with browser.start(tmp_path) as port:
        browser.visit(port, path.as_uri(), look)


def test_a_report_keeps_the_arrays_of_one_size_only():
    made, arrays = Report(CONFIG), []
    for width in (64, 128, 256):
        array = np.zeros((1, 48, width, 3), np.float32)
        arrays.append(weakref.ref(array))

        def gradients(array=array):
            return {"tv": float(array.size)}

        for step in (0, 40):
            made(
                progress(step, width, gradients=gradients),
                lambda array=array: array[0],
            )
        del array, gradients
        gc.collect()
        assert not any(kept() is not None for kept in arrays[:-1])
    assert arrays[-1]() is not None
