import numpy as np
import pytest

import helpers
from tfstyle import runs
from tfstyle.config import DreamConfig

IMAGE = helpers.image(8, 10)
STATE = {"picture": IMAGE}


def test_a_checkpoint_comes_back(tmp_path):
    kept = runs.Checkpoints(str(tmp_path), DreamConfig(), [IMAGE])
    assert kept.load() is None
    kept.save(STATE, {"step": 3})
    again = runs.Checkpoints(str(tmp_path), DreamConfig(), [IMAGE])
    arrays, meta = again.load()
    np.testing.assert_array_equal(arrays["picture"], IMAGE)
    assert meta["step"] == 3


@pytest.mark.parametrize(
    ("config", "images", "note"),
    [
        (DreamConfig(steps=3), [IMAGE], None),
        (DreamConfig(), [IMAGE, IMAGE], None),
        (DreamConfig(), [IMAGE[::-1]], None),
        (DreamConfig(), [IMAGE.reshape(10, 8, 3)], None),
        (DreamConfig(), [IMAGE], 2),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(config, images, note, tmp_path):
    runs.Checkpoints(str(tmp_path), DreamConfig(), [IMAGE]).save(STATE, {})
    other = runs.Checkpoints(str(tmp_path), config, images, note)
    with pytest.raises(ValueError, match="belongs to other images or settings"):
        other.load()


def test_without_a_folder_nothing_is_kept():
    kept = runs.Checkpoints(None, DreamConfig(), [IMAGE])
    kept.save(STATE, {})
    assert kept.load() is None


def test_a_checkpoint_is_due_after_a_while(tmp_path, monkeypatch):
    kept = runs.Checkpoints(str(tmp_path), DreamConfig(), [IMAGE])
    assert not kept.due
    monkeypatch.setattr(runs, "_SECONDS", -1.0)
    assert kept.due


@pytest.mark.parametrize(
    ("image", "match"),
    [
        (IMAGE[0], r"shape \(10, 3\)"),
        (IMAGE.astype(float), "float64"),
        (IMAGE[..., :2], "shape"),
        (IMAGE[:0], "shape"),
        (IMAGE + 1, r"in \[0, 1\]"),
        (np.full_like(IMAGE, np.nan), "nan"),
    ],
)
def test_what_is_no_image_is_refused(image, match):
    with pytest.raises(ValueError, match=match):
        runs.check_images([IMAGE, image])
