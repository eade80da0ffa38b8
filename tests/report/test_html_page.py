import html.parser

import numpy as np
import PIL.Image
import pytest

from tfstyle.report import html_page

HOSTILE = "<script>alert('x')</script> & \"q\".png"
IMAGE = html_page.Image(b"jpeg", 30, 40, HOSTILE)


class Parser(html.parser.HTMLParser):
    """Names of elements with their attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    "part",
    [
        html_page.page(HOSTILE, []),
        html_page.section(HOSTILE),
        html_page.heading(HOSTILE),
        html_page.paragraph(HOSTILE),
        html_page.code(HOSTILE),
        html_page.details(HOSTILE, ""),
        html_page.opening(IMAGE, []),
        html_page.thumbnails([IMAGE]),
        html_page.chart("", {HOSTILE: "red"}),
        html_page.table([HOSTILE], []),
        html_page.table([""], [[HOSTILE]]),
        html_page.table([""], [["", HOSTILE]]),
    ],
    ids=lambda part: part[:20],
)
def test_text_from_outside_is_only_text(part):
    parser = Parser(part)
    assert "script" not in {tag for tag, _ in parser.elements}
    assert HOSTILE in parser.text


def test_page_is_html_that_may_ask_for_nothing():
    text = html_page.page("cat.png", [html_page.paragraph("Seen.")])
    assert text.startswith("<!DOCTYPE html>\n<html lang=")
    elements = Parser(text).elements
    (policy,) = [a["content"] for _, a in elements if "http-equiv" in a]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert ("p", {}) in elements
    assert "://" not in text


def test_image_is_inside_and_has_its_shape_and_a_name():
    ((_, _), (_, image), *_) = Parser(html_page.thumbnails([IMAGE])).elements[
        1:
    ]
    assert image == {
        "src": "data:image/jpeg;base64,anBlZw==",
        "alt": HOSTILE,
        "width": "40",
        "height": "30",
    }


def test_rows_that_changed_stand_out():
    rows = [["size", "256", "512"], ["seed", "0", "0"]]
    text = html_page.table(["a", "b", "c"], rows, changed=["size"])
    kinds = [a.get("class") for tag, a in Parser(text).elements if tag == "tr"]
    assert kinds == [None, "changed", None]


def test_jpeg_of_an_array_has_its_colours(tmp_path):
    pixels = np.zeros((30, 40, 3), np.float32)
    pixels[:, :, 0] = 1
    image = html_page.image(pixels, 20, "red")
    assert (image.height, image.width, image.caption) == (15, 20, "red")
    (tmp_path / "red.jpg").write_bytes(image.jpeg)
    with PIL.Image.open(tmp_path / "red.jpg") as file:
        assert file.size == (20, 15)
        np.testing.assert_allclose(file.getpixel((9, 9)), [255, 0, 0], atol=4)
    whole = html_page.image(pixels, 100, "red")
    assert (whole.height, whole.width) == (30, 40)


def test_names_that_are_no_text_are_escaped():
    page = html_page.page("caf\udce9.png", ["<p>\u732b \udce9</p>"])
    assert r"<title>caf\udce9.png</title>" in page
    assert "<p>\u732b " + r"\udce9</p>" in page
