import json
import os

import fsspec
import pyarrow
import pyarrow.parquet
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tfstyle.worklists import listing
from tfstyle.worklists.rows import Row


@pytest.fixture
def photos(tmp_path):
    """A folder of files, of which three are images by their names."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name in ("b.jpg", "a.gif", "more/c.PNG", "notes.txt"):
        (folder / name).write_bytes(b"x")
    return folder


@pytest.fixture
def bucket():
    """An address of an object store, in memory."""
    system = fsspec.filesystem("memory")
    system.rm("/", recursive=True) if system.ls("/") else None
    for name in ("b.jpg", "._b.jpg", "a.gif", "more/c.PNG", "a.txt"):
        system.pipe_file(f"/photos/{name}", b"x")
    return "memory://photos"


def named(content):
    return [(row.content, row.output) for row in listing.rows(content)]


def test_a_folder(photos):
    assert named(str(photos)) == [
        (f"{photos}/a.gif", "a.png"),
        (f"{photos}/b.jpg", "b.jpg"),
        (f"{photos}/more/c.PNG", "more/c.PNG"),
    ]


def test_patterns_name_what_follows_their_plain_folders(photos):
    assert named(f"{photos}/*.jpg") == [(f"{photos}/b.jpg", "b.jpg")]
    assert named(f"{photos}/**/c.*") == [(f"{photos}/more/c.PNG", "more/c.PNG")]


def test_paths_are_absolute(photos, monkeypatch):
    monkeypatch.chdir(photos.parent)
    assert named("photos") == named(str(photos))
    assert named("photos/b.jpg") == [(f"{photos}/b.jpg", "b.jpg")]


def test_folders_may_have_names_like_patterns(photos, monkeypatch):
    folder = photos.rename(photos.parent / "holiday [2019]")
    assert named(str(folder))[1] == (f"{folder}/b.jpg", "b.jpg")
    assert listing.folder_of(str(folder)) == str(folder)
    monkeypatch.chdir(folder)
    for pattern in ("*.jpg", "**/b.jpg"):
        assert named(pattern) == [(f"{folder}/b.jpg", "b.jpg")]
    assert listing.folder_of("**/b.jpg") == str(folder)


def test_lists_may_begin_with_a_byte_order_mark(photos):
    (photos.parent / "list.txt").write_bytes(b"\xef\xbb\xbfphotos/b.jpg\n")
    ((path, _),) = named(str(photos.parent / "list.txt"))
    assert path == f"{photos}/b.jpg"


def test_an_object_store(bucket):
    assert named(bucket) == [
        ("memory://photos/a.gif", "a.png"),
        ("memory://photos/b.jpg", "b.jpg"),
        ("memory://photos/more/c.PNG", "more/c.PNG"),
    ]
    assert named(f"{bucket}/*.jpg") == [("memory://photos/b.jpg", "b.jpg")]


def test_one_object(bucket):
    assert named(f"{bucket}/b.jpg") == [("memory://photos/b.jpg", "b.jpg")]
    assert named(f"{bucket}/a.gif") == [("memory://photos/a.gif", "a.png")]


def test_addresses_keep_their_slashes(photos):
    for scheme in ("file", "local"):
        assert named(f"{scheme}://{photos}/*.jpg") == [
            (f"{scheme}://{photos}/b.jpg", "b.jpg")
        ]
        assert named(f"{scheme}://{photos}/more/") == [
            (f"{scheme}://{photos}/more/c.PNG", "c.PNG")
        ]


class Hosted(MemoryFileSystem):
    """Files of a host, which is not in their names, such as HDFS."""

    protocol = "hosted"

    @classmethod
    def _strip_protocol(cls, path):
        path = path.split("://")[-1]
        host, _, name = path.partition("/")
        name = name if ":" in host else path.lstrip("/")
        return f"/{name}".rstrip("/")

    @staticmethod
    def _get_kwargs_from_urls(path):
        return {"host": path.split("/")[2]}


@pytest.mark.parametrize("ending", ["", "/b.jpg", "/*.jpg"])
def test_addresses_keep_their_host(bucket, ending):
    fsspec.register_implementation("hosted", Hosted, clobber=True)
    (first, *_) = reversed(named(f"hosted://node:9000/photos{ending}")[:2])
    assert first == ("hosted://node:9000/photos/b.jpg", "b.jpg")


def test_folders_that_cannot_be_read_are_no_empty_ones(photos, monkeypatch):
    scan = os.scandir

    def refusing(path):
        if os.fspath(path).endswith("more"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    for scheme in ("", "file://"):
        with pytest.raises(PermissionError):
            named(f"{scheme}{photos}")


ROWS = [
    {"content": "a.jpg", "output": "x/a.png", "styles": ["w.png", "/n.png"]},
    {"content": "/b.gif", "settings": {"strength": 0.5}},
    {"content": "s3://bucket/c.jpg"},
]


def check_rows(path):
    first, second, third = listing.rows(str(path))
    folder = path.parent
    styles = (f"{folder}/w.png", "/n.png")
    assert first == Row(f"{folder}/a.jpg", "x/a.png", styles)
    assert (second.content, second.settings) == ("/b.gif", {"strength": 0.5})
    assert second.output.endswith(".png")
    assert third.content == "s3://bucket/c.jpg"
    assert third.output.endswith(".jpg")


def test_lines_of_json(tmp_path):
    path = tmp_path / "list.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    check_rows(path)


def test_parquet(tmp_path):
    path = tmp_path / "list.parquet"
    rows = [
        {
            "content": row["content"],
            "output": row.get("output"),
            "styles": row.get("styles"),
            "settings": json.dumps(row.get("settings")),
            "unused": 3,
        }
        for row in ROWS
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    check_rows(path)


def test_objects_in_parquet_lack_what_only_other_rows_set(tmp_path):
    path = tmp_path / "list.parquet"
    settings = [{"size": 512}, {"strength": 0.5}, {}, None]
    rows = [
        {"content": f"{i}.jpg", "settings": s} for i, s in enumerate(settings)
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    found = [row.settings for row in listing.rows(str(path))]
    assert found == [{"size": 512}, {"strength": 0.5}, {}, {}]


def test_a_folder_of_parquet_files_is_read_batch_by_batch(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(listing, "_BATCH", 10)
    folder = tmp_path / "list.parquet"
    folder.mkdir()
    for part in range(3):
        names = [f"/{100 * part + i}.jpg" for i in range(100)]
        table = pyarrow.table({"content": names})
        pyarrow.parquet.write_table(table, folder / f"{part}.parquet")
    found = [row.content for row in listing.rows(str(folder))]
    assert found == [f"/{i}.jpg" for i in range(300)]


def test_blank_lines_are_no_rows(tmp_path):
    text = "a.jpg\n\n/b.png\n \n"
    (tmp_path / "list.txt").write_text(text)
    lines = text.replace("a.jpg", '{"content": "a.jpg"}')
    lines = lines.replace("/b.png", '{"content": "/b.png"}')
    (tmp_path / "list.jsonl").write_text(lines)
    for ending in ("txt", "jsonl"):
        rows = listing.rows(f"{tmp_path}/list.{ending}")
        names = [row.content for row in rows]
        assert names == [f"{tmp_path}/a.jpg", "/b.png"]


@pytest.mark.parametrize("ending", ["txt", "jsonl"])
def test_texts_that_are_not_utf_8(tmp_path, ending):
    path = tmp_path / f"list.{ending}"
    path.write_bytes("größe.jpg".encode("latin-1"))
    with pytest.raises(ValueError, match=r"list\.\w+' is not a text in UTF-8"):
        list(listing.rows(str(path)))


def test_a_list_in_an_object_store_names_what_is_beside_it(bucket):
    fsspec.filesystem("memory").pipe_file("/photos/list.txt", b"b.jpg\n")
    (row,) = listing.rows(f"{bucket}/list.txt")
    assert row.content == "memory://photos/b.jpg"


def test_rows_are_read_as_they_are_taken(tmp_path):
    path = tmp_path / "list.jsonl"
    path.write_text('{"content": "a.jpg"}\nnonsense\n')
    rows = listing.rows(str(path))
    assert next(rows).content == f"{tmp_path}/a.jpg"
    with pytest.raises(ValueError, match=r"list\.jsonl', line 2 is not JSON"):
        next(rows)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, "expected a path as content. Received: None"),
        ({"content": 3}, "expected a path as content. Received: 3"),
        ({"content": "a", "styles": "b"}, "`styles` must be a list"),
        ({"content": "a", "settings": "[1]"}, "`settings` must be an object"),
        ({"content": "a", "settings": "{"}, "row 1: "),
        ({"content": "a", "output": 7}, "`output` must be a name. Received: 7"),
        (
            {"content": "a", "style": "b"},
            "unknown 'style'. Expected: content, ",
        ),
        (["a"], "expected an object. Received: ['a']"),
    ],
)
def test_wrong_rows_are_named(tmp_path, row, expected):
    path = tmp_path / "list.jsonl"
    path.write_text(json.dumps(row))
    with pytest.raises(ValueError, match=r"list\.jsonl', row 1: ") as error:
        list(listing.rows(str(path)))
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        ("missing", FileNotFoundError, "no file or folder 'missing'"),
        ("missing/*.png", FileNotFoundError, r"'missing/\*\.png'"),
        ("memory://missing", FileNotFoundError, "no 'memory://missing'"),
        ("missing.parquet", FileNotFoundError, "no Parquet file at"),
        ("odd://bucket", ValueError, "'odd://bucket' cannot be reached"),
    ],
)
def test_what_is_not_there(content, kind, expected):
    with pytest.raises(kind, match=expected):
        list(listing.rows(content))


def test_a_damaged_parquet_file(tmp_path):
    path = tmp_path / "list.parquet"
    path.write_bytes(b"no table")
    with pytest.raises(ValueError, match="is not Parquet, or damaged"):
        list(listing.rows(str(path)))


def test_only_objects_and_tables_name_styles():
    assert listing.has_styles("a.jsonl") and listing.has_styles(
        "s3://a.PARQUET"
    )
    assert not listing.has_styles("a.txt") and not listing.has_styles("photos")


def test_the_folder_of_all_rows(photos):
    assert listing.folder_of(str(photos)) == str(photos)
    assert listing.folder_of(f"{photos}/**/*.png") == str(photos)
    assert listing.folder_of(f"{photos}/*.png") == ""
    assert listing.folder_of(os.path.join(photos, "a.gif")) == ""
    assert listing.folder_of("list.parquet") == ""
    assert listing.folder_of("s3://bucket/photos/") == "s3://bucket/photos"
