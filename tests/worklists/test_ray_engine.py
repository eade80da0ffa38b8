"""The engine, with Ray on this machine and a painter that only inverts."""

import collections
import contextlib
import os
import pathlib

import psutil
import pytest

import helpers
import inverting
from tfstyle import images
from tfstyle.worklists import manifests, ray_cluster
from tfstyle.worklists.rows import Row, Shard, cut
from tfstyle.worklists.storage import Store


@pytest.fixture(scope="module")
def ray():
    with pytest.MonkeyPatch.context() as patch:
        paths = helpers.environment(pathlib.Path(inverting.__file__).parent)
        patch.setenv("PYTHONPATH", paths["PYTHONPATH"])
        with ray_cluster.connected("local", 2) as workers:
            assert workers == 2
            yield


@pytest.fixture
def rows(tmp_path):
    made = []
    for i in range(10):
        path = tmp_path / f"{i}.png"
        images.save(path, helpers.image(20, 24, i))
        made.append(Row(str(path), f"{i}.png"))
    return made


def paint(rows, tmp_path, workers=2, size=3, **settings):
    """Entries by output, and notes."""
    from tfstyle.worklists.ray_engine import Fleet

    notes = []
    store = Store(str(tmp_path / "painted"), "run1")
    fleet = Fleet(
        inverting.Inverting(**settings), store, workers, note=notes.append
    )
    entries = [*fleet.paint(cut(rows, size), lambda: False)]
    assert len(entries) == len(rows)
    return {entry.output: entry for entry in entries}, notes


def statuses(entries):
    return [entry.status for entry in entries.values()]


def test_all_rows_are_painted_by_several_workers(ray, rows, tmp_path):
    entries, notes = paint(rows, tmp_path, size=2, pause=0.2)
    assert statuses(entries) == ["painted"] * 10 and notes == []
    assert len({entry.worker for entry in entries.values()}) == 2
    again, _ = paint(rows, tmp_path, size=2)
    assert statuses(again) == ["there"] * 10


def test_it_listens_on_this_machine_only(ray):
    ours = psutil.Process().children(recursive=True)
    assert {"raylet", "gcs_server"} <= {process.name() for process in ours}
    listening = set()
    for process in ours:
        with contextlib.suppress(psutil.Error):  # Some end meanwhile.
            listening |= {
                connection.laddr.ip
                for connection in process.net_connections("tcp")
                if connection.status == psutil.CONN_LISTEN
            }
    assert listening and listening <= {"127.0.0.1", "::ffff:127.0.0.1"}


def manifest(store, shard):
    return [*manifests.read(store, shard).values()]


def test_pictures_that_kill_their_worker_fail_alone(ray, rows, tmp_path):
    kills = ("3.png", "4.png", "5.png", "6.png")
    entries, notes = paint(rows, tmp_path, workers=1, size=5, kills=kills)
    failed = [e for e in entries.values() if e.status == "failed"]
    assert {entry.output for entry in failed} == {*kills}
    lost = "The process of a worker was lost."
    assert {entry.reason for entry in failed} == {lost}
    assert notes == []
    # Their shards have manifests with all rows, and the rows none.
    store = Store(str(tmp_path / "painted"), "run1")
    for shard in cut(rows, 5):
        found = manifest(store, shard)
        assert found == [entries[row.output] for row in shard.rows]
    assert len([*tmp_path.glob("painted/_manifest/shards/*/*")]) == 2


@pytest.mark.parametrize("size", [1, 4])
def test_a_machine_without_the_mount_fails_no_row(ray, rows, tmp_path, size):
    entries, _ = paint(
        rows, tmp_path, size=size, lacks="mount", machine=str(tmp_path)
    )
    assert statuses(entries) == ["painted"] * 10
    store = Store(str(tmp_path / "painted"), "run1")
    for shard in cut(rows, size):
        assert len(manifest(store, shard)) == len(shard.rows)
        assert "failed" not in {e.status for e in manifest(store, shard)}


def test_rows_that_fail_everywhere_have_failed(ray, rows, tmp_path):
    missing = [Row(f"/missing/{i}.png", f"m{i}.png") for i in range(30)]
    entries, notes = paint([*missing, *rows], tmp_path, size=4)
    counts = collections.Counter(statuses(entries))
    assert counts == {"failed": 30, "painted": 10} and notes == []


def test_a_machine_with_a_full_disk_fails_no_row(ray, rows, tmp_path):
    entries, _ = paint(
        rows, tmp_path, pause=0.5, lacks="disk", machine=str(tmp_path)
    )
    assert set(statuses(entries)) <= {"painted", "there"}


def test_a_full_disk_on_one_worker_loses_nothing(ray, rows, tmp_path):
    (tmp_path / "marks").mkdir()
    entries, _ = paint(rows, tmp_path, full=str(tmp_path / "marks"))
    assert set(statuses(entries)) <= {"painted", "there"}


def test_a_disk_that_stays_full_ends_the_run(ray, rows, tmp_path):
    painted = tmp_path / "painted"
    painted.mkdir()
    (painted / "_manifest").mkdir()
    (painted / "_manifest" / "drafts").write_text("in the way")
    with pytest.raises(OSError, match="drafts"):
        paint(rows, tmp_path, workers=1)
    assert [path.name for path in painted.iterdir()] == ["_manifest"]


def test_a_worker_without_the_model_is_given_up(ray, rows, tmp_path):
    (tmp_path / "marks").mkdir()
    entries, notes = paint(rows, tmp_path, fails=str(tmp_path / "marks"))
    assert statuses(entries) == ["painted"] * 10
    assert len(notes) == 1
    assert "given up: there is no model 'wave.h5' here" in notes[0]


def test_the_run_ends_when_no_worker_is_left(ray, rows, tmp_path):
    with pytest.raises(FileNotFoundError, match="no model 'wave.h5'"):
        paint(rows, tmp_path, fails="always")


def test_workers_of_other_versions_are_refused():
    from tfstyle.worklists import ray_worker

    worker = ray_worker.Worker(
        inverting.Inverting(), Store("/painted", "run1"), True, 0
    )
    own = ray_worker.versions()
    worker.load(own)
    with pytest.raises(ValueError) as error:
        worker.load({**own, "keras": "3.0"})
    text = str(error.value)
    assert os.uname().nodename in text
    assert f"other versions: keras {own['keras']}. Expected: keras 3.0" in text


def test_it_stops_when_it_is_told(ray, rows, tmp_path):
    from tfstyle.worklists.ray_engine import Fleet

    told = []
    store = Store(str(tmp_path / "painted"), "run1")
    fleet = Fleet(inverting.Inverting(pause=0.2), store, 1)
    shards = iter([Shard((row,)) for row in rows])
    for entry in fleet.paint(shards, lambda: len(told) >= 3):
        told.append(entry)
    assert 3 <= len(told) < 10
