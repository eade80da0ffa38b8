import numpy as np
import PIL.Image

from tfstyle.report import figures


def test_jpeg_of_an_array_has_its_colors(tmp_path):
    pixels = np.zeros((30, 40, 3), np.float32)
    pixels[:, :, 0] = 1
    small = figures.figure(pixels, 20, "red")
    assert (small.height, small.width, small.caption) == (15, 20, "red")
    (tmp_path / "red.jpg").write_bytes(small.jpeg)
    with PIL.Image.open(tmp_path / "red.jpg") as file:
        assert file.size == (20, 15)
        np.testing.assert_allclose(file.getpixel((9, 9)), [255, 0, 0], atol=4)
    whole = figures.figure(pixels, 100, "red")
    assert (whole.height, whole.width) == (30, 40)


def test_url_holds_the_file():
    found = figures.Figure(b"jpeg", 30, 40, "")
    assert found.url == "data:image/jpeg;base64,anBlZw=="
