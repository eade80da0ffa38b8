"""Runs that end early, and go on where they ended."""

import errno

import numpy as np
import pytest

from gatys_runs import (
    LARGE,
    NIGHT,
    PHOTO,
    TWO,
    TWO_SIZES,
    WAVE,
    Watch,
    check,
)
from tfstyle import images
from tfstyle.optimization import gatys
from tfstyle.optimization.config import GatysConfig
from tfstyle.runtime import checkpoint


class CrashError(Exception):
    """What ends the program in the middle of a run."""


def crash_at(step):
    steps = set()

    def on_step(progress, picture):
        steps.add(progress.done)
        if len(steps) == step:
            raise CrashError

    return on_step


@pytest.fixture(scope="module", params=["adam", "lbfgs"])
def uninterrupted(request, small_vgg16):
    """A configuration of two sizes, five steps each, and its picture."""
    config = GatysConfig(
        **TWO,
        steps=5,
        coarse_share=1.0,
        features="vgg16",
        feature_weights=small_vgg16,
        content_layers={"block1_conv2": 1},
        style_layers={"block1_conv1": 1},
        tv_weight=0.1,
        optimizer=request.param,
        init="noise",
        tolerance=1e-6,
        precision="float32",
    )
    return config, gatys.stylize(LARGE, [WAVE, NIGHT], config)


@pytest.mark.parametrize("end", [3, 5, 7])
def test_a_run_goes_on_where_it_was_ended(uninterrupted, tmp_path, end):
    config, expected = uninterrupted
    folder = str(tmp_path / "new folder")
    parts, pictures = [Watch(end), Watch()], []
    for watch in parts:
        pictures.append(
            gatys.stylize(
                LARGE, [WAVE, NIGHT], config, watch, checkpoint_dir=folder
            )
        )
    assert [len(watch.seen) for watch in parts] == [end, 10 - end]
    check(pictures[0], TWO_SIZES[end > 5])
    assert pictures[1].tobytes() == expected.tobytes()
    assert np.abs(images.resize(pictures[0], 48, 68) - expected).max() > 0.01


def test_a_run_goes_on_where_it_was_killed(
    uninterrupted, tmp_path, monkeypatch
):
    config, expected = uninterrupted
    monkeypatch.setattr(checkpoint, "_SECONDS", 0.0)
    arguments = LARGE, [WAVE, NIGHT], config
    with pytest.raises(CrashError):
        gatys.stylize(*arguments, crash_at(7), checkpoint_dir=tmp_path)
    watch = Watch()
    actual = gatys.stylize(*arguments, watch, checkpoint_dir=tmp_path)
    # The last step was lost, as it had not been stored yet.
    assert [(p.size, p.step) for p in watch.seen] == [
        (68, step) for step in (2, 3, 4, 5)
    ]
    assert actual.tobytes() == expected.tobytes()


def test_the_time_of_the_first_part_counts(settings, tmp_path):
    config = settings(steps=4)
    parts = [Watch(2), Watch()]
    for watch in parts:
        gatys.stylize(PHOTO, WAVE, config, watch, checkpoint_dir=tmp_path)
    assert parts[1].seen[0].seconds > parts[0].seen[-1].seconds


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"loss_threshold": 1e6}, 1),
        ({"tolerance": 0.9999}, 10),
        ({"tolerance": 0.9999}, 20),
        ({}, None),
    ],
)
def test_a_size_that_has_ended_stays_ended(settings, tmp_path, changes, end):
    config = settings(steps=30, **changes)
    whole, again = Watch(), Watch()
    expected = gatys.stylize(PHOTO, WAVE, config, whole)
    gatys.stylize(PHOTO, WAVE, config, Watch(end), checkpoint_dir=tmp_path)
    actual = gatys.stylize(PHOTO, WAVE, config, again, checkpoint_dir=tmp_path)
    done = end or 30
    assert len(again.seen) == len(whole.seen) - done
    assert actual.tobytes() == expected.tobytes()


def test_a_full_disk_loses_the_checkpoint_and_not_the_picture(
    settings, tmp_path, monkeypatch
):
    arguments = PHOTO, WAVE, settings(steps=2)
    expected = gatys.stylize(*arguments)

    def full(*unused):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save", full)
    monkeypatch.setattr(checkpoint, "_SECONDS", -1.0)  # After each step.
    with pytest.raises(checkpoint.UnsavedError, match="No space left") as error:
        gatys.stylize(*arguments, checkpoint_dir=tmp_path)
    np.testing.assert_array_equal(error.value.picture, expected)


@pytest.mark.parametrize(
    ("name", "message"), [("file", "'file' is not a folder"), ("", "no name")]
)
def test_a_folder_that_cannot_be_is_refused_at_once(
    settings, tmp_path, monkeypatch, name, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    watch = Watch()
    with pytest.raises((OSError, ValueError), match=message):
        gatys.stylize(PHOTO, WAVE, settings(), watch, checkpoint_dir=name)
    assert not watch.seen


def test_a_checkpoint_of_nobody_is_refused(settings, tmp_path):
    checkpoint.save(tmp_path, {"x": np.zeros(3)}, {})
    with pytest.raises(ValueError, match="belongs to other images or sett"):
        gatys.stylize(PHOTO, WAVE, settings(steps=2), checkpoint_dir=tmp_path)


def test_a_checkpoint_of_another_run_is_refused(settings, tmp_path):
    config = settings(steps=2)
    gatys.stylize(PHOTO, [WAVE, NIGHT], config, checkpoint_dir=tmp_path)
    others = [
        (PHOTO, [WAVE, NIGHT], settings(steps=3), None),
        (PHOTO, [WAVE, NIGHT], settings(steps=2, optimizer="lbfgs"), None),
        (PHOTO[::-1], [WAVE, NIGHT], config, None),
        (PHOTO.reshape(40, 32, 3), [WAVE, NIGHT], config, None),
        (PHOTO, [NIGHT, WAVE], config, None),
        (PHOTO, [WAVE], config, NIGHT),
        (PHOTO, [WAVE, NIGHT], config, NIGHT),
    ]
    for content, styles, changed, init in others:
        with pytest.raises(ValueError, match="belongs to other images or sett"):
            gatys.stylize(
                content, styles, changed, init=init, checkpoint_dir=tmp_path
            )
    watch = Watch()
    gatys.stylize(
        PHOTO, [WAVE, NIGHT], config, watch, checkpoint_dir=str(tmp_path)
    )
    assert not watch.seen  # Its own is still there.
