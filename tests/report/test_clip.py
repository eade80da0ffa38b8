"""The page about a clip."""

import re

import numpy as np

import helpers
import tfstyle
from tfstyle.images import provenance
from tfstyle.motion.course import Course
from tfstyle.report import clip


def looked(count, height=40, width=60):
    course = Course()
    for i in range(count):
        frame = helpers.image(height, width + i)[:, i:]
        painted = np.clip(frame + 0.1 * (i % 2), 0, 1)
        course.look(i / 25, frame, painted)
    return course


def written(path, course, **more):
    config = tfstyle.VideoConfig(stability=0.5)
    clip.write(
        path,
        config=config,
        record=provenance.describe(config, {}),
        command=["python", "-m", "tfstyle.video"],
        title="painted.mp4",
        shots=course.looks,
        values=course.measured,
        speed=2.5,
        **more,
    )
    return path.read_text()


def test_frames_and_measures_are_on_the_page(tmp_path):
    course = looked(12)
    text = written(tmp_path / "page.html", course, notes=["Cut <short>."])
    assert text.count("<figure>") == 2 * len(course.looks)
    assert "Cut &lt;short&gt;." in text and "2.50" in text
    assert "VideoConfig(stability=0.5)" in text
    assert "<svg" in text and "second" in text
    assert not re.search(r'(src|href)="http', text)


def test_very_narrow_frames_are_measured():
    course = looked(2, 16, 10_000)
    assert [look.frame.shape for look in course.looks] == 2 * [(12, 320, 3)]
    own, painted = course.measured[0].changes
    assert own < 0.06 < painted


def test_pictures_that_flicker_change_more_than_the_clip():
    course = looked(12)
    assert [round(25 * x.second) for x in course.measured] == [1, 6, 11]
    for value in course.measured:
        own, painted = value.changes
        assert own < 0.06 < painted
        np.testing.assert_allclose(*value.sharpness, rtol=0.2)


def test_long_runs_show_few_frames(tmp_path):
    course = looked(60)
    seconds = [look.second for look in course.looks]
    assert 6 <= len(seconds) <= 12
    assert seconds[0] == 0 and seconds[-1] > 1.8
    assert np.ptp(np.diff(seconds)) < 1e-9
    course = Course()
    course.look(0.0, helpers.image(20, 30), helpers.image(20, 30))
    assert "Steadiness" not in written(tmp_path / "page.html", course)
