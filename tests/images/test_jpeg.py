import io

import PIL.Image
import pytest

from tfstyle.images import jpeg

NOISE = PIL.Image.effect_noise((40, 33), 90)


def encoded(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def scans(data):
    """Where the scans of a file without thumbnail begin."""
    return [i for i in range(len(data)) if data[i : i + 2] == b"\xff\xda"]


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_all_scans_of_a_file_are_counted(mode, progressive):
    data = encoded(NOISE.convert(mode), progressive=progressive)
    begins = scans(data)
    assert len(begins) > 1 or not progressive
    assert jpeg.has_all_scans(data, len(mode))
    for at in begins[1:]:
        assert not jpeg.has_all_scans(data[:at], len(mode))


def test_scans_of_a_thumbnail_do_not_count():
    thumbnail = b"Exif\0\0" + encoded(NOISE.resize((8, 8)).convert("RGB"))
    data = encoded(NOISE.convert("RGB"), progressive=True, exif=thumbnail)
    assert jpeg.has_all_scans(data, 3)
    assert not jpeg.has_all_scans(data[: scans(data)[-1]], 3)


def test_bytes_may_fill_up_before_a_marker():
    data = encoded(NOISE, progressive=True)
    *_, last = begins = scans(data)
    filled = data[: begins[0]] + 3 * b"\xff" + data[begins[0] :]
    assert jpeg.has_all_scans(filled, 1)
    assert not jpeg.has_all_scans(filled[: last + 3], 1)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff\xd8", id="nothing"),
        pytest.param(b"\xff\xd8\xff", id="half of a marker"),
        pytest.param(b"\xff\xd8\xff\xfe\xff\xffcut", id="half of a segment"),
    ],
)
def test_a_file_without_a_scan_is_refused(data):
    with pytest.raises(ValueError, match="ends before its first scan"):
        jpeg.has_all_scans(data, 3)
