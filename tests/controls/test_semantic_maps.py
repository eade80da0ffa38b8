import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

import helpers
from tfstyle.controls import semantic_maps

PHOTO, WAVE = helpers.image(24, 32), helpers.image(20, 30, 1)
RED, BLUE, GREEN = ((1, 0, 0), (0, 0, 1), (0, 1, 0))


def colours(height, width, left, right):
    """A map of two halves."""
    image = np.empty((height, width, 3), np.float32)
    image[:, : width // 2], image[:, width // 2 :] = left, right
    return image


CONTENT = colours(24, 32, RED, BLUE)
STYLE = colours(20, 30, BLUE, RED)
# As a photograph that was enlarged: 8 times 10 squares, each of its own colour.
SQUARES = np.kron(
    np.linspace(0, 1, 240, dtype=np.float32).reshape(8, 10, 3),
    np.ones((3, 3, 1), np.float32),
)


def test_each_colour_is_painted_like_the_same():
    found = semantic_maps.from_maps(PHOTO, [WAVE], CONTENT, STYLE)
    blue, red = found.parts  # In the order of their codes.
    np.testing.assert_array_equal(red.mask, CONTENT[..., 0])
    np.testing.assert_array_equal(red.sources[0], STYLE[..., 0])
    np.testing.assert_array_equal(blue.mask, CONTENT[..., 2])
    np.testing.assert_array_equal(blue.sources[0], STYLE[..., 2])
    assert not found.apart and found.guides


def test_transparency_is_a_colour_of_its_own():
    # Hidden pixels are near red and blue; the shape is drawn by alpha alone.
    content, style = (np.dstack([a, a[..., 2]]) for a in (CONTENT, STYLE))
    content[..., :3], style[..., :3] = BLUE, BLUE
    content[:2, :2, 3], content[:2, -2:, 3] = 0.51, 0.49  # Edges.
    blue, clear = semantic_maps.from_maps(PHOTO, [WAVE], content, style).parts
    opaque = content[..., 3] > 0.5
    np.testing.assert_array_equal(blue.mask, opaque)
    np.testing.assert_array_equal(clear.mask, ~opaque)
    np.testing.assert_array_equal(blue.sources[0], style[..., 3])
    with pytest.raises(ValueError, match="`style_map` has no transparent, wh"):
        semantic_maps.from_maps(PHOTO, [WAVE], content, style[..., :3])


def test_edges_between_colours_belong_to_the_nearest():
    large = PIL.Image.fromarray(
        (255 * colours(240, 320, RED, BLUE)).astype(np.uint8)
    )
    smooth = np.asarray(large.resize((33, 24), PIL.Image.Resampling.LANCZOS))
    assert len(np.unique(smooth.reshape(-1, 3), axis=0)) > 2
    photo = helpers.image(24, 33)
    smooth = smooth.astype(np.float32) / 255
    found = semantic_maps.from_maps(photo, [WAVE], smooth, STYLE)
    assert len(found.parts) == 2
    np.testing.assert_array_equal(sum(p.mask for p in found.parts), 1)


def test_edges_may_have_any_number_of_colours():
    photo = helpers.image(120, 160)
    drawn = PIL.Image.new("RGB", (640, 480), "red")
    PIL.ImageDraw.Draw(drawn).ellipse((99, 77, 533, 401), "blue")
    smooth = np.asarray(drawn.resize((160, 120), PIL.Image.Resampling.LANCZOS))
    assert len(np.unique(smooth.reshape(-1, 3), axis=0)) > 100
    smooth = smooth.astype(np.float32) / 255
    found = semantic_maps.from_maps(photo, [WAVE], smooth, STYLE)
    assert len(found.parts) == 2


def test_colours_of_the_style_alone_do_not_matter():
    both = colours(20, 30, RED, BLUE)
    both[:8] = GREEN
    found = semantic_maps.from_maps(PHOTO, [WAVE], CONTENT, both)
    assert len(found.parts) == 2


def test_what_is_kept_is_in_no_region():
    keep = CONTENT[..., 0]
    found = semantic_maps.from_maps(PHOTO, [WAVE], CONTENT, STYLE, keep)
    (part,) = found.parts
    np.testing.assert_array_equal(part.mask, CONTENT[..., 2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ([WAVE], colours(24, 32, GREEN, RED), STYLE),
            "`style_map` has no #00ff00, which .* #0000ff, #ff0000",
        ),
        (([WAVE, WAVE], CONTENT, STYLE), "one style image. Received: 2"),
        (([WAVE], PHOTO[:20], STYLE), "`content_map`"),
        (
            ([WAVE], CONTENT[:, 8:24], STYLE),
            "`content_map` has 16x24 pixels, its image 32x24",
        ),
        (
            ([WAVE], CONTENT, STYLE[:, 8:23]),
            "`style_map` has 15x20 pixels, its image 30x20",
        ),
        (
            (
                [WAVE],
                np.random.default_rng(0).random((24, 32, 3), np.float32),
                STYLE,
            ),
            "`content_map` has no areas of one color",
        ),
        (
            ([WAVE], SQUARES, STYLE),
            "`content_map` has 80 flat colors; expected at most 64",
        ),
        (([WAVE], CONTENT, SQUARES), "`style_map` has 80 flat colors"),
        (
            ([WAVE], CONTENT[:2, :3], STYLE),
            "`content_map` must have 3x3 pixels or more. Received: 3x2 pixels",
        ),
        (
            ([WAVE], CONTENT, STYLE[:3, :2]),
            "`style_map` must have 3x3 pixels or more. Received: 2x3 pixels",
        ),
        (
            ([WAVE], CONTENT, STYLE, np.ones((24, 32), np.float32)),
            "nothing to paint",
        ),
    ],
)
def test_refuses_maps_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        semantic_maps.from_maps(PHOTO, *arguments)
