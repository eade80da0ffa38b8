import json

import pytest

import helpers
from inverting import Inverting
from tfstyle import images
from tfstyle.worklists import runs
from tfstyle.worklists.manifests import Entry, Tally
from tfstyle.worklists.storage import Store


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(12):
        images.save(folder / f"{i:02}.png", helpers.image(20, 24, i))
    return folder


def entry(status, name):
    return Entry(content=name, output=name, status=status, reason="odd")


def test_a_plan_cuts_the_list_each_time_anew(photos, tmp_path):
    plan = runs.prepare(str(photos), str(tmp_path / "painted"), 5)
    assert plan.count == 12 and len(plan.sample) == 9
    for _ in range(2):
        assert [len(shard.rows) for shard in plan.shards()] == [5, 5, 2]
    assert not (tmp_path / "painted").exists()


@pytest.mark.parametrize(
    ("output", "kind", "expected"),
    [
        ("photos/painted", ValueError, "is inside"),
        ("photos", ValueError, "is inside"),
        ("photos/00.png", ValueError, "is inside"),
        ("other.png", NotADirectoryError, "is a file. Name a folder"),
    ],
)
def test_outputs_that_cannot_be_used(photos, tmp_path, output, kind, expected):
    images.save(tmp_path / "other.png", helpers.image(20, 24))
    with pytest.raises(kind, match=expected):
        runs.prepare(str(photos), str(tmp_path / output), 5)


@pytest.mark.parametrize(
    ("content", "output"),
    [
        ("{}/link", "{}/photos"),
        ("{}/photos", "{}/link"),
        ("file://{}/photos", "{}/photos"),
        ("{}/link/**/*.png", "local://{}/photos/painted"),
        ("{}/link/*.png", "file://{}/photos"),
        ("{}/link/00.png", "{}/photos"),
    ],
)
def test_no_name_of_the_photographs_is_an_output(
    photos, tmp_path, content, output
):
    (tmp_path / "link").symlink_to(photos)
    names = [name.format(tmp_path) for name in (content, output)]
    with pytest.raises(ValueError, match="is inside"):
        runs.prepare(*names, 5)


def test_styles_are_not_painted_over(photos, tmp_path):
    style = str(tmp_path / "painted" / "wave.png")
    with pytest.raises(ValueError, match="The style '.*' is inside the output"):
        runs.prepare(str(photos), str(tmp_path / "painted"), 5, [style])
    rows = tmp_path / "photos" / "rows.jsonl"
    for name in (style, "../painted/wave.png"):
        row = {"content": str(photos / "00.png"), "styles": [name]}
        rows.write_text(json.dumps(row))
        with pytest.raises(ValueError, match="The style '.*' is inside the"):
            runs.prepare(str(rows), str(tmp_path / "painted"), 5)


@pytest.mark.parametrize("root", ["painted", "memory://painted"])
def test_records_are_kept_however_a_run_ends(photos, tmp_path, root):
    if root == "painted":
        root = str(tmp_path / root)
    plan = runs.prepare(str(photos), root, 5)
    lost = Store(root, "lost").draft("half.png")
    lost.parent.mkdir(parents=True)
    lost.write_bytes(b"half")
    tally = Tally()
    with pytest.raises(KeyboardInterrupt):
        with runs.drafting(plan.store), runs.recorded(plan, tally) as record:
            assert lost.exists() == root.startswith("memory")
            for status, name in (("painted", "a"), ("failed", "b")):
                record(entry(status, name))
            raise KeyboardInterrupt
    failures = plan.store.read_text("_manifest/failures.jsonl").splitlines()
    assert [json.loads(line)["content"] for line in failures] == ["b"]
    summary = json.loads(plan.store.read_text("_manifest/summary.json"))
    assert (summary["rows"], summary["painted"], summary["failed"]) == (
        12,
        1,
        1,
    )
    assert str(tally) == "1 painted, 1 failed"
    plan.store.clear()


def test_an_estimate_is_of_some_of_the_rows(photos, tmp_path):
    plan = runs.prepare(str(photos), str(tmp_path / "painted"), 5)
    (photos / "00.png").write_bytes(b"no image")
    found = runs.estimate(plan, Inverting(pause=0.05))
    # All but the first, which warms up.
    assert found.seconds >= 0.04
    sizes = [path.stat().st_size for path in photos.iterdir()]
    assert min(sizes) / 2 < found.size < 2 * max(sizes) + 2000
    names = {row.output for row in plan.sample}
    assert len(found.failed) == ("00.png" in names)


@pytest.mark.parametrize(("good", "share"), [(5, 5 / 9), (1, 1 / 9)])
def test_what_fails_takes_neither_time_nor_room(photos, tmp_path, good, share):
    # All nine are the sample, and the first one warms up.
    for i in range(good, 12):
        photo = photos / f"{i:02}.png"
        photo.write_bytes(b"no image") if i < 9 else photo.unlink()
    plan = runs.prepare(str(photos), str(tmp_path / "painted"), 5)
    found = runs.estimate(plan, Inverting(pause=0.05))
    assert found.seconds >= 0.05
    assert found.share == share
    assert len(found.failed) == 9 - good


def test_an_estimate_needs_a_picture(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"no image")
    plan = runs.prepare(str(tmp_path / "photos"), str(tmp_path / "out"), 5)
    with pytest.raises(ValueError, match="None of 1 photographs could be"):
        runs.estimate(plan, Inverting())
