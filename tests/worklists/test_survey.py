import tracemalloc

import pytest

from tfstyle.worklists import survey
from tfstyle.worklists.rows import Row


def rows(count):
    return lambda: (Row(f"/photos/{i}.jpg", f"{i}.jpg") for i in range(count))


def test_rows_are_counted_and_sampled():
    found = survey.survey(rows(1000), "/painted", 20)
    assert found.count == 1000
    numbers = [int(row.output.split(".")[0]) for row in found.sample]
    assert len(set(numbers)) == 20
    assert 300 < sum(numbers) / 20 < 700
    assert len(survey.survey(rows(3), "/painted", 20).sample) == 3


def test_equal_names_are_found_among_many():
    def repeating():
        yield from rows(200_000)()
        yield Row("/others/x.jpg", "777.jpg")

    with pytest.raises(ValueError) as error:
        survey.survey(repeating, "/painted")
    assert str(error.value).startswith(
        "'/photos/777.jpg' and '/others/x.jpg' would both become '777.jpg'."
    )


def test_a_photograph_that_is_listed_twice():
    with pytest.raises(ValueError, match="^'/photos/0.jpg' is listed twice"):
        survey.survey(lambda: iter([*rows(3)(), *rows(1)()]), "/painted")


def test_memory_does_not_grow_with_the_rows(monkeypatch):
    monkeypatch.setattr(survey, "_HELD", 64)
    peaks = []
    for count in (10_000, 100_000):
        tracemalloc.start()
        survey.survey(rows(count), "/painted")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # One of 64 parts is in memory: 8 bytes of a hash, twice, sorted.
    assert peaks[1] < peaks[0] + 100_000


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (Row("/a.jpg", "/etc/a.jpg"), "must be a name inside the folder"),
        (Row("/a.jpg", "../a.jpg"), "must be a name inside the folder"),
        (Row("/a.jpg", "b//a.jpg"), "must be a name inside the folder"),
        (Row("/a.jpg", "_manifest/a.jpg"), "is in _manifest"),
        (Row("/a.jpg", f"{'x' * 252}.jpg"), "more than 255 bytes"),
        (Row("/a.jpg", "a\0.jpg"), r"'a\\x00.jpg' .* that no name may have"),
        (Row("/a.jpg", "a.gif"), "the name must end in one of"),
        (Row("/painted/a.jpg", "b.jpg"), "is inside the output '/painted'"),
        (Row("/x/../painted//a.jpg", "b.jpg"), "is inside the output"),
        (Row("file:///painted/a.jpg", "b.jpg"), "is inside the output"),
        (Row("/a.jpg", "b.jpg", ("/./painted/w.jpg",)), "The style '.*' is"),
    ],
)
def test_rows_that_cannot_be_painted(row, expected):
    with pytest.raises(ValueError, match=expected):
        survey.survey(lambda: iter([row]), "/painted")


@pytest.mark.parametrize("root", ["link", "painted", "file://{}/link"])
def test_links_lead_to_no_photograph_in_the_output(root, tmp_path):
    (tmp_path / "painted").mkdir()
    (tmp_path / "link").symlink_to("painted")
    (tmp_path / "a.png").symlink_to("painted/a.png")
    root = root.format(tmp_path) if "{}" in root else str(tmp_path / root)
    for name in ("link/a.png", "painted/./a.png", "a.png", "link/../a.png"):
        row = Row(f"{tmp_path}/{name}", "b.png")
        with pytest.raises(ValueError, match="is inside the output '"):
            survey.survey(lambda row=row: iter([row]), root)
    beside = Row(f"{tmp_path}/link/../painted2/a.png", "b.png")
    assert survey.survey(lambda: iter([beside]), root).count == 1


def test_an_empty_list():
    with pytest.raises(ValueError, match="The list has no rows"):
        survey.survey(lambda: iter([]), "/painted")


def test_a_picture_cannot_be_a_folder_too():
    names = ["x/a.png/b/c.png", "x/b.png/c.png", "x/a.png"]
    rows = [Row(f"/{i}.jpg", name) for i, name in enumerate(names)]
    with pytest.raises(ValueError, match=r"'x/a.png' of '/2.jpg' is also the"):
        survey.survey(lambda: iter(rows), "/painted")
    assert survey.survey(lambda: iter(rows[:2]), "/painted").count == 2
