import dataclasses
import shutil

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

import helpers
from tfstyle.optimization.dream_config import DreamConfig
from tfstyle.runtime import runs

IMAGE = helpers.image(8, 10)
CONFIG = DreamConfig(features="vgg_distilled")
STATE = {"picture": IMAGE}


def test_a_checkpoint_comes_back(tmp_path):
    kept = runs.Checkpoints(str(tmp_path), CONFIG, [IMAGE])
    assert kept.load() is None
    kept.save(STATE, {"step": 3})
    again = runs.Checkpoints(str(tmp_path), CONFIG, [IMAGE])
    arrays, meta = again.load()
    np.testing.assert_array_equal(arrays["picture"], IMAGE)
    assert meta["step"] == 3


@pytest.mark.parametrize(
    ("config", "images", "note"),
    [
        (dataclasses.replace(CONFIG, steps=3), [IMAGE], None),
        (CONFIG, [IMAGE, IMAGE], None),
        (CONFIG, [IMAGE[::-1]], None),
        (CONFIG, [IMAGE.reshape(10, 8, 3)], None),
        (CONFIG, [IMAGE], 2),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(config, images, note, tmp_path):
    runs.Checkpoints(str(tmp_path), CONFIG, [IMAGE]).save(STATE, {})
    other = runs.Checkpoints(str(tmp_path), config, images, note)
    with pytest.raises(ValueError, match="belongs to other images or settings"):
        other.load()


def test_numbers_of_numpy_are_numbers(tmp_path):
    arguments = str(tmp_path), CONFIG, [IMAGE]
    runs.Checkpoints(*arguments, 3).save(STATE, {"step": 3})
    size = dataclasses.replace(CONFIG, size=np.int64(CONFIG.size))
    again = runs.Checkpoints(str(tmp_path), size, [IMAGE], np.int32(3))
    assert again.load()[1]["step"] == 3


def test_weights_are_known_by_what_is_in_them(tmp_path, small_vgg16):
    moved, other = tmp_path / "moved.h5", tmp_path / "other.h5"
    shutil.copy(small_vgg16, moved)
    other.write_bytes(moved.read_bytes() + b"more")

    def run(path):
        config = DreamConfig(features="vgg16", feature_weights=str(path))
        return runs.Checkpoints(str(tmp_path), config, [IMAGE])

    run(small_vgg16).save(STATE, {"step": 3})
    assert run(moved).load()[1]["step"] == 3
    with pytest.raises(ValueError, match="other images or settings"):
        run(other).load()


def test_what_cannot_be_written_is_said_with_the_picture(tmp_path):
    (tmp_path / "file").write_text("")
    kept = runs.Checkpoints(str(tmp_path / "file"), CONFIG, [IMAGE])
    assert kept.deliver(IMAGE) is IMAGE
    kept.save(STATE, {})
    with pytest.raises(runs.UnsavedError, match="file' could not be") as error:
        kept.deliver(IMAGE)
    assert error.value.picture is IMAGE


def test_auto_is_the_network_that_is_at_hand(small_vgg16):
    with_file = DreamConfig(feature_weights=str(small_vgg16))
    assert runs.with_network(with_file).features == "vgg16"
    assert runs.with_network(CONFIG) is CONFIG


def test_without_a_folder_nothing_is_kept():
    kept = runs.Checkpoints(None, CONFIG, [IMAGE])
    kept.save(STATE, {})
    assert kept.load() is None


def test_a_checkpoint_is_due_after_a_while(tmp_path, monkeypatch):
    kept = runs.Checkpoints(str(tmp_path), CONFIG, [IMAGE])
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
        ("dog.jpg", r"`images.load` reads files. Received: str$"),
        (PIL.Image.new("RGB", (8, 8)), "Received: Image$"),
        (IMAGE.tolist(), "Received: list$"),
        (tf.constant(IMAGE), "Received: EagerTensor$"),
    ],
)
def test_what_is_no_image_is_refused(image, match):
    with pytest.raises(ValueError, match=match):
        runs.check_images([IMAGE, image])
