import itertools
import math

import numpy as np
import pytest

import helpers
from tfstyle import features
from tfstyle.features import tiles

LAYERS = ["block1_conv1", "block2_conv1", "block2_pool", "block3_conv1"]
DEEP = ["block1_conv2", "block4_conv2", "block5_conv1"]


def network(layers=LAYERS, name="vgg_distilled"):
    return features.extractor(name, layers, border="mirror")


@pytest.mark.parametrize(
    ("layer", "stride", "pixels"),
    [
        ("block1_conv1", 1, 0),
        ("block1_conv2", 1, 1),
        ("block1_pool", 2, 1),
        ("block2_conv1", 2, 3),
        ("block5_conv1", 16, 69),
    ],
)
def test_how_far_layers_see(layer, stride, pixels):
    assert tiles.reaches("vgg19", [layer]) == {layer: (stride, pixels)}


def test_no_layer_sees_further():
    # The value in the middle does not change with pixels beyond.
    image = helpers.image(160, 160)[None]
    model = network(DEEP)
    before = model(image)
    for layer, (stride, pixels) in tiles.reaches(model.name, DEEP).items():
        middle = 80 // stride
        changed = image.copy()
        # Positions begin 8 mirrored pixels before the picture.
        first = middle * stride - 8 - pixels
        last = middle * stride - 8 + stride + pixels
        changed[:, : first - 1] = 1 - changed[:, : first - 1]
        changed[:, last + 1 :] = 1 - changed[:, last + 1 :]
        after = model(changed)[layer]
        np.testing.assert_allclose(
            after[0, middle], before[layer][0, middle], atol=1e-4
        )
        changed[:, first : last + 1] = 0.5
        assert not np.allclose(
            model(changed)[layer][0, middle], before[layer][0, middle]
        )


@pytest.mark.parametrize("shape", [(64, 97), (130, 70), (50, 51)])
def test_the_cores_of_tiles_are_the_whole_maps(shape):
    image, model = helpers.image(*shape), network()
    tiling = tiles.Tiling(model.name, LAYERS, shape, 56)
    assert len(tiling.tiles) > 1
    whole, part = model(image[None]), tiles.unpadded(model)
    for layer, stride in tiling.strides.items():
        expected = np.asarray(whole[layer])[0]
        assert tiling.shape(layer) == expected.shape[:2]
        found = np.full_like(expected, np.nan)
        for tile in tiling.tiles:
            core = tile.core(stride).slices
            assert np.isnan(found[core]).all()  # Counted once.
            maps = np.asarray(part(tile.seen(image)[None])[layer])[0]
            found[core] = maps[tile.inner(stride).slices]
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=1e-5 * scale)


@pytest.mark.parametrize("side", [224, 400, 1184])
@pytest.mark.parametrize("length", [1185, 1700, 3999, 4000, 6000, 10_007])
def test_windows_differ_by_a_square_at_most(length, side):
    tiling = tiles.Tiling("vgg19", ["block5_conv1"], (length, 16), side)
    spans = [tile.rows for tile in tiling.tiles]
    lengths = [span.stop - span.start for span in spans]
    assert max(lengths) <= side and max(lengths) - min(lengths) <= 64
    # As few as may be.
    most = (side - 160) // 64 * 64
    assert len(spans) == math.ceil((length + 16 - 160) / most)


@pytest.mark.parametrize("side", [224, 400, 1184])
def test_windows_begin_on_the_grid_and_see_a_halo_beyond_their_cores(side):
    tiling = tiles.Tiling("vgg19", ["block5_conv1"], (3999, 16), side)
    spans = [tile.rows for tile in tiling.tiles]
    assert (spans[0].first, spans[-1].last) == (spans[0].start, 3999 + 16)
    for span in spans:
        assert span.start % 64 == 0
    for span, following in itertools.pairwise(spans):
        assert span.last == following.first  # Neither missed nor seen twice.
        assert span.stop - span.last == following.first - following.start == 80


def test_the_tiles_of_24_megapixels():
    tiling = tiles.Tiling("vgg19", ["block5_conv1"], (4000, 6000), 1184)
    assert len(tiling.tiles) == 24
    areas = [np.prod([s.stop - s.start for s in tile]) for tile in tiling.tiles]
    assert max(areas) < 1.1 * min(areas)


def test_one_tile_holds_what_fits():
    tiling = tiles.Tiling("vgg19", ["block5_conv1"], (100, 200), 224)
    assert len(tiling.tiles) == 1 and tiling.window == (116, 216)
    assert tiles.whole_side("vgg19", ["block5_conv1"], (100, 200)) == 224


def test_maps_of_tiles_are_rounded_as_those_of_the_whole():
    # Wide layers are computed in squares, which must begin at the same places.
    image, model = helpers.image(250, 330), network(["block4_conv2"])
    part = tiles.unpadded(model)
    [whole] = model(image[None]).values()
    tiling = tiles.Tiling(model.name, model.output, image.shape[:2], 176)
    assert len(tiling.tiles) == 6
    for tile in tiling.tiles:
        assert not tile.rows.start % 32 and not tile.columns.start % 32
        [maps] = part(tile.seen(image)[None]).values()
        maps = np.asarray(maps)[0][tile.inner(8).slices]
        gap = np.linalg.norm(maps - np.asarray(whole)[0][tile.core(8).slices])
        assert gap < 5e-7 * np.linalg.norm(maps)


@pytest.mark.parametrize("side", [160, 170, 1000])
def test_sides_without_core_or_off_the_grid_are_refused(side):
    with pytest.raises(ValueError, match=f"multiple of 16.*224.*tile={side}"):
        tiles.check_side("vgg19", ["block5_conv1"], side)
    tiles.check_side("vgg19", ["block5_conv1"], 224)


@pytest.mark.parametrize("length", [16, 17, 30, 47, 90])
@pytest.mark.parametrize("side", [16, 18, 20, 25])
def test_narrow_windows_at_the_edge_mirror_the_image(length, side):
    image = np.random.default_rng(0).standard_normal((length, 20, 3))
    whole = np.pad(image, ((9, 9), (9, 9), (0, 0)), "symmetric")
    tiling = tiles.Tiling("vgg16", ["block1_conv1"], image.shape[:2], side)
    assert len(tiling.tiles) > 1
    for tile in tiling.tiles:
        np.testing.assert_array_equal(tile.seen(image), whole[tile.window])


def test_fold_is_the_transpose_of_mirroring():
    random = np.random.default_rng(0)
    image = random.standard_normal((12, 20, 3))
    (tile,) = tiles.Tiling("vgg16", ["block1_conv1"], (12, 20), 64).tiles
    padded = tile.seen(image)
    np.testing.assert_array_equal(
        padded, np.pad(image, ((9, 9), (9, 9), (0, 0)), "symmetric")
    )
    gradient = random.standard_normal(padded.shape)
    assert tiles.bordered(image.shape, np.zeros).shape == padded.shape
    there = np.vdot(padded, gradient)
    assert np.vdot(image, tiles.fold(gradient)) == pytest.approx(there)
