import numpy as np
import pytest

import helpers
from tfstyle import losses
from tfstyle.objective import layout, local


def nothing(photo, scale):
    return None


def even(photo, scale):
    return losses.evenness(photo / 9, scale)


def parts_of(compare, image, target):
    """What each strip of an image adds to the loss."""
    return [
        compare.part(
            image[None, strip.seen],
            strip.stop - strip.start,
            compare.cut(target, strip),
            image.shape[:2],
        )[0]
        for strip in local.strips(len(image))
    ]


SHARP = helpers.image(1100, 130, seed=1)


@pytest.mark.parametrize("height", [48, 65, 576, 577, 640, 1100])
@pytest.mark.parametrize(
    "compare, made, scales",
    [
        (local.Variation(chroma=False), nothing, ()),
        (local.Variation(chroma=True), nothing, ()),
        (local.Evenness((4, 16)), even, (4, 16)),
        (local.Evenness((8, 32)), even, (8, 32)),
        (local.Evenness((16, 64)), even, (16, 64)),
        (local.Structure(), losses.laplacian, (4, 16)),
    ],
)
def test_strips_add_up_to_the_picture(compare, made, scales, height):
    image, photo = helpers.image(height, 130), SHARP[:height]
    fitting = [scale for scale in scales if 3 * scale <= height]
    target = {
        scale: made(photo[None], scale) for scale in fitting or scales[:1]
    }
    parts = parts_of(compare, image, target)
    expected = compare(image[None], {}, target)[0]
    assert len(parts) == (height > 576) + (height > 1088) + 1
    assert float(sum(parts)) == pytest.approx(float(expected), rel=1e-5)
    assert float(expected) > 1e-3


@pytest.mark.parametrize("height", [48, 65, 576, 577, 640, 1100])
@pytest.mark.parametrize("scale", [1, 16, 128, 512])
def test_strips_of_layout_add_up_to_the_picture(scale, height):
    scale = scale if scale <= height else 16
    image, photo = (helpers.image(height, 530, seed=i) for i in range(2))
    beyond = [(0, -side % scale) for side in photo.shape[:2]]
    filled = np.pad(photo, [*beyond, (0, 0)])
    compare, target = layout.Layout(scale), losses.squares(filled[None], scale)
    parts = parts_of(compare, image, target)
    expected = float(compare(image[None], {}, target)[0])
    assert float(sum(parts)) == pytest.approx(expected, rel=1e-5)
    assert expected > 1e-6


@pytest.mark.parametrize(
    "shape, scales",
    [
        ((16, 64), (4,)),
        ((20, 1100), (8,)),
        ((16, 6000), (8,)),
        ((511, 511), (4, 16)),
        ((300, 512), (8, 32)),
        ((1023, 800), (8, 32)),
        ((4000, 6000), (16, 64)),
        ((127, 1024), (16,)),
    ],
)
def test_squares_of_evenness_grow_with_the_picture(shape, scales):
    assert local.evenness_scales(shape) == scales
