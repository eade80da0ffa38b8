import numpy as np
import pytest

import helpers
from tfstyle import images
from tfstyle.adain.config import TransferConfig
from tfstyle.images import folders, provenance
from tfstyle.pipelines import transfer_files

PIXELS = helpers.image(40, 52)


@pytest.fixture
def item(tmp_path):
    alpha = np.ones((40, 52), np.float32)
    alpha[:, :26] = 0
    images.save(tmp_path / "photo.png", PIXELS, alpha=alpha)
    return folders.Item(tmp_path / "photo.png", tmp_path / "made" / "photo.png")


RECORD = provenance.describe({"strength": 1.0}, {}, {"model": "ab"})


def files(**changes):
    given = {
        "config": TransferConfig(),
        "inputs": {"style 1": "style.png"},
        "styles": [helpers.image(30, 26, 3)],
        "image": images.read,
        "max_pixels": 10_000,
        "quality": 95,
        "rescue": False,
    }
    return transfer_files.Files(**given | changes)


def test_what_is_written_is_done_until_something_changes(item):
    run = files()
    given = run.read(item, RECORD)
    assert given.regions is None
    assert given.photo.pixels.shape == PIXELS.shape
    run.write(item, 1 - PIXELS, given)
    painted = images.read(item.output)
    np.testing.assert_allclose(
        painted.pixels[:, 26:], 1 - PIXELS[:, 26:], atol=1 / 255
    )
    assert painted.alpha[:, :26].max() == 0 and painted.alpha[:, 26:].min() == 1
    record = provenance.read(item.output)
    assert record["inputs"]["content"]["name"] == "photo.png"
    assert run.read(item, RECORD) is None
    other = provenance.describe({"strength": 0.5}, {})
    assert run.read(item, other) is not None
    images.save(item.content, 1 - PIXELS)
    assert run.read(item, RECORD) is not None


def test_transparency_can_be_a_mask(item):
    run = files(inputs={"style 1": "style.png", "keep_mask": "alpha"})
    photo, found = run.photograph(item)
    kept = found.paste(np.zeros_like(PIXELS), photo.pixels)
    np.testing.assert_array_equal(kept[:, 26:], photo.pixels[:, 26:])
    assert not kept[:, :26].any()
    record = run.given(item, photo, found, RECORD).record
    assert record["inputs"]["keep_mask"] == record["inputs"]["content"]


def test_formats_are_checked_before_painting(item):
    images.save(item.content, helpers.image(16, 16400))
    wide = folders.Item(item.content, item.output.with_suffix(".webp"))
    with pytest.raises(ValueError, match="holds at most 16383"):
        files().photograph(wide)


@pytest.mark.parametrize("rescue", [False, True])
def test_one_picture_is_rescued_and_those_of_a_folder_are_not(
    item, tmp_path, monkeypatch, rescue
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    item.output.mkdir(parents=True)  # A folder is where the file should be.
    run = files(rescue=rescue)
    with pytest.raises(OSError, match="photo.png"):
        run.write(item, PIXELS, run.read(item, RECORD))
    assert len([*elsewhere.iterdir()]) == rescue
