import html.parser
import sys

import jinja2
import pytest

from tfstyle.images import provenance
from tfstyle.optimization.config import GatysConfig
from tfstyle.report import page, sections
from tfstyle.report.figures import Figure
from tfstyle.runtime.progress import Progress

HOSTILE = "<script>alert('x')</script> & \"q\".png"
IMAGE = Figure(b"jpeg", 30, 40, HOSTILE)
CONFIG = GatysConfig(size=64)


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


def size(losses, gradients):
    progress = Progress(
        size=64,
        height=30,
        width=64,
        step=20,
        steps=20,
        done=0.0,
        total=1.0,
        losses=losses,
        seconds=0.0,
        memory=0,
    )
    return sections.Size(
        first=progress,
        last=progress,
        offset=0,
        setup=1.0,
        began=1.0,
        ended=2.0,
        values=[(1, losses), (20, losses)],
        figures=[IMAGE],
        gradients=gradients,
    )


def values(sizes=(), **changes):
    """What a page is made of."""
    record = provenance.describe(CONFIG, {})
    return {
        "title": "cat.png",
        "notes": [],
        "result": None,
        "inputs": [],
        **sections.course(sizes, 0.0),
        **sections.about(CONFIG, record, ()),
        **changes,
    }


TABLE = sections.Table([HOSTILE], [[HOSTILE, HOSTILE]], [HOSTILE])
CHART = sections.Chart("<svg></svg>", {HOSTILE: "red"}, TABLE)


@pytest.mark.parametrize(
    ("count", "changes"),
    [
        pytest.param(2, {"title": HOSTILE}, id="title"),
        pytest.param(1, {"notes": [HOSTILE]}, id="note"),
        pytest.param(1, {"result": IMAGE}, id="result"),
        pytest.param(2, {"inputs": [IMAGE, IMAGE]}, id="inputs"),
        pytest.param(4, {"losses": CHART}, id="losses"),
        pytest.param(4, {"gradients": CHART}, id="gradients"),
        pytest.param(3, {"settings": TABLE}, id="settings"),
        pytest.param(3, {"files": TABLE}, id="files"),
        pytest.param(3, {"versions": TABLE}, id="versions"),
        pytest.param(1, {"command": HOSTILE}, id="command"),
        pytest.param(1, {"call": HOSTILE}, id="call"),
    ],
)
def test_text_from_outside_is_only_text(count, changes):
    parser = Parser(page.render(**values(**changes)))
    assert "script" not in {tag for tag, _ in parser.elements}
    assert parser.text.count(HOSTILE) == count


def test_terms_and_captions_of_a_run_are_only_text():
    sizes = [size({HOSTILE: 1.0}, {HOSTILE: 1.0})]
    parser = Parser(page.render(**values(sizes)))
    assert "script" not in {tag for tag, _ in parser.elements}
    # Two legends and two tables; the picture.
    assert parser.text.count(HOSTILE) == 5


def test_page_is_html_that_may_ask_for_nothing():
    text = page.render(**values([size({"a": 1.0}, {})], notes=["Seen."]))
    assert text.startswith("<!DOCTYPE html>\n<html lang=")
    elements = Parser(text).elements
    (policy,) = [a["content"] for _, a in elements if "http-equiv" in a]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert ("p", {"class": "note"}) in elements
    # SVG has names of its vocabularies; nothing else looks like an address.
    assert text.count("://") == text.count('="http://www.w3.org/')
    links = {a[key] for _, a in elements for key in ("src", "href") if key in a}
    assert all(link.startswith(("data:", "#")) for link in links)


def test_style_is_inside():
    text = page.render(**values())
    assert "color-scheme: light dark" in text
    assert "link" not in text.replace('<link rel="icon" href="data:,">', "")


def test_image_is_inside_and_has_its_shape_and_a_name():
    elements = Parser(page.render(**values(result=IMAGE))).elements
    (image,) = [attributes for tag, attributes in elements if tag == "img"]
    assert image == {
        "src": "data:image/jpeg;base64,anBlZw==",
        "alt": HOSTILE,
        "width": "40",
        "height": "30",
    }


def test_rows_that_changed_stand_out():
    rows = [["size", "256", "512"], ["seed", "0", "0"]]
    table = sections.Table(["a", "b", "c"], rows, ["size"])
    text = page.render(**values(settings=table, versions=table, files=table))
    kinds = [a.get("class") for tag, a in Parser(text).elements if tag == "tr"]
    assert kinds == 3 * [None, "changed", None]


def test_sections_without_content_are_left_out():
    empty, full = (
        page.render(**values(sizes))
        for sizes in ([], [size({"a": 1.0}, {"a": 1.0})])
    )
    for title in (
        "Progress",
        "Loss",
        "Gradients",
        "Time and memory",
    ):
        assert f"<h2>{title}</h2>" in full
        assert f"<h2>{title}</h2>" not in empty


def test_a_value_that_is_missing_is_no_empty_text():
    some = values()
    del some["settings"]
    with pytest.raises(jinja2.UndefinedError, match="settings"):
        page.render(**some)


def test_names_that_are_no_text_are_escaped():
    name = "\u732b caf\udce9.png"
    text = page.render(**values(title=name, notes=[name]))
    assert "<title>\u732b " + r"caf\udce9.png</title>" in text
    assert '<p class="note">\u732b ' + r"caf\udce9.png</p>" in text


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (["matplotlib"], "Matplotlib: pip install matplotlib."),
        (["jinja2"], "Jinja2: pip install jinja2."),
        (
            ["matplotlib", "jinja2"],
            "Matplotlib and Jinja2: pip install matplotlib jinja2.",
        ),
    ],
)
def test_missing_packages_are_named(missing, message, monkeypatch):
    page.check()
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=f"A report needs {message}$"):
        page.check()
