import itertools
import struct

import numpy as np
import PIL.Image
import pytest

import png_files
from icc_profiles import fixed, gamma, grey_profile, icc
from pillow_files import noise, saved
from tfstyle import images
from tfstyle.images import srgb

# Colorants of Display P3 and sRGB under D50, columns red, green, blue.
P3 = np.array(
    [
        [0.51512, 0.29198, 0.15710],
        [0.24120, 0.69225, 0.06657],
        [-0.00105, 0.04189, 0.78407],
    ]
)

SRGB = np.array(
    [
        [0.43607, 0.38515, 0.14307],
        [0.22249, 0.71687, 0.06061],
        [0.01392, 0.09708, 0.71410],
    ]
)


def rgb_profile(colorants, exponent=2.2):
    xyz = [b"XYZ " + bytes(4) + fixed(column) for column in colorants.T]
    names = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
    return icc(
        b"RGB ",
        b"XYZ ",
        dict(zip(names, xyz + 3 * [gamma(exponent)], strict=True)),
    )


def cmyk_profile():
    """Inks that are all grey: lightness is the product of what they leave."""
    ramp = bytes(range(256))
    corners = itertools.product((0, 1), repeat=4)
    grid = b"".join(
        bytes((255 if not any(inks) else 0, 128, 128)) for inks in corners
    )
    head = b"mft1" + bytes(4) + bytes((4, 3, 2, 0))
    lut = head + fixed(np.eye(3).ravel()) + 4 * ramp + grid + 3 * ramp
    return icc(b"CMYK", b"Lab ", {b"A2B0": lut})


def encoded(linear):
    """The curve of sRGB (IEC 61966-2-1)."""
    linear = np.clip(linear, 0, 1)
    return np.where(
        linear <= 0.0031308,
        12.92 * linear,
        1.055 * linear ** (1 / 2.4) - 0.055,
    )


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff", ".webp"])
def test_a_profile_of_wide_gamut_is_applied(tmp_path, suffix):
    colour = np.array([200, 120, 90])
    image = PIL.Image.new("RGB", (16, 16), tuple(colour.tolist()))
    options = {".webp": {"lossless": True}, ".jpg": {"quality": 100}}
    picture = saved(
        tmp_path,
        image,
        suffix,
        icc_profile=rgb_profile(P3),
        **options.get(suffix, {}),
    )
    linear = np.linalg.solve(SRGB, P3 @ (colour / 255) ** 2.2)
    np.testing.assert_allclose(
        picture.pixels[8, 8], encoded(linear), atol=2.5 / 255
    )
    # Not what the file has: the red is stronger in sRGB.
    assert picture.pixels[8, 8, 0] > 206 / 255


def test_a_profile_of_swapped_channels_swaps_them(tmp_path):
    image = PIL.Image.new("RGB", (2, 2), (230, 60, 20))
    profile = rgb_profile(SRGB[:, [2, 0, 1]])
    red, green, blue = saved(tmp_path, image, icc_profile=profile).pixels[0, 0]
    # (file red is shown as blue, green as red, blue as green)
    assert blue > 0.85
    assert red < 0.3
    assert green < 0.15


def test_the_profile_of_a_palette_is_that_of_its_colours(tmp_path):
    rgb = PIL.Image.new("RGB", (4, 4), (200, 120, 90))
    profile = rgb_profile(P3)
    expected = saved(tmp_path, rgb, icc_profile=profile).pixels
    palette = rgb.quantize(4)
    actual = saved(tmp_path, palette, icc_profile=profile).pixels
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_a_grey_profile_is_applied(tmp_path, mode):
    if mode == "I;16":
        image = PIL.Image.fromarray(np.full((3, 5), 32768, np.uint16))
    else:
        image = PIL.Image.new("L", (5, 3), 128).convert(mode)
    picture = saved(tmp_path, image, icc_profile=grey_profile(1.0))
    expected = np.broadcast_to(encoded(0.502), (3, 5, 3))
    np.testing.assert_allclose(picture.pixels, expected, atol=1.5 / 255)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_grey_profile_is_applied_to_16_bits(tmp_path, channels):
    samples = np.full((3, 5, channels), 65535)
    samples[..., 0] = np.linspace(13107, 65535, 15).reshape(3, 5)
    chunk = png_files.profile(grey_profile(1.0))
    picture = calibrated(tmp_path, samples, 16, chunk)
    expected = encoded(samples[..., [0, 0, 0]] / 65535)
    np.testing.assert_allclose(picture.pixels, expected, atol=1.5 / 255)


def gama(exponent):
    return png_files.chunk(b"gAMA", struct.pack(">I", round(1e5 * exponent)))


def chrm(*chromaticity):
    values = (round(100_000 * value) for value in chromaticity)
    return png_files.chunk(b"cHRM", struct.pack(">8I", *values))


SRGB_CHRM = chrm(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)

# Display P3 has the white of sRGB, Adobe's RGB has its red and blue, too.
P3_CHRM = chrm(0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)


def calibrated(tmp_path, samples, depth, *chunks):
    path = tmp_path / "image.png"
    path.write_bytes(png_files.encode(samples, depth, *chunks))
    return images.read(path)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_linear_png_is_encoded(tmp_path, depth, channels):
    # From 0.2 up, where 8 linear bits are enough.
    ramp = np.linspace(0.2, 1, 24 * channels).reshape(4, 6, channels)
    samples = np.rint(ramp**2.2 * (2**depth - 1)).astype(int)
    picture = calibrated(tmp_path, samples, depth, gama(1))
    expected = ramp[..., :3] if channels > 2 else ramp[..., [0, 0, 0]]
    tolerance = (3 if depth == 8 else 0.02) / 255
    np.testing.assert_allclose(picture.pixels, expected, atol=tolerance)
    if channels in (2, 4):  # Transparency is linear in any case.
        alpha = samples[..., -1] / (2**depth - 1)
        np.testing.assert_allclose(picture.alpha, alpha, atol=1e-6)


