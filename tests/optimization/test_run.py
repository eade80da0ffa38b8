import shutil

import numpy as np

from tfstyle.optimization.config import DreamConfig
from tfstyle.optimization.run import identity


def test_weights_are_known_by_what_is_in_them(tmp_path, small_vgg16):
    moved, other = tmp_path / "moved.h5", tmp_path / "other.h5"
    shutil.copy(small_vgg16, moved)
    other.write_bytes(moved.read_bytes() + b"more")

    def run(path):
        config = DreamConfig(features="vgg16", feature_weights=str(path))
        return identity(config)

    assert run(small_vgg16) == run(moved) != run(other)


def test_a_note_tells_runs_apart():
    config = DreamConfig(features="vgg_distilled")
    assert identity(config, 2) == identity(config, np.int32(2))
    assert identity(config, 2) != identity(config)
