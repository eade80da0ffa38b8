import os

import fsspec
import pytest

from tfstyle.worklists import storage
from tfstyle.worklists.storage import Store

NAMES = ["a.png", "more/b.png"]


@pytest.fixture(params=["folder", "memory", "file"])
def store(request, tmp_path):
    """A store of each kind: renamed, put, and put and moved."""
    roots = {
        "folder": str(tmp_path / "painted"),
        "memory": f"memory://{tmp_path}/painted",
        "file": f"file://{tmp_path}/painted",
    }
    made = Store(roots[request.param], "run1")
    yield made
    made.clear()


def half(store, name, data=b"half"):
    draft = store.draft(name)
    draft.parent.mkdir(parents=True)
    draft.write_bytes(data)
    return draft


def write(store, name, data):
    draft = half(store, name, data)
    assert draft.name == os.path.basename(name)
    store.publish(draft, name)
    assert not draft.exists()


def test_pictures_appear_when_they_are_published(store):
    assert store.exist(NAMES) == [False, False]
    half(store, NAMES[0])
    assert store.exist(NAMES) == [False, False]
    for name in NAMES:
        write(store, name, name.encode())
    assert store.exist(NAMES) == [True, True]
    for name in NAMES:
        found = store.find(name)
        assert found.read_bytes() == name.encode()
        store.discard(found)
    assert store.exist(NAMES) == [True, True]


def test_a_picture_is_replaced_as_a_whole(store):
    write(store, "a.png", b"first")
    write(store, "a.png", b"second")
    assert store.find("a.png").read_bytes() == b"second"


def test_nothing_else_is_left(store):
    write(store, "more/b.png", b"b")
    store.write_text("_manifest/x.json", "{}")
    assert store.read_text("_manifest/x.json") == "{}"
    store.discard(store.fetch(storage.join(store.root, "more/b.png")))
    half(store, "lost.png")
    store.clear()
    system, path = storage.filesystem(store.root)
    names = [name.split("painted/")[1] for name in system.find(path)]
    assert sorted(names) == ["_manifest/x.json", "more/b.png"]


def test_drafts_of_killed_runs_are_cleared(tmp_path):
    draft = half(Store(str(tmp_path), "run0"), "a.png")
    Store(str(tmp_path), "run1").clear()
    assert not draft.exists()


def test_copies_are_private_and_go(tmp_path):
    store = Store(f"memory://{tmp_path}", "run1")
    write(store, "a.png", b"a")
    store = Store(str(tmp_path), "run1")
    copies = [store.fetch(f"memory://{tmp_path}/a.png") for _ in range(2)]
    folder = copies[0].parent.parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert tmp_path not in folder.parents
    storage.discard(copies[0])
    assert [path.exists() for path in copies] == [False, True]
    storage.discard(tmp_path)
    assert tmp_path.exists()


def test_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no 'memory://missing/a.png'"):
        Store("memory://missing", "run1").find("a.png")
    with pytest.raises(FileNotFoundError):
        Store(str(tmp_path), "run1").read_text("a.json")


class Refusing(fsspec.AbstractFileSystem):
    """An object store whose errors are its own."""

    protocol = "refusing"

    def get_file(self, *unused, **unused_too):
        raise RuntimeError("no credentials\nwere found")

    put_file = exists = makedirs = get_file


def test_errors_of_object_stores_are_told_in_one_line():
    fsspec.register_implementation("refusing", Refusing, clobber=True)
    store = Store("refusing://bucket", "run1")
    expected = "refusing://bucket/a.png' cannot be reached: no credentials were"
    with pytest.raises(ConnectionError, match=expected):
        store.find("a.png")
    with pytest.raises(OSError, match=expected):
        store.publish(half(store, "a.png"), "a.png")
    with pytest.raises(OSError, match="no credentials were"):
        store.exist(["a.png"])
    store.clear()


@pytest.mark.parametrize(
    ("path", "is_address"),
    [("s3://b/a", True), ("C:/a", False), ("/a", False), ("a://b", False)],
)
def test_addresses(path, is_address):
    assert storage.is_address(path) == is_address
