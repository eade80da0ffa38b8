import os

import psutil

from tfstyle.runtime import devices, memory

MIB = 2**20


def test_peak_memory_keeps_the_highest():
    devices.start("cpu")
    before = memory.peak()
    now = psutil.Process().memory_info().rss
    block = bytearray(b"x") * (before - now + 64 * MIB)
    peak = memory.peak()
    assert peak >= before + 32 * MIB
    del block
    assert memory.peak() >= peak - MIB


def test_available_memory_is_what_the_machine_has_at_most():
    devices.start("cpu")
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert MIB < memory.available() <= installed