def test_dark_tones_of_16_linear_bits_are_kept(tmp_path):
    ramp = np.repeat(np.linspace(0.02, 0.1, 60)[None, :, None], 3, axis=-1)
    samples = np.rint(ramp**2.2 * 65535).astype(int)
    picture = calibrated(tmp_path, samples, 16, gama(1))
    np.testing.assert_allclose(picture.pixels, ramp, atol=0.2 / 255)


def test_a_linear_palette_is_encoded(tmp_path):
    colours = np.array([[255, 0, 128], [64, 200, 30]], np.uint8)
    chunks = gama(1), png_files.chunk(b"PLTE", colours.tobytes())
    data = png_files.encode(np.array([[[0], [1]]]), 1, *chunks, palette=True)
    (tmp_path / "image.png").write_bytes(data)
    np.testing.assert_allclose(
        images.load(tmp_path / "image.png")[0],
        (colours / 255) ** (1 / 2.2),
        atol=1e-5,
    )


def test_the_gamma_of_old_macintoshes_is_applied(tmp_path):
    samples = np.full((2, 2, 3), 128)
    picture = calibrated(tmp_path, samples, 8, gama(1 / 1.8))
    expected = np.full((2, 2, 3), (128 / 255) ** (1.8 / 2.2))
    np.testing.assert_allclose(picture.pixels, expected, atol=1e-4)


@pytest.mark.parametrize("depth", [8, 16])
def test_primaries_are_applied(tmp_path, depth):
    colour = np.array([200, 120, 90]) / 255
    samples = np.rint(np.full((2, 2, 3), colour * (2**depth - 1))).astype(int)
    picture = calibrated(tmp_path, samples, depth, gama(1 / 2.2), P3_CHRM)
    expected = np.linalg.solve(SRGB, P3 @ colour**2.2) ** (1 / 2.2)
    np.testing.assert_allclose(picture.pixels[0, 0], expected, atol=0.003)


def test_white_stays_white(tmp_path):
    # The white of tungsten light, and the primaries of NTSC.
    ntsc = chrm(0.4476, 0.4074, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08)
    samples = np.full((2, 2, 3), 255)
    picture = calibrated(tmp_path, samples, 8, gama(1), ntsc)
    np.testing.assert_allclose(picture.pixels, 1, atol=1e-5)


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([gama(0.45455)], id="gamma of sRGB"),
        pytest.param([gama(0.45455), SRGB_CHRM], id="all of sRGB"),
        pytest.param([SRGB_CHRM], id="primaries of sRGB"),
        pytest.param([gama(1), png_files.chunk(b"sRGB", b"\0")], id="sRGB"),
        pytest.param(
            [gama(1), png_files.profile(srgb.icc_profile())], id="ICC"
        ),
        pytest.param([gama(0)], id="no gamma"),
        pytest.param([chrm(*8 * [0])], id="no colours"),
        pytest.param([chrm(*8 * [0.3])], id="no basis"),
    ],
)
def test_what_says_no_other_colours_changes_nothing(tmp_path, chunks):
    samples = noise(6, 5, 3)
    picture = calibrated(tmp_path, samples, 8, *chunks)
    np.testing.assert_array_equal(picture.pixels, samples / np.float32(255))


def test_grey_with_an_rgb_profile_is_read(tmp_path):
    image = PIL.Image.new("L", (5, 3), 128)
    picture = saved(tmp_path, image, ".jpg", icc_profile=rgb_profile(P3, 1.0))
    np.testing.assert_allclose(
        picture.pixels, np.full((3, 5, 3), encoded(0.502)), atol=2 / 255
    )


@pytest.mark.parametrize("suffix", [".jpg", ".tiff"])
def test_a_profile_of_inks_is_applied(tmp_path, suffix):
    image = PIL.Image.new("CMYK", (16, 16), (0, 0, 0, 128))
    picture = saved(tmp_path, image, suffix, icc_profile=cmyk_profile())
    # Lightness 49.8 is the grey 118.5 of sRGB; without the profile, 127.
    np.testing.assert_allclose(
        picture.pixels, np.full((16, 16, 3), 118.5 / 255), atol=2 / 255
    )


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(b"not a profile", id="noise"),
        pytest.param(rgb_profile(P3)[:200], id="truncated"),
        pytest.param(cmyk_profile(), id="of inks"),
        pytest.param(grey_profile(1.0), id="of grey"),
        pytest.param(icc(b"RGB ", b"XYZ ", {}), id="without tags"),
        pytest.param(icc(b"Lab ", b"XYZ ", {}), id="of another space"),
    ],
)
def test_a_profile_that_does_not_fit_is_ignored(tmp_path, profile):
    image = PIL.Image.fromarray(noise(4, 6, 3))
    picture = saved(tmp_path, image, ".tiff", icc_profile=profile)
    np.testing.assert_array_equal(picture.pixels, srgb.unit(image))


def test_our_own_profile_changes_nothing(tmp_path):
    image = PIL.Image.fromarray(noise(64, 64, 3))
    picture = saved(tmp_path, image, icc_profile=srgb.icc_profile())
    np.testing.assert_array_equal(picture.pixels, srgb.unit(image))


def test_the_profile_has_always_the_same_bytes():
    assert srgb.icc_profile() == srgb.icc_profile()
    assert srgb.icc_profile()[24:36] == bytes.fromhex("07d000010001") + bytes(6)
