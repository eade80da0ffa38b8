import shutil
import threading

import numpy as np
import pytest

import helpers
import serving_model
from serving.server.config import ModelConfig
from serving.server.errors import StatusError
from serving.server.model_manager import ModelManager
from serving.server.servable import Servable
from serving.style_client import ServingError, StyleClient
from serving_server import Running, wait_for

PHOTO = helpers.image(8, 8)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Folder of versions 1 (scale 1) and 2 (scale 0.5)."""
    folder = tmp_path_factory.mktemp("exported")
    serving_model.export(folder, 1, 1.0)
    serving_model.export(folder, 2, 0.5)
    return folder


@pytest.fixture
def models(exported, tmp_path):
    """A function that puts a version in place, as an exporter does."""

    def add(source, number):
        beside = tmp_path / f"tmp-{number}"
        shutil.copytree(exported / str(source), beside)
        beside.rename(tmp_path / "style" / str(number))

    (tmp_path / "style").mkdir()
    add.folder = tmp_path / "style"
    return add


@pytest.fixture
def managed(models):
    """A manager of `models`, not polling; closed after the test."""
    managers = []

    def make(**config):
        config = ModelConfig(
            name="style", base_path=str(models.folder), **config
        )
        managers.append(ModelManager([config], Servable))
        managers[-1].update()
        return managers[-1]

    yield make
    for manager in managers:
        manager.close()


def states(manager):
    return {s.number: s.state for s in manager.status("style")}


def newest(manager):
    with manager.use("style") as lease:
        return lease.number


def test_latest_version_is_served(models, managed):
    models(1, 1)
    models(2, 2)
    manager = managed()
    assert states(manager) == {2: "AVAILABLE"}
    models(1, 3)
    manager.update()
    assert states(manager) == {3: "AVAILABLE", 2: "END"}
    assert newest(manager) == 3


def test_folders_that_are_no_versions_are_left_alone(models, managed):
    models(1, 1)
    (models.folder / "v2").mkdir()
    (models.folder / "0.1").mkdir()
    (models.folder / "3.part").mkdir()
    (models.folder / "9").write_text("a file")
    assert states(managed()) == {1: "AVAILABLE"}


def test_all_and_specific_versions(models, managed):
    models(1, 1)
    models(2, 2)
    assert states(managed(latest=float("inf"))) == {
        1: "AVAILABLE",
        2: "AVAILABLE",
    }
    assert states(managed(specific=frozenset({1, 7}))) == {1: "AVAILABLE"}


def test_old_version_stays_until_its_last_request(models, managed):
    models(1, 1)
    manager = managed()
    with manager.use("style") as lease:
        models(2, 2)
        thread = threading.Thread(target=manager.update)
        thread.start()
        wait_for(lambda: states(manager).get(1) == "UNLOADING")
        assert newest(manager) == 2
        inputs = {
            "content_image": PHOTO[None],
            "style_image": PHOTO[None],
            "strength": np.zeros(1, np.float32),
        }
        (painted,) = lease.servable.run("stylize", inputs).values()
        np.testing.assert_allclose(painted[0], PHOTO, atol=1e-6)
    thread.join()
    assert states(manager) == {2: "AVAILABLE", 1: "END"}


def test_polling_tells_of_a_failure_once(managed, caplog):
    failures = iter(["a", "a", "a", None, "a", "b", "b", None])
    rounds = []

    def look():
        failure = next(failures, None)
        rounds.append(failure)
        if failure:
            raise ValueError(failure)

    managed().start(0.001, look)
    wait_for(lambda: len(rounds) > 8)
    told = [
        str(record.exc_info[1])
        for record in caplog.records
        if record.message == "polling failed"
    ]
    assert told == ["a", "a", "b"]


def test_links_and_folders_that_lead_nowhere(models, managed):
    models(1, 1)
    (models.folder / "1" / "link").symlink_to("nowhere")
    manager = managed()
    assert newest(manager) == 1
    models(2, 2)

    class Shut(ModelConfig):
        def find(self):
            raise PermissionError(13, "Permission denied")

    shut = Shut(name="a", base_path="shut")
    good = ModelConfig(name="style", base_path=str(models.folder))
    with pytest.raises(PermissionError):
        manager.reconfigure([shut, good])
    assert newest(manager) == 2


def test_a_configuration_that_failed_is_tried_again(models, managed):
    models(1, 1)
    manager, failures = managed(), [OSError(116, "Stale file handle")]

    class Late(ModelConfig):
        def find(self):
            if failures:
                raise failures.pop()
            return super().find()

    late = [Late(name="late", base_path=str(models.folder))]
    with pytest.raises(OSError, match="Stale"):
        manager.reconfigure(late)
    manager.reconfigure(late)
    assert [s.state for s in manager.status("late")] == ["AVAILABLE"]


def test_two_looks_are_two_threads(models, managed):
    """What fails in one of them, a configuration, stops no other."""
    models(1, 1)
    manager = managed()

    def look():
        raise ValueError("no models.config")

    manager.start(0.01, look)
    manager.start(0.01)
    models(2, 2)
    wait_for(lambda: newest(manager) == 2)
    manager.close()


def test_broken_version_leaves_the_good_one(models, managed, caplog):
    models(1, 1)
    manager = managed()
    broken = models.folder / "2"
    broken.mkdir()
    (broken / "saved_model.pb").write_bytes(b"junk")
    manager.update()
    assert states(manager) == {2: "END", 1: "AVAILABLE"}
    assert manager.status("style", 2)[0].code != "OK"
    assert newest(manager) == 1
    # Not loaded again and again; but when its files are right.
    caplog.set_level("INFO")
    manager.update()
    assert not caplog.records
    shutil.rmtree(broken)
    models(2, 2)
    manager.update()
    assert states(manager) == {2: "AVAILABLE", 1: "END"}


def test_version_whose_variables_come_late_is_loaded_then(models, managed):
    models(1, 1)
    manager = managed()
    models(2, 2)
    variables = models.folder / "2" / "variables"
    variables.rename(models.folder / "elsewhere")
    manager.update()
    assert states(manager)[2] == "END"
    (models.folder / "elsewhere").rename(variables)
    manager.update()
    assert states(manager)[2] == "AVAILABLE"


def test_folder_that_is_emptied_takes_nothing_down(models, managed):
    models(1, 1)
    manager = managed()
    shutil.rmtree(models.folder / "1")
    manager.update()
    assert newest(manager) == 1


def test_rolling_back_by_removing_the_new_version(models, managed):
    models(1, 1)
    models(2, 2)
    manager = managed()
    shutil.rmtree(models.folder / "2")
    manager.update()
    assert newest(manager) == 1
    assert states(manager) == {2: "END", 1: "AVAILABLE"}


def test_labels_move_when_their_version_is_there(models, managed):
    models(1, 1)
    manager = managed(latest=2, labels={"stable": 1, "canary": 2})
    with pytest.raises(StatusError, match="label: canary"):
        with manager.use("style", label="canary"):
            pass
    models(2, 2)
    manager.update()
    with manager.use("style", label="canary") as lease:
        assert lease.number == 2
    labels = {"stable": 9, "canary": 1}
    path = str(models.folder)
    manager.reconfigure(
        [ModelConfig(name="style", base_path=path, latest=2, labels=labels)]
    )
    manager.update()
    with manager.use("style", label="canary") as lease:
        assert lease.number == 1
    with manager.use("style", label="stable") as lease:
        assert lease.number == 1  # As before: there is no version 9.


def test_model_that_is_no_longer_configured_goes(models, managed):
    models(1, 1)
    manager = managed()
    manager.reconfigure([])
    manager.update()
    with pytest.raises(StatusError, match=r"Latest\(style\)"):
        newest(manager)


def test_new_version_under_load_without_a_failed_request(models):
    models(1, 1)
    running = Running(models.folder)
    scales, failures, stop = [], [], threading.Event()

    def ask():
        with StyleClient(running.grpc, attempts=1) as client:
            while not stop.is_set():
                try:
                    painted = client.stylize(PHOTO, PHOTO, 0.0)
                    scales.append(round(float(painted.sum() / PHOTO.sum()), 3))
                except ServingError as error:
                    failures.append(error)

    def some_more():
        before = len(scales)
        wait_for(lambda: failures or len(scales) > before + 10)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        for number, source in [(2, 2), (3, 1), (4, 2)]:
            some_more()
            models(source, number)
            wait_for(lambda n=number: newest(running.manager) == n)
        some_more()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        running.close()
    assert not failures
    changes = [a for a, b in zip(scales, scales[1:], strict=False) if a != b]
    assert {scales[0], scales[-1]} == {1.0, 0.5}
    assert len(changes) >= 3
