import numpy as np
import tensorflow as tf

import helpers
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
