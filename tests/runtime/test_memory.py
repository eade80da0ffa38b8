import os

import psutil
import pytest

from tfstyle.runtime import devices, memory

MIB = 2**20
GB = 10**9


def test_peak_memory_keeps_the_highest():
    devices.start("cpu")
    before = memory.peak()
    now = psutil.Process().memory_info().rss
    block = bytearray(b"x") * (before - now + 64 * MIB)
    peak = memory.peak()
    assert peak >= before + 32 * MIB
    del block
    assert memory.peak() >= peak - MIB


@pytest.fixture
def process(monkeypatch):
    """A process of 1 GB where the system leaves 4 GB; takes what it is told."""

    def taking(size):
        monkeypatch.setattr(memory, "resident", lambda: GB + size)
        monkeypatch.setattr(memory, "available", lambda: 4 * GB - size)

    devices.start("cpu")
    monkeypatch.setattr(memory, "_RUNS", memory._Runs())
    taking(0)
    return taking


def test_what_a_run_has_taken_is_left_for_the_next(process):
    assert memory.left() == 4 * GB
    assert memory.left(limit=3 * GB) == 2 * GB
    memory.take(2 * GB)
    process(1.5 * GB)  # TensorFlow keeps it.
    assert memory.left() == 4 * GB
    assert memory.left(limit=3 * GB) == 2 * GB
    memory.take(GB // 2)
    assert memory.left() == 4 * GB


def test_what_the_user_has_loaded_since_is_not_left(process):
    process(GB)
    assert memory.left() == 3 * GB
    assert memory.left(limit=3 * GB) == GB
    memory.take(GB // 2)
    process(2.5 * GB)
    assert memory.left() == 2 * GB
    assert memory.left(limit=4 * GB) == GB
    assert memory.left(limit=GB) == 0


def test_available_memory_is_what_the_machine_has_at_most():
    devices.start("cpu")
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert MIB < memory.available() <= installed
