import numpy as np
import pytest

import helpers
from tfstyle.adain import regional, tiling
from tfstyle.controls import regions
from tfstyle.controls.settings import Controls


@pytest.fixture(scope="module")
def model():
    """Of the package's own depth."""
    return helpers.style_model(levels=None, widths=None, depths=None)


def test_tiles_cover_a_side_once():
    for length in (20, 64, 65, 200):
        found = tiling.tiles(length, 64, 16)
        covered = [i for tile in found for i in range(tile.start, tile.stop)]
        assert covered == list(range(length))
        for tile in found:
            assert tile.first == max(tile.start - 16, 0)
            assert tile.last == min(tile.start + 64 + 16, length)


def test_the_halo_is_a_multiple_of_the_stride(model):
    # 2 pixels, 4, 12 and 8 for the convolutions of the encoder, 7 for its
    # pooling; 32, 16, 6, 2 for those of the decoder and its doublings.
    assert tiling.halo(model) == 96


def test_the_halo_is_that_of_the_deepest_level():
    made = helpers.style_model(levels=("block3_conv1", "block2_conv1", "image"))
    other = helpers.style_model(
        levels=("image", "block2_conv1", "block3_conv1")
    )
    assert tiling.halo(made) == tiling.halo(other)


@pytest.mark.parametrize("shape", [(60, 300), (137, 90), (200, 208)])
@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_tiled_equals_untiled(model, shape, alpha):
    content, style = helpers.image(*shape), helpers.image(40, 50, 1)
    embedding = np.asarray(model.embed_style(style[None]))
    whole = model.stylize(content, style, alpha)
    tiled = tiling.TiledModel(model, 64).apply_style(content, embedding, alpha)
    assert tiled.shape == content.shape
    assert np.abs(tiled - whole).max() < 5e-4


@pytest.mark.parametrize("shape", [(60, 300), (137, 90)])
def test_regions_are_the_same_in_tiles(model, shape):
    content = helpers.image(*shape)
    styles = [helpers.image(40, 50, seed) for seed in (1, 2)]
    mask = np.zeros(shape, np.float32)
    mask[: shape[0] // 2, : shape[1] // 3] = 1
    mask[-20:] = 0.4
    keep = np.zeros(shape, np.float32)
    keep[:, -30:] = 1
    found = regions.from_masks(content, styles, [mask], [], keep)
    whole = model.stylize(content, styles, 0.8, regions=found)
    levels = list(model.channels)
    embedding = regional.embed(
        model.embed_style, model.channels, styles, Controls(), found.parts
    )
    tiled = tiling.TiledModel(model, 64).apply_style(
        content,
        np.asarray(embedding),
        0.8,
        regional.content_masks(found.parts, shape, levels),
    )
    assert np.abs(tiled - whole).max() < 5e-4
    np.testing.assert_array_equal(tiled[:, -30:], content[:, -30:])


def test_the_halo_is_needed(model):
    content, style = helpers.image(60, 300), helpers.image(40, 50, 1)
    embedding = np.asarray(model.embed_style(style[None]))
    short = tiling.TiledModel(model, 64)
    short.halo = 16
    tiled = short.apply_style(content, embedding)
    assert np.abs(tiled - model.stylize(content, style)).max() > 1e-3
