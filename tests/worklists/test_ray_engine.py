"""The engine, with Ray on this machine and a painter that only inverts."""

import os
import pathlib

import psutil
import pytest

import helpers
import inverting
from tfstyle import images
from tfstyle.worklists import ray_cluster
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
    names = ("raylet", "gcs_server")
    ours = psutil.Process().children(recursive=True)
    found = {process.name(): process for process in ours}
    for name in names:
        listening = {
            connection.laddr.ip
            for connection in found[name].net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening <= {"127.0.0.1", "::ffff:127.0.0.1"}


def test_a_picture_that_kills_its_worker_fails_alone(ray, rows, tmp_path):
    entries, notes = paint(rows, tmp_path, workers=1, kills="4.png")
    failed = [e for e in entries.values() if e.status == "failed"]
    assert [entry.output for entry in failed] == ["4.png"]
    assert failed[0].reason == "The process of a worker was lost."
    assert notes == []


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
    from tfstyle.worklists import ray_engine

    worker = ray_engine.Worker(
        inverting.Inverting(), Store("/painted", "run1"), True, 0
    )
    own = ray_engine._versions()
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
