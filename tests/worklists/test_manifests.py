import json

import pytest

from tfstyle.worklists import manifests
from tfstyle.worklists.manifests import Entry, Tally
from tfstyle.worklists.rows import Row, Shard
from tfstyle.worklists.storage import Store

ENTRIES = [
    Entry(content="a.png", output="a.png", status="painted", size=3, seconds=2),
    Entry(content="b.png", output="b.png", status="painted", size=4, seconds=1),
    Entry(content="ü.png", output="c.png", status="there", size=9),
    Entry(content="\udcff.png", output="d.png", status="failed", reason="odd"),
]


def test_what_is_written_is_read(tmp_path):
    store = Store(str(tmp_path), "run1")
    shard = Shard((Row("a.png", "a.png"),))
    assert manifests.read(store, shard) == {}
    manifests.write(store, shard, ENTRIES)
    assert [*manifests.read(store, shard).values()] == ENTRIES


@pytest.mark.parametrize(
    "damaged",
    [
        b'{"content": "a.pn',
        b'{"content": "a.png"}',
        b'{"content": "", "output": "", "status": "there", "brush": 3}',
        b'{"content": "", "output": [], "status": "there"}',
        b"[]",
        b"\xff\xfe\x00",
    ],
)
def test_a_damaged_manifest_is_none(tmp_path, damaged):
    store, shard = Store(str(tmp_path), "run1"), Shard((Row("a", "a.png"),))
    manifests.write(store, shard, ENTRIES)
    (path,) = tmp_path.glob("_manifest/shards/*/*.jsonl")
    path.write_bytes(path.read_bytes() + damaged)
    assert manifests.read(store, shard) == {}


def test_lines_are_json():
    lines = manifests.lines(ENTRIES).splitlines()
    assert [json.loads(line)["output"][0] for line in lines] == [*"abcd"]


def test_the_tally_counts():
    tally = Tally()
    assert str(tally) == "0 painted"
    for entry in ENTRIES:
        tally.add(entry)
    assert str(tally) == "2 painted, 1 were there, 1 failed"
    assert tally.summary(4.0) == {
        "painted": 2,
        "there": 1,
        "failed": 1,
        "seconds": 4.0,
        "pictures_per_second": 0.5,
        "bytes": 7,
        "worker_seconds": 3.0,
    }
