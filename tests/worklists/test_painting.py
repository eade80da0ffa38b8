import dataclasses
import json

import fsspec
import numpy as np
import pytest

import helpers
from inverting import Inverting
from tfstyle import images
from tfstyle.images import provenance
from tfstyle.worklists import manifests, painting
from tfstyle.worklists.rows import Row, Shard
from tfstyle.worklists.storage import Store


@pytest.fixture(params=["", "memory://"])
def place(request, tmp_path):
    """Root of photographs and pictures, in a folder and in an object store."""
    (tmp_path / "photos").mkdir()
    root = f"{request.param}{tmp_path}"
    store = Store(f"{root}/painted", "run1")
    photos = Store(f"{root}/photos", "run1")
    for i in range(4):
        draft = photos.draft(f"{i}.png")
        draft.parent.mkdir(parents=True)
        images.save(draft, helpers.image(20, 24, i))
        photos.publish(draft, f"{i}.png")
    yield photos, store
    photos.clear()
    store.clear()


def shard_of(photos, *more):
    rows = [Row(f"{photos.root}/{i}.png", f"x/{i}.png") for i in range(4)]
    return Shard((*rows, *more))


def paint(shard, store, resume=True, **settings):
    loader = Inverting(**settings)
    painter = loader.load(store.fetch)
    return [*painting.paint_shard(shard, painter, store, resume)]


def statuses(entries):
    return [entry.status for entry in entries]


def test_pictures_and_their_entries(place):
    photos, store = place
    entries = paint(shard_of(photos), store)
    assert statuses(entries) == ["painted"] * 4
    for i, entry in enumerate(entries):
        photo, picture = photos.find(f"{i}.png"), store.find(f"x/{i}.png")
        np.testing.assert_allclose(
            images.load(picture), 1 - images.load(photo), atol=1e-6
        )
        assert (entry.width, entry.height) == (24, 20)
        assert entry.content_sha256 == provenance.digest(photo)
        assert entry.output_sha256 == provenance.digest(picture)
        assert entry.size == picture.stat().st_size
        assert entry.seconds >= 0 and entry.reason == ""


def test_the_manifest_has_a_line_for_each_row(place):
    photos, store = place
    shard = shard_of(photos, Row("missing.png", "missing.png"))
    entries = paint(shard, store)
    name = f"_manifest/shards/{shard.key[:2]}/{shard.key}.jsonl"
    lines = [json.loads(line) for line in store.read_text(name).splitlines()]
    assert [line["output"] for line in lines] == [r.output for r in shard.rows]
    assert lines == [dataclasses.asdict(entry) for entry in entries]
    assert lines[-1]["status"] == "failed"
    assert "does not exist" in lines[-1]["reason"] or lines[-1]["reason"]


def test_what_is_there_is_left_as_it_is(place):
    photos, store = place
    shard = shard_of(photos)
    first = paint(shard, store)
    again = paint(shard, store)
    assert again == [dataclasses.replace(e, status="there") for e in first]
    # The manifest still tells how the pictures were painted.
    assert [*manifests.read(store, shard).values()] == first


def test_what_is_there_is_found_without_a_manifest(place):
    photos, store = place
    rows = shard_of(photos).rows
    first = paint(Shard(rows[:3]), store)
    again = paint(Shard(rows), store)
    assert statuses(again) == ["there"] * 3 + ["painted"]
    for before, after in zip(first, again, strict=False):
        assert after.output_sha256 == before.output_sha256


def test_another_recipe_and_a_missing_picture_are_painted(place):
    photos, store = place
    shard = shard_of(photos)
    paint(shard, store)
    assert statuses(paint(shard, store, strength=0.5)) == ["painted"] * 4
    if not store.root.startswith("memory"):
        store.find("x/2.png").unlink()
        found = paint(shard, store, strength=0.5)
        assert sorted(statuses(found)) == ["painted"] + ["there"] * 3
    assert statuses(paint(shard, store, False, strength=0.5)) == ["painted"] * 4


def test_files_that_are_no_pictures_are_not_replaced(place, tmp_path):
    photos, store = place
    files = {"x/1.png": helpers.image(9, 9), "x/2.png": None}
    for name, pixels in files.items():
        draft = store.draft(name)
        draft.parent.mkdir(parents=True)
        draft.write_bytes(b"a text")
        if pixels is not None:
            images.save(draft, pixels)
        store.publish(draft, name)
    before = {name: store.find(name).read_bytes() for name in files}
    entries = paint(shard_of(photos), store)
    assert statuses(entries) == ["painted", "failed", "failed", "painted"]
    assert [e.reason for e in entries[1:3]] == [
        f"'{name}' is there and was not written by tfstyle. Give another "
        "folder, or move it."
        for name in files
    ]
    assert {n: store.find(n).read_bytes() for n in files} == before
    # Only told to do so.
    assert statuses(paint(shard_of(photos), store, False)) == ["painted"] * 4


def test_settings_of_a_row(place):
    photos, store = place
    row = Row(f"{photos.root}/0.png", "half.png", (), {"strength": 0.5})
    wrong = Row(f"{photos.root}/0.png", "wrong.png", (), {"strength": 2})
    entries = paint(shard_of(photos, row, wrong), store)
    assert statuses(entries) == ["painted"] * 5 + ["failed"]
    assert entries[-1].reason == "`strength` is 2"
    photo, picture = photos.find("0.png"), store.find("half.png")
    np.testing.assert_allclose(
        images.load(picture), 0.5 - images.load(photo) / 2, atol=1 / 255
    )


def test_failures_never_stop_the_rest_and_are_tried_again(place, tmp_path):
    photos, store = place
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    large = tmp_path / "large.png"
    images.save(large, helpers.image(17, 24))
    rows = [Row(str(path), path.name) for path in (bad, large)]
    shard = Shard((*rows, *shard_of(photos).rows))
    entries = paint(shard, store)
    assert statuses(entries) == ["failed"] * 2 + ["painted"] * 4
    assert "is not an image that can be read" in entries[0].reason
    assert entries[1].reason == "17 rows are too many"
    images.save(bad, helpers.image(20, 24))
    again = paint(shard, store)
    assert sorted(statuses(again)) == ["failed", "painted"] + ["there"] * 4


def test_a_full_disk_ends_a_shard_and_leaves_no_half_picture(place, tmp_path):
    photos, store = place
    with pytest.raises(OSError, match="No space left"):
        paint(shard_of(photos), store, full=str(tmp_path))
    store.clear()
    assert store.exist(r.output for r in shard_of(photos).rows) == [False] * 4
    assert manifests.read(store, shard_of(photos)) == {}


class Refusing(fsspec.AbstractFileSystem):
    """An object store that is down."""

    protocol = "refusing"

    def get_file(self, *unused, **unused_too):
        raise RuntimeError("no credentials")


def test_what_cannot_be_reached_ends_a_shard(place):
    photos, store = place
    fsspec.register_implementation("refusing", Refusing, clobber=True)
    shard = shard_of(photos, Row("refusing://bucket/a.png", "a.png"))
    with pytest.raises(ConnectionError, match="no credentials"):
        paint(shard, store)
    assert manifests.read(store, shard) == {}


def test_reasons_are_never_empty():
    assert painting.reason(MemoryError()) == "MemoryError"
    assert painting.reason(ValueError("a\nb")) == "a b"
