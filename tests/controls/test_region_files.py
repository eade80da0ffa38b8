import numpy as np
import pytest

import helpers
from tfstyle import images
from tfstyle.controls import region_files

PHOTO, WAVE = helpers.image(24, 32), helpers.image(20, 30, 1)
LEFT = np.zeros((24, 32), np.float32)
LEFT[:, :16] = 1


def save(path, mask, alpha=None):
    images.save(path, np.repeat(mask[..., None], 3, axis=-1), alpha)
    return str(path)


def test_no_files_are_no_regions():
    picture = images.Picture(PHOTO)
    found = region_files.read(
        {"content": "p", "style 1": "s"}, "p", picture, []
    )
    assert found is None


def test_a_mask_is_the_grey_tones_or_the_transparency(tmp_path):
    grey = save(tmp_path / "grey.png", LEFT)
    clear = save(tmp_path / "clear.png", np.ones_like(LEFT), LEFT)
    picture = images.Picture(PHOTO)
    for path in (grey, clear):
        inputs = {"content_mask 1": path}
        found = region_files.read(inputs, "photo.png", picture, [WAVE])
        np.testing.assert_array_equal(found.parts[0].mask, LEFT)


def test_the_photograph_has_a_mask_of_its_own(tmp_path):
    inputs = {"content": "p.png", "keep_mask": "alpha", "style_mask 1": "alpha"}
    inputs = region_files.with_alpha(inputs, "p.png")
    assert inputs["keep_mask"] == "p.png"
    assert inputs["style_mask 1"] == "alpha"  # A file of this name.
    del inputs["style_mask 1"]
    picture = images.Picture(PHOTO, LEFT)
    found = region_files.read(inputs, "p.png", picture, [WAVE])
    np.testing.assert_array_equal(found.parts[0].mask, 1 - LEFT)
    with pytest.raises(ValueError, match=r"'p.png' has no transparency"):
        region_files.read(inputs, "p.png", images.Picture(PHOTO), [WAVE])


def test_masks_belong_to_the_style_of_the_same_place(tmp_path):
    top = np.zeros((20, 30), np.float32)
    top[:10] = 1
    inputs = {
        "content_mask 1": save(tmp_path / "left.png", LEFT),
        "content_mask 2": save(tmp_path / "right.png", 1 - LEFT),
        "style_mask 1": save(tmp_path / "top.png", top),
    }
    picture = images.Picture(PHOTO)
    found = region_files.read(inputs, "p", picture, [WAVE, WAVE])
    first, second = found.parts
    np.testing.assert_array_equal(first.mask, LEFT)
    np.testing.assert_array_equal(first.sources[0], top)
    assert second.sources == {1: None}


def test_maps_are_read_as_colours(tmp_path):
    halves = np.zeros((24, 32, 3), np.float32)
    halves[:, :16] = 1
    images.save(tmp_path / "map.png", halves)
    style = np.zeros((20, 30, 3), np.float32)
    style[:10] = 1
    images.save(tmp_path / "style.png", style)
    inputs = {
        "content_map": str(tmp_path / "map.png"),
        "style_map": str(tmp_path / "style.png"),
    }
    picture = images.Picture(PHOTO)
    found = region_files.read(inputs, "p", picture, [WAVE])
    np.testing.assert_array_equal(found.parts[1].mask, LEFT)


def test_maps_may_be_drawn_on_a_transparent_ground(tmp_path):
    inputs = {"content_map": "map.png", "style_map": "style.png"}
    for path, (height, width) in zip(
        inputs.values(), [(24, 32), (20, 30)], strict=True
    ):
        alpha = np.zeros((height, width), np.float32)
        alpha[:, : width // 2] = 1
        drawn = np.ones((height, width, 3), np.float32)
        images.save(tmp_path / path, drawn, alpha)
    paths = {role: str(tmp_path / path) for role, path in inputs.items()}
    found = region_files.read(paths, "p", images.Picture(PHOTO), [WAVE])
    white, clear = found.parts
    np.testing.assert_array_equal(white.mask, LEFT)
    np.testing.assert_array_equal(clear.mask, 1 - LEFT)


@pytest.mark.parametrize(
    ("roles", "apart"),
    [
        (["style 1"], False),
        (["style 1", "content_mask 1"], False),
        (["style 1", "style 2", "content_mask 1"], True),
        (["style 1", "style 2", "style_mask 1", "keep_mask"], False),
        (["style 1", "content_map", "style_map", "keep_mask"], False),
    ],
)
def test_roles_that_go_together(roles, apart):
    assert region_files.check_roles(roles) is apart


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        (["content_map"], "`content_map` and `style_map` need each other"),
        (
            ["content_map", "style_map", "content_mask 1"],
            "either `content_map` or `content_mask`",
        ),
        (
            ["style 1", "style 2", "content_map", "style_map"],
            "one `style`. Received: 2",
        ),
        (["style 1", "style_mask 1", "style_mask 2"], "2 of `style_mask`"),
        (
            [f"{n} {i}" for n in ("style", "content_mask") for i in "123"][:5]
            + ["content_mask 4", "content_mask 5"],
            "4 of `content_mask` need as many of `style`",
        ),
    ],
)
def test_roles_that_do_not(roles, message):
    with pytest.raises(ValueError, match=message):
        region_files.check_roles(roles)
