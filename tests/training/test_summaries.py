import pathlib
import sys

import numpy as np
import pytest
import tensorflow as tf

import helpers
import programs
from tfstyle.runtime import progress
from tfstyle.training import summaries


def test_losses_and_pictures_are_written(tmp_path):
    value = progress.Progress(
        size=8,
        height=8,
        width=8,
        step=30,
        steps=40,
        done=30,
        total=40,
        losses={"loss": 2.5, "val_loss": 3.5},
        seconds=1.0,
        memory=1,
    )
    with summaries.Summaries(tmp_path) as board:
        assert not board(value, lambda: None)
        board.image(helpers.image(8, 8), 31)
    (path,) = tmp_path.glob("events.*")
    found = {}
    for record in tf.data.TFRecordDataset(str(path)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for entry in event.summary.value:
            found[entry.tag] = event.step, tf.make_ndarray(entry.tensor)
    assert found["loss"] == (30, np.float32(2.5))
    assert found["val_loss"] == (30, np.float32(3.5))
    step, (width, height, _) = found["preview"]
    assert (step, width, height) == (31, b"8", b"8")


_WRITE = """
import sys
import numpy as np
from tfstyle.training import summaries

with summaries.Summaries(sys.argv[1]) as board:
    for step in range(10):
        board.image(np.random.rand(32, 32, 3).astype(np.float32), step)
"""


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="TensorBoard in '.*file': Not a dir"):
        summaries.Summaries(tmp_path / "file")


def test_a_disk_that_is_full_later_is_not_taken_for_a_full_memory(tmp_path):
    root = pathlib.Path(__file__).parents[2]
    words = [sys.executable, "-c", _WRITE, str(tmp_path)]
    done = programs.call(programs.with_small_files(words, 4), root)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(
        f"OSError: Cannot write for TensorBoard in '{tmp_path}"
    )
    assert last.endswith("File too large")
