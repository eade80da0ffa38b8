import xml.etree.ElementTree

import pytest

from tfstyle.report import charts

LINES = {
    "total": [(1, 10.0), (5, 2.0), (10, 1.0)],
    "style/block1_conv1": [(1, 9.0), (5, 1.0), (10, -0.1)],
}
COLOURS = charts.colors(list(LINES))
SHARES = [("64×48", {"a": 1.0, "b": 3.0}), ("128×96", {"a": 0.0, "b": 0.0})]


def curves(lines=LINES, alt="Losses"):
    return charts.curves(lines, COLOURS, [(1, "64×48")], alt)


def text(svg):
    root = xml.etree.ElementTree.fromstring(svg)
    return "".join(root.itertext())


def bars(svg):
    """Widths of the filled rectangles in the colours of the palette."""
    root = xml.etree.ElementTree.fromstring(svg)
    paths = root.iter("{http://www.w3.org/2000/svg}path")
    found = {}
    for path in paths:
        style = path.get("style", "")
        for name, colour in charts.colors(["a", "b"]).items():
            if f"fill: {colour}" in style:
                x = [float(word) for word in path.get("d").split()[1::3]]
                found.setdefault(name, []).append(max(x) - min(x))
    return found


def test_colours_differ_and_the_total_has_that_of_the_text():
    names = ["total", *"abcdefghij"]
    found = charts.colors(names)
    assert list(found) == names
    assert found["total"] == "currentColor"
    assert len(set(found.values())) == 11
    assert charts.colors([*names, "k"])["k"] == found["a"]


def test_chart_is_svg_with_a_name_for_who_cannot_see_it():
    svg = curves(alt='Losses of "a" & <b>')
    root = xml.etree.ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'Losses of "a" & <b>'


def test_chart_has_the_colours_of_the_page():
    svg = curves()
    assert "currentColor" in svg and "var(--faint)" in svg
    assert COLOURS["style/block1_conv1"] in svg
    for literal in ("#000000", "#ffffff", charts._TEXT, charts._FAINT):
        assert literal not in svg


def test_chart_names_the_marks_and_asks_for_nothing():
    svg = curves()
    assert "64×48" in text(svg)
    addresses = svg.replace('"http://www.w3.org/', "").count("://")
    assert addresses == 0


def test_values_without_a_place_on_the_scale_are_left_out():
    chart = curves({"total": [(1, 1e3), (2, 0.0), (3, 1e-9)]})
    # Below a ten-thousandth nothing is shown: 10^-1 is the least.
    assert "10^{0}" in chart or "0" in text(chart)
    assert "−9" not in text(chart)
    assert curves({"total": [(1, 0.0), (2, -1.0)]})


def test_the_same_chart_is_the_same_text():
    assert curves() == curves()
    assert curves() != curves(alt="Others")


def test_shares_are_those_of_each_row():
    svg = charts.bars(SHARES, charts.colors(["a", "b"]), "Shares")
    widths = bars(svg)
    assert widths["b"][0] == pytest.approx(3 * widths["a"][0], rel=1e-3)
    assert "128×96" in text(svg)
