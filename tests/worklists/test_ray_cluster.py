import signal
import socket
import subprocess

import pytest
import ray

from tfstyle.runtime import processor
from tfstyle.worklists import ray_cluster


@pytest.mark.parametrize("address", ["nowhere", "host:port", ":1"])
def test_wrong_addresses(address):
    with pytest.raises(ValueError, match="must be local, auto or HOST:PORT"):
        with ray_cluster.connected(address, 1):
            pass


def test_an_address_where_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            ConnectionError, match=f"no Ray cluster at '{address}"
        ):
            with ray_cluster.connected(address, 1):
                pass


def test_a_machine_without_a_cluster(monkeypatch):
    def refuse(**unused):
        raise ConnectionError("Could not find any running Ray instance.")

    # A real call would find any cluster of this machine.
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(ConnectionError, match="no Ray cluster at 'auto'"):
        with ray_cluster.connected("auto", 1):
            pass


class Slow:
    """`ray.init` of a busy machine, where nodes do not start in time."""

    def __init__(self, times):
        self.left, self.started = times, []

    def __call__(self, **unused):
        self.left -= 1
        if self.left < 0:
            return
        self.started.append(subprocess.Popen(["sleep", "100"]))
        raise Exception("The current node timed out during startup.")


def test_nodes_that_are_slow_once(monkeypatch):
    init = Slow(1)
    monkeypatch.setattr(ray, "init", init)
    with ray_cluster.connected("local", 1) as workers:
        assert workers == 1
    assert [process.wait(60) for process in init.started] == [-signal.SIGKILL]


def test_nodes_that_do_not_start(monkeypatch):
    init = Slow(9)
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(TimeoutError, match="does not start here: The current"):
        with ray_cluster.connected("local", 1):
            pass
    killed = [process.wait(60) for process in init.started]
    assert killed == [-signal.SIGKILL] * 2


@pytest.mark.parametrize("workers", [0, 2])
def test_a_machine_without_gpus_gains_none(monkeypatch, workers):
    monkeypatch.setattr(ray, "init", lambda **unused: None)
    resources = {"CPU": 8.0, "GPU": 1.0}
    monkeypatch.setattr(ray, "cluster_resources", lambda: resources)
    with pytest.raises(ValueError, match="here, 1. Received: gpus_per_w"):
        with ray_cluster.connected("local", workers, 2):
            pass
    with ray_cluster.connected("local", workers, 0.5) as found:
        assert found == 2


def test_this_machine_keeps_a_processor_for_reading():
    assert ray_cluster.count("local", 0) == max(1, processor.cores() - 1)
    assert ray_cluster.count("local", 7) == 7


@pytest.mark.parametrize(
    ("resources", "gpus", "workers"),
    [
        ({"CPU": 8.0}, 0, 8),
        ({"CPU": 8.0, "GPU": 2.0}, 1, 2),
        ({"CPU": 8.0, "GPU": 2.0}, 0.5, 4),
        ({}, 0, 1),
        ({"CPU": 8.0}, 1, 1),
    ],
)
def test_workers_of_a_cluster(resources, gpus, workers):
    assert ray_cluster._room(resources, gpus) == workers
