import numpy as np
import pytest

import helpers
from tfstyle.images.sizes import enlarged, octaves, pyramid, resize


@pytest.mark.parametrize("size", [22, 64, 181, 256, 500, 1024, 4096])
@pytest.mark.parametrize(
    ("height", "width"), [(600, 800), (800, 600), (48, 48), (1001, 999)]
)
def test_the_last_shape_is_exactly_as_long_as_asked(height, width, size):
    # The photograph may be smaller: then it is enlarged.
    shape = pyramid(height, width, size)[-1]
    assert max(shape) == size
    shorter = size * min(height, width) / max(height, width)
    assert abs(min(shape) - shorter) <= 0.5
    assert (shape[0] >= shape[1]) == (height >= width)


@pytest.mark.parametrize("size", [128, 256, 300, 512, 1024, 5000])
def test_sizes_grow_by_the_root_of_two_from_about_128(size):
    longer = [max(shape) for shape in pyramid(600, 800, size)]
    ratios = np.divide(longer[1:], longer[:-1])
    np.testing.assert_allclose(ratios, 2**0.5, rtol=0.01)
    assert 128 <= longer[0] < 128 * 2**0.5 + 1


@pytest.mark.parametrize("smallest", [40, 100, 256, 512, 600])
def test_another_start(smallest):
    longer = [max(shape) for shape in pyramid(500, 500, 512, smallest)]
    assert longer[-1] == 512
    if smallest < 512:
        assert smallest <= longer[0] < smallest * 2**0.5 + 1
    else:
        assert len(longer) == 1


def test_a_small_picture_has_one_size():
    assert pyramid(600, 800, 128) == [(96, 128)]
    assert pyramid(600, 800, 127) == [(95, 127)]
    assert pyramid(16, 16, 16) == [(16, 16)]


@pytest.mark.parametrize(("height", "width"), [(100, 1000), (1000, 100)])
@pytest.mark.parametrize("size", [320, 512, 1024, 2048])
def test_a_panorama_starts_where_its_shorter_side_has_32_pixels(
    height, width, size
):
    shapes = pyramid(height, width, size)
    assert max(shapes[-1]) == size
    shorter = [min(shape) for shape in shapes]
    assert shorter[0] >= 32
    assert shorter[0] / 2**0.5 < 33  # A coarser one would have had less.
    assert shorter == sorted(shorter)


@pytest.mark.parametrize("size", [160, 200, 310])
def test_a_panorama_too_small_to_start_at_32_has_one_size(size):
    (shape,) = pyramid(100, 1000, size)
    assert shape == (size // 10, size)


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [
        (100, 1000, 150),
        (3, 20000, 512),
        (20000, 3, 512),
        (1, 48, 32),
        (997, 5003, 40),
        (48, 48, 15),
    ],
)
def test_too_narrow_pictures_are_refused_with_advice_that_works(
    height, width, size
):
    with pytest.raises(ValueError, match="at least 16 pixels") as error:
        pyramid(height, width, size)
    message = str(error.value)
    assert f"a {width}x{height} image" in message
    assert f"at size {size};" in message
    needed = int(message.split("take a size of ")[1].split()[0])
    assert min(pyramid(height, width, needed)[-1]) == 16
    if "crop" in message:
        assert max(pyramid(size, size, size)[-1]) == size
    else:
        assert size < 16  # At such a size no crop would do.


def test_a_square_of_one_pixel_can_be_enlarged():
    assert pyramid(1, 1, 16) == [(16, 16)]


@pytest.mark.parametrize("size", [0, -5])
def test_sizes_that_are_not_positive_are_refused(size):
    with pytest.raises(ValueError, match=f"positive. Received: size={size}"):
        pyramid(10, 10, size)


def test_octaves_end_at_the_size_and_keep_the_aspect():
    shapes = octaves(600, 800, 512, 4, 1.4)
    assert shapes[-1] == (384, 512)
    assert [width for _, width in shapes] == [187, 261, 366, 512]
    assert all(abs(w / h - 4 / 3) < 0.02 for h, w in shapes)
    assert octaves(600, 800, 512, 1, 1.4) == [(384, 512)]


def test_octaves_stop_where_a_network_would_see_nothing():
    shapes = octaves(100, 400, 128, 9, 1.4)
    assert shapes == [(16, 65), (23, 91), (32, 128)]
    with pytest.raises(ValueError, match="take a size of 64 or more"):
        octaves(100, 400, 60, 9, 1.4)


def test_a_resized_image_can_be_in_an_array_of_the_caller():
    made = []

    def make(shape, kind):
        made.append(np.zeros(shape, kind))
        return made[-1]

    image = helpers.image(20, 30)
    found = resize(image, 14, 21, make)
    assert np.shares_memory(found, made[0])
    np.testing.assert_array_equal(found, resize(image, 14, 21))
    assert resize(image, 20, 30, make) is image and len(made) == 1


def test_an_enlarged_picture_gets_the_details_of_its_photograph():
    photo = helpers.image(40, 52)
    small = resize(photo, 20, 26)
    found = enlarged(small, small, photo)
    np.testing.assert_allclose(found, photo, atol=1e-6)
    # On one tone, they are what the photograph has beyond half that size.
    flat = np.full_like(small, 0.5)
    found = enlarged(flat, small, photo)
    detail = photo - resize(resize(small, 10, 13), 40, 52)
    np.testing.assert_allclose(found, np.clip(0.5 + detail, 0, 1), atol=1e-6)
    # A grid of single pixels, such as models leave, is not enlarged.
    grid = np.float32(np.indices((20, 26)).sum(0) % 2)[..., None]
    again = enlarged(flat + 0.2 * (grid - 0.5), small, photo)
    np.testing.assert_allclose(again, found, atol=0.02)
