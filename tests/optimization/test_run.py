import shutil

import numpy as np
import pytest

from tfstyle.optimization.config import DreamConfig
from tfstyle.optimization.run import identity, stages

SHAPES = [(96, 128), (192, 256), (384, 512)]


def test_coarser_shapes_get_a_share_of_the_work():
    found = stages(SHAPES, 1000, 0.025)
    assert [stage.shape for stage in found] == SHAPES
    assert [stage.steps for stage in found] == [400, 100, 1000]


@pytest.mark.parametrize("share, steps", [(0, 1), (1, 60)])
def test_each_shape_gets_one_step_and_none_more_than_the_last(share, steps):
    found = stages(SHAPES, 60, share)
    assert [stage.steps for stage in found] == [steps, steps, 60]


def test_steps_are_divided_into_parts():
    found = stages(SHAPES[1:], 10, 0.1, parts=3)
    assert [stage.shape for stage in found] == 3 * [SHAPES[1]] + 3 * [SHAPES[2]]
    assert [stage.steps for stage in found] == [2, 2, 2, 4, 4, 4]


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
