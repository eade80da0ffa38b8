import mmap
import os
import pathlib
import re
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

import helpers
from tfstyle.runtime import scratch

ARRAY = helpers.image(5, 7)


def test_arrays_are_in_files_without_names(tmp_path):
    folder = scratch.Folder(str(tmp_path / "new"))
    array = folder.zeros((5, 7), np.float16)
    assert isinstance(array, np.memmap) and array.dtype == np.float16
    assert os.listdir(tmp_path / "new") == []
    array[0] = 3.0
    assert array.sum() == 21


def test_arrays_are_copied_if_they_cannot_be_written(tmp_path):
    folder = scratch.Folder(str(tmp_path))
    tensor = tf.constant(ARRAY[None])
    copied = scratch.own(tensor, folder.zeros)
    assert isinstance(copied, np.memmap)
    np.testing.assert_array_equal(copied, tensor)
    copied[0, 0] = 3.0
    assert scratch.own(copied, scratch.zeros) is copied
    np.testing.assert_array_equal(tensor[0], ARRAY)


def test_the_file_is_given_back_with_the_array(tmp_path):
    folder = scratch.Folder(str(tmp_path))
    folder.zeros((5, 7))  # Discarded at once.
    kept = folder.zeros((5, 7))
    opened = [
        link
        for link in map(os.readlink, _descriptors())
        if link.startswith(str(tmp_path))
    ]
    assert len(opened) <= 1 and kept.size == 35


def test_files_of_others_keep_changes_that_are_in_memory_alone(tmp_path):
    np.save(tmp_path / "photo.npy", ARRAY)
    array = np.load(tmp_path / "photo.npy", mmap_mode="c")
    array /= 2
    scratch.release(array)
    np.testing.assert_array_equal(array, ARRAY / 2)


def test_released_pages_keep_their_values_and_take_no_memory(tmp_path):
    if not hasattr(mmap, "MADV_DONTNEED") or not os.path.exists("/proc"):
        pytest.skip("needs madvise and /proc")
    array = scratch.Folder(str(tmp_path)).zeros((2, 4_000_000), np.float64)
    array += 1
    before = _pages_of_files()
    part = np.asarray(array)[0, 5:]
    scratch.release(part, ARRAY)
    assert before - _pages_of_files() > 60_000
    assert array.min() == array.max() == 1


def _pages_of_files():
    """Memory of the process that is pages of files, in kB."""
    status = pathlib.Path("/proc/self/status").read_text("utf-8")
    return int(re.search(r"RssFile:\s*(\d+)", status)[1])


def _descriptors():
    folder = "/proc/self/fd"
    if not os.path.isdir(folder):
        pytest.skip("needs /proc")
    paths = [f"{folder}/{name}" for name in os.listdir(folder)]
    return [path for path in paths if os.path.lexists(path)]


def test_a_disk_without_room_is_named(tmp_path):
    with pytest.raises(OSError, match=r"1000\.0 TB.*Free"):
        scratch.Folder(str(tmp_path)).check_space(10**15)


def test_a_folder_in_memory_is_refused(tmp_path, monkeypatch):
    mounts = [Mount("/", "ext4"), Mount(str(tmp_path), "tmpfs")]
    monkeypatch.setattr(scratch.psutil, "disk_partitions", lambda all: mounts)
    (tmp_path / "deep").mkdir()
    with pytest.raises(OSError, match="deep' is in memory"):
        scratch.Folder(str(tmp_path / "deep")).check_space(1)
    scratch.Folder(str(tmp_path.parent)).check_space(1)


class Mount(NamedTuple):
    mountpoint: str
    fstype: str


LIMITED = """
import resource, sys
import numpy as np
from tfstyle.runtime import scratch
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    scratch.Folder(sys.argv[1]).zeros((1000,))
except OSError as error:
    print(error)
"""


def test_a_disk_that_fills_is_named(tmp_path):
    if not hasattr(os, "posix_fallocate"):
        pytest.skip("needs posix_fallocate")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path],
        capture_output=True,
        text=True,
        cwd=pathlib.Path(__file__).parents[2],
    )
    assert done.stdout == f"[Errno 27] File too large: '{tmp_path}'\n"
