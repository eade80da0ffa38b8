import pytest

from tfstyle.optimization import schedule

SHAPES = [(96, 128), (192, 256), (384, 512)]


def test_coarser_shapes_get_a_share_of_the_work():
    found = schedule.stages(SHAPES, 1000, 0.025)
    assert [stage.shape for stage in found] == SHAPES
    assert [stage.steps for stage in found] == [400, 100, 1000]


@pytest.mark.parametrize("share, steps", [(0, 1), (1, 60)])
def test_each_shape_gets_one_step_and_none_more_than_the_last(share, steps):
    found = schedule.stages(SHAPES, 60, share)
    assert [stage.steps for stage in found] == [steps, steps, 60]


def test_steps_are_divided_into_parts():
    found = schedule.stages(SHAPES[1:], 10, 0.1, parts=3)
    assert [stage.shape for stage in found] == 3 * [SHAPES[1]] + 3 * [SHAPES[2]]
    assert [stage.steps for stage in found] == [2, 2, 2, 4, 4, 4]
