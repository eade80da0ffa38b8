import pytest

import helpers
from tfstyle import losses
from tfstyle.objective import local

LOCALS = [
    (local.Variation(chroma=False), lambda photo, scale: None),
    (local.Variation(chroma=True), lambda photo, scale: None),
    (
        local.Evenness(),
        lambda photo, scale: losses.evenness(photo / 9, scale),
    ),
    (local.Structure(), losses.laplacian),
]


@pytest.mark.parametrize("height", [20, 33, 48, 544, 545, 560, 1100])
@pytest.mark.parametrize("compare, made", LOCALS)
def test_strips_add_up_to_the_picture(compare, made, height):
    image, photo = helpers.image(height, 51), helpers.image(height, 51, seed=1)
    scales = [scale for scale in (4, 16) if 3 * scale <= height]
    target = {scale: made(photo[None], scale) for scale in scales}
    parts = [
        compare.part(
            image[None, strip.seen],
            strip.stop - strip.start,
            compare.cut(target, strip),
            image.shape[:2],
        )[0]
        for strip in local.strips(height)
    ]
    expected = compare(image[None], {}, target)[0]
    assert len(parts) == (height > 544) + (height > 1056) + 1
    assert float(sum(parts)) == pytest.approx(float(expected), rel=1e-5)
    assert float(expected) > 1e-3
