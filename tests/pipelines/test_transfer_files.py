import numpy as np
import pytest

import helpers
from tfstyle import images
from tfstyle.adain.config import TransferConfig
from tfstyle.images import folders, provenance
from tfstyle.pipelines import transfer_files, transfer_inputs

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
        "read": images.read,
        "quality": 95,
        "rescue": False,
    }
    return transfer_files.Files(**given | changes)


def test_pictures_have_the_transparency_and_say_how_they_were_made(item):
    run = files()
    photograph = run.photograph(item)
    assert photograph.item is item and photograph.regions is None
    assert photograph.image.pixels.shape == PIXELS.shape
    record = run.record(RECORD, item.content)
    assert not run.write(item, 1 - PIXELS, photograph.image.alpha, record)
    painted = images.read(item.output)
    np.testing.assert_allclose(
        painted.pixels[:, 26:], 1 - PIXELS[:, 26:], atol=1 / 255
    )
    assert painted.alpha[:, :26].max() == 0 and painted.alpha[:, 26:].min() == 1
    found = provenance.read(item.output)
    assert found["inputs"]["content"]["name"] == "photo.png"


def test_transparency_can_be_a_mask(item):
    run = files(inputs={"style 1": "style.png", "keep_mask": "alpha"})
    _, photo, found = run.photograph(item)
    kept = found.paste(np.zeros_like(PIXELS), photo.pixels)
    np.testing.assert_array_equal(kept[:, 26:], photo.pixels[:, 26:])
    assert not kept[:, :26].any()
    inputs = run.record(RECORD, item.content)["inputs"]
    assert inputs["keep_mask"] == inputs["content"]


def test_the_record_has_settings_files_and_model(item, tmp_path):
    style = str(item.content)
    inputs = {"style 1": style, "keep_mask": "alpha"}
    record = files(inputs=inputs, quality=80).describe(None, "2x2")
    assert record["config"]["quality"] == 80
    assert record["config"]["grid"] == "2x2"
    assert set(record["inputs"]) == {"style 1"}
    assert record["notes"] == transfer_inputs.describe("distilled", None)


def test_masks_are_read_once_for_all_photographs(item, tmp_path, monkeypatch):
    read, paths = images.read, []

    def counted(path, max_pixels):
        paths.append(path)
        return read(path, max_pixels)

    monkeypatch.setattr(images, "read", counted)
    mask, style = str(tmp_path / "mask.png"), str(tmp_path / "style.png")
    images.save(mask, helpers.image(40, 52, 4))
    images.save(style, helpers.image(30, 26, 3))
    run = transfer_files.open_files(
        TransferConfig(style_size=0),
        {"style 1": style, "keep_mask": mask},
        max_pixels=10_000,
        quality=95,
        rescue=False,
    )
    # It was once for the check, and once for each photograph.
    for _ in range(3):
        assert run.photograph(item).regions is not None
    assert paths.count(mask) == paths.count(style) == 1
    assert paths.count(str(item.content)) == 3
    with pytest.raises(ValueError, match="more than"):
        transfer_files.open_files(
            TransferConfig(),
            {"style 1": style, "keep_mask": mask},
            max_pixels=1_000,
            quality=95,
            rescue=False,
        )


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
        run.write(item, PIXELS, None, RECORD)
    assert len([*elsewhere.iterdir()]) == rescue
