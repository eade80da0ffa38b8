import os
import pathlib

import pytest

import helpers
from tfstyle import images
from tfstyle.images import folders, provenance


@pytest.fixture
def folder(tmp_path):
    """Two images, another one deeper, and a text."""
    root = tmp_path / "photos"
    (root / "more").mkdir(parents=True)
    for i, name in enumerate(["a.png", "b.jpg", "more/c.png"]):
        images.save(root / name, helpers.image(20, 24, i))
    (root / "more/c.png").rename(root / "more/c.PNG")
    (root / "notes.txt").write_text("no image")
    return root


def names(items, root):
    return [os.path.relpath(item.output, root) for item in items]


def test_finds_images_in_folders_within(folder):
    found = [p.name for p in folders.find([folder, folder / "more"])]
    assert found == ["a.png", "b.jpg", "c.PNG", "c.PNG"]


def test_a_folder_must_be_one_and_hold_images(folder, tmp_path):
    with pytest.raises(NotADirectoryError, match="no folder '.*missing'"):
        folders.find([tmp_path / "missing"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty' holds no images. Expected"):
        folders.find([folder, tmp_path / "empty"])


def test_photographs_that_cannot_be_read_are_counted(folder):
    for name in ("a.nef", "more/b.NEF", "more/c.cr3", "nef", "d.heic"):
        (folder / name).touch()
    assert folders.unreadable(folder) == {".nef": 2, ".cr3": 1}
    assert not folders.unreadable(folder / "a.nef")


def test_companion_files_of_macos_are_no_photographs(folder):
    for name in ("._a.png", "more/._c.JPG", "._d.nef"):
        (folder / name).touch()
    found = [p.name for p in folders.find([folder])]
    assert found == ["a.png", "b.jpg", "c.PNG"]
    assert not folders.unreadable(folder)


def test_a_folder_within_that_cannot_be_read_is_named(folder, monkeypatch):
    scan = os.scandir

    def refuse(path):
        if os.path.basename(path) == "more":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    # Not the permissions of the folder: root passes them.
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match="Permission denied: '.*more'"):
        folders.items(os.fspath(folder), "painted")


def test_an_address_is_no_folder():
    message = "'https://host/photos' is an address, not a file"
    with pytest.raises(FileNotFoundError, match=message):
        folders.find(["https://host/photos"])
    with pytest.raises(FileNotFoundError, match=message):
        folders.items("https://host/photos", "out.png")


def test_split_parts_are_whole_and_apart(folder):
    train, held_out = folders.split_folders([folder], 1)
    assert len(held_out) == 1
    assert sorted(train + held_out) == folders.find([folder])
    assert folders.split_folders([folder], 1) == (train, held_out)
    message = "one more picture than `held_out`: '.*photos' holds 3"
    with pytest.raises(ValueError, match=f"{message}.*held_out=3"):
        folders.split_folders([folder], 3)


def test_each_folder_is_split(folder, tmp_path):
    (tmp_path / "others").mkdir()
    for i in range(3):
        images.save(tmp_path / f"others/{i}.png", helpers.image(20, 24, i))
    train, held_out = folders.split_folders([folder, tmp_path / "others"], 1)
    assert [sum(p.is_relative_to(folder) for p in train), len(train)] == [2, 4]
    assert [p.is_relative_to(folder) for p in held_out] == [True, False]
    with pytest.raises(ValueError, match="photos/more' holds 1. Received"):
        folders.split_folders([folder, folder / "more"], 1)


def test_what_is_held_out_of_one_folder_is_not_learned_from_another(folder):
    images.save(folder / "more/d.png", helpers.image(20, 24, 3))
    (folder.parent / "link").symlink_to(folder)
    for held_out in range(2):
        train, held = folders.split_folders(
            [folder, folder / "more", folder.parent / "link"], held_out
        )
        learned, measured = (
            [os.path.realpath(path) for path in part] for part in (train, held)
        )
        assert len({*learned}) == len(learned)
        assert len({*measured}) == len(measured)
        assert {*learned}.isdisjoint(measured)
        every = map(os.path.realpath, folders.find([folder]))
        assert {*learned, *measured} == {*every}


def test_overlapping_folders_must_leave_something_to_learn_from(
    folder, tmp_path
):
    (folder / "more/c.PNG").unlink()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/a.jpg").symlink_to(folder / "b.jpg")
    (tmp_path / "other/b.png").symlink_to(folder / "a.png")
    with pytest.raises(ValueError, match="all of their pictures are held out"):
        folders.split_folders([folder, tmp_path / "other"], 1)


def test_an_output_may_not_be_inside_a_folder_of_inputs(folder, tmp_path):
    folders.check_outside(tmp_path / "photos2", [folder, folder / "more"])
    (tmp_path / "link").symlink_to(folder)
    for output in (folder, folder / "new/work", tmp_path / "link/work"):
        with pytest.raises(ValueError, match="is inside '.*photos'. Give a"):
            folders.check_outside(output, [tmp_path / "else", folder])


def test_a_file_becomes_a_file_or_goes_to_a_folder(folder, tmp_path):
    source = str(folder / "a.png")
    (item,) = folders.items(source, "out.jpg")
    assert item == folders.Item(folder / "a.png", pathlib.Path("out.jpg"))
    (item,) = folders.items(source, str(tmp_path))
    assert item.output == tmp_path / "a.png"
    (item,) = folders.items(source, str(tmp_path / "new") + os.sep)
    assert item.output == tmp_path / "new" / "a.png"


def test_a_folder_becomes_a_folder_with_those_within(folder, tmp_path):
    made = folders.items(str(folder), str(tmp_path / "out"))
    expected = ["a.png", "b.jpg", os.path.join("more", "c.PNG")]
    assert names(made, tmp_path / "out") == expected


def test_a_pattern_keeps_names(folder, tmp_path):
    made = folders.items(str(folder / "**/*.[pP]*"), str(tmp_path / "out"))
    assert names(made, tmp_path / "out") == [
        "a.png",
        os.path.join("more", "c.PNG"),
    ]
    (one,) = folders.items(str(folder / "b*"), str(tmp_path / "out"))
    assert one.output == tmp_path / "out" / "b.jpg"
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        folders.items(str(folder / "*.webp"), str(tmp_path))


def test_a_folder_is_not_named_as_a_picture(folder, tmp_path):
    with pytest.raises(ValueError, match=r"out.png' is named as one"):
        folders.items(str(folder / "b*"), str(tmp_path / "out.png"))
    (tmp_path / "there.png").mkdir()
    (one,) = folders.items(str(folder / "b*"), str(tmp_path / "there.png"))
    assert one.output == tmp_path / "there.png" / "b.jpg"


def test_what_cannot_be_written_becomes_png_but_not_twice(folder, tmp_path):
    (folder / "d.gif").write_bytes((folder / "a.png").read_bytes())
    made = folders.items(str(folder), str(tmp_path))
    assert "d.png" in names(made, tmp_path)
    (folder / "a.gif").write_bytes((folder / "a.png").read_bytes())
    with pytest.raises(ValueError, match=r"a\.gif' and '.*a\.png' would both"):
        folders.items(str(folder), str(tmp_path))


def test_an_output_is_done_when_it_was_made_from_the_same(folder, tmp_path):
    item = folders.Item(folder / "a.png", tmp_path / "out.png")
    record = provenance.describe({"size": 1}, {"content": item.content})
    assert not folders.is_done(item.output, record)
    images.save(item.output, helpers.image(20, 20))
    assert not folders.is_done(item.output, record)
    metadata = provenance.embed(record)
    images.save(item.output, helpers.image(20, 20), metadata=metadata)
    assert folders.is_done(item.output, record)
    other = provenance.describe({"size": 2}, {"content": item.content})
    assert not folders.is_done(item.output, other)
    changed = provenance.describe({"size": 1}, {"content": folder / "b.jpg"})
    assert not folders.is_done(item.output, changed)


def test_an_output_is_done_when_it_was_made_by_the_same_weights(
    folder, tmp_path
):
    item = folders.Item(folder / "a.png", tmp_path / "out.png")
    record = provenance.describe({}, {}, {"model": ["12"]})
    written = {**record, "notes": {"model": ["12"], "complete": True}}
    for notes, done in (({}, False), (written["notes"], True)):
        metadata = provenance.embed({**record, "notes": notes})
        images.save(item.output, helpers.image(20, 20), metadata=metadata)
        assert folders.is_done(item.output, record) == done
    other = provenance.describe({}, {}, {"model": ["34"]})
    assert not folders.is_done(item.output, other)


def test_an_output_with_a_shortened_record_is_done(folder, tmp_path):
    item = folders.Item(folder / "a.png", tmp_path / "out.jpg")
    record = provenance.describe(
        {"size": 1, "long": 70_000 * "x"}, {"content": item.content}
    )
    short = provenance.fitted(record, images.check_format(item.output))
    metadata = provenance.embed(short)
    images.save(item.output, helpers.image(20, 20), metadata=metadata)
    assert folders.is_done(item.output, record)
    images.save(item.content, helpers.image(20, 24, 7))
    assert not folders.is_done(
        item.output, provenance.with_input(record, "content", item.content)
    )


def test_photographs_are_never_written_over(folder, tmp_path):
    with pytest.raises(ValueError, match="would be written over"):
        folders.items(str(folder / "a.png"), str(folder / "a.png"))
    with pytest.raises(ValueError, match="would be written over"):
        folders.items(str(folder / "a.png"), str(folder))
    link = tmp_path / "link"
    link.symlink_to(folder)
    for output in (folder, folder / "painted", link):
        with pytest.raises(ValueError, match="is inside '.*photos'"):
            folders.items(str(folder), str(output))
    with pytest.raises(ValueError, match="would be written over"):
        folders.items(str(folder / "*.png"), str(folder))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").symlink_to(folder / "b.jpg")
    with pytest.raises(ValueError, match="b.jpg' would be written over"):
        folders.items(str(folder), str(tmp_path / "out"))


def test_results_are_not_found_by_the_same_pattern(folder):
    with pytest.raises(ValueError, match="is inside '.*photos'"):
        folders.items(str(folder / "**/*.png"), str(folder / "painted"))


@pytest.mark.parametrize("pattern", ["m*/*.PNG", "m*/c.*"])
def test_a_pattern_has_the_same_outputs_whatever_it_finds(
    folder, tmp_path, pattern
):
    (one,) = folders.items(str(folder / pattern), str(tmp_path / "out"))
    assert one.output == tmp_path / "out" / "more" / "c.PNG"


def test_results_are_not_found_in_the_next_run(folder):
    (folder / "d.gif").write_bytes((folder / "a.png").read_bytes())
    (one,) = folders.items(str(folder / "d.g*"), str(folder))
    assert one.output == folder / "d.png"
    with pytest.raises(ValueError, match=r"d.png' would be one of '.*d\.\*'"):
        folders.items(str(folder / "d.*"), str(folder))


def test_other_inputs_are_never_written_over(folder, tmp_path):
    made = folders.items(str(folder), str(tmp_path / "out"))
    style = tmp_path / "out" / "more" / "c.PNG"
    folders.check_kept(made, {"style 1": str(style.with_name("d.png"))})
    link = tmp_path / "link"
    link.symlink_to(style)
    for path in (style, link):
        with pytest.raises(ValueError, match=r"c\.PNG' is the style 1, too"):
            folders.check_kept(made, {"style 1": str(path)})
