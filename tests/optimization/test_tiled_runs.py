"""Whole runs of `stylize` in tiles."""

import dataclasses
import re
import shutil
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

import helpers
from tfstyle.controls import regions
from tfstyle.features import memory, planning
from tfstyle.optimization import gatys, run, sight, tiled_graphs, tiled_loss
from tfstyle.optimization.config import GatysConfig
from tfstyle.optimizers import adam, lbfgs
from tfstyle.runtime import checkpoint, scratch

PHOTO = helpers.image(48, 68, seed=3)
STYLES = [helpers.image(40, 30, seed=1), helpers.image(24, 24, seed=2)]
STEPS = 5


@pytest.fixture(scope="module")
def config(small_vgg16):
    """Two sizes, of 4 and of 6 tiles."""
    return GatysConfig(
        size=68,
        start_size=48,
        steps=STEPS,
        features="vgg16",
        feature_weights=small_vgg16,
        content_layers={"block1_conv2": 1},
        style_layers={"block1_conv1": 1, "block2_conv1": 1},
        style_loss="gram",
        init="noise",
        precision="float32",
        tile=40,
    )


class Watch:
    """An `on_step` that counts calls, and ends the run at one of them."""

    def __init__(self, end=None):
        self.end, self.seen = end, []

    def __call__(self, progress, picture):
        self.seen.append((progress, picture().shape))
        return len(self.seen) == self.end


@pytest.fixture(scope="module")
def watched(config):
    """The calls of a whole run, its picture, and what was traced."""
    watch, traced, trace = Watch(), [], tiled_graphs._trace

    def remember(function, *given):
        traced.append(function.__name__)
        return trace(function, *given)

    tiled_graphs.forget()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiled_graphs, "_trace", remember)
        picture = gatys.stylize(PHOTO, STYLES, config, watch)
    return watch.seen, picture, traced


def test_sizes_share_the_graphs_of_tiles(watched):
    _, _, traced = watched
    assert traced.count("moments") == traced.count("gradient") == 1


def test_the_picture_is_nearly_that_of_the_whole(config, watched):
    whole = dataclasses.replace(config, tile=None)
    expected = gatys.stylize(PHOTO, STYLES, whole)
    # Adam makes more of rounding from step to step.
    np.testing.assert_allclose(watched[1], expected, atol=2e-3)


def test_progress_is_reported_after_each_tile(watched):
    done = [progress.done for progress, _ in watched[0]]
    assert done == sorted(done)
    # Both passes over 4 tiles, then over 6; the last is the end of a step.
    sizes = [progress.size for progress, _ in watched[0]]
    # At the end of the run the result is evaluated once more.
    assert sizes.count(68) == STEPS * 12 + 11
    last = [progress for progress, _ in watched[0] if progress.losses]
    assert last[-1].done == last[-1].total


# In the middle of a first step, of a later one, and of the result.
@pytest.mark.parametrize("end", [3, 30, 75, -5])
def test_a_run_goes_on_where_it_was_ended(config, watched, tmp_path, end):
    seen, expected, _ = watched
    watch = Watch(end if end > 0 else len(seen) + end)
    given = PHOTO, STYLES, config
    part = gatys.stylize(*given, watch, checkpoint_dir=tmp_path)
    assert part.shape == watch.seen[-1][1]
    again = gatys.stylize(*given, checkpoint_dir=tmp_path)
    assert again.tobytes() == expected.tobytes()


def test_a_run_goes_on_with_tiles_of_another_side(config, tmp_path, watched):
    gatys.stylize(PHOTO, STYLES, config, Watch(30), checkpoint_dir=tmp_path)
    other = dataclasses.replace(config, tile=60, memory="1TB")
    found = gatys.stylize(PHOTO, STYLES, other, checkpoint_dir=tmp_path)
    np.testing.assert_allclose(found, watched[1], atol=2e-3)


def test_a_run_goes_on_with_the_tiles_of_the_checkpoint(
    config, tmp_path, monkeypatch
):
    free = dataclasses.replace(config, tile=None)
    leave(monkeypatch, (44, 64))
    expected = gatys.stylize(PHOTO, STYLES, free)
    gatys.stylize(PHOTO, STYLES, free, Watch(12), checkpoint_dir=tmp_path)
    assert checkpoint.load(tmp_path)[1]["side"] == 52
    leave(monkeypatch, (200, 200))  # It would be seen at once.
    found = gatys.stylize(PHOTO, STYLES, free, checkpoint_dir=tmp_path)
    assert found.tobytes() == expected.tobytes()


def test_arrays_in_files_give_the_same_picture(
    config, watched, tmp_path, monkeypatch
):
    plan = planning.plan
    monkeypatch.setattr(
        planning, "plan", lambda *given: plan(*given)._replace(filed=10**6)
    )
    made, zeros = [], scratch.Folder.zeros

    def count(folder, shape, *kind):
        made.append(shape)
        return zeros(folder, shape, *kind)

    monkeypatch.setattr(scratch.Folder, "zeros", count)
    given = PHOTO, STYLES, config
    gatys.stylize(*given, Watch(30), checkpoint_dir=tmp_path)
    stored = checkpoint.load(tmp_path)[0].values()
    made.clear()
    found = gatys.stylize(*given, checkpoint_dir=tmp_path)
    # What was stored comes to files at once.
    kept = [array.shape for array in stored if array.ndim == 4]
    assert len(kept) > 5 and made[: len(kept)] == kept
    assert found.tobytes() == watched[1].tobytes()
    monkeypatch.setattr(
        planning, "plan", lambda *given: plan(*given)._replace(filed=10**15)
    )
    with pytest.raises(OSError, match="Make room"):
        gatys.stylize(*given, checkpoint_dir=tmp_path)


def test_masks_strength_and_colors_work_in_tiles(config):
    mask = np.zeros((48, 68), "float32")
    mask[:, :40] = 1
    parts = regions.from_masks(PHOTO, STYLES, [mask, 1 - mask])
    changes = {"strength": 0.6, "color": "luminance", "init": "content"}
    tiles = dataclasses.replace(config, **changes, steps=3)
    whole = dataclasses.replace(tiles, tile=None)
    found, expected = (
        gatys.stylize(PHOTO, STYLES, each, regions=parts)
        for each in (tiles, whole)
    )
    # A share that differs by rounding moves single pixels another way.
    assert np.abs(found - expected).mean() < 1e-3
    assert np.abs(found - PHOTO).mean() > 0.01


def test_a_weak_run_ended_between_two_parts_goes_on(config, tmp_path):
    weak = dataclasses.replace(
        config, strength=0.5, steps=3, size=48, init="content"
    )
    watch = Watch()
    expected = gatys.stylize(PHOTO, STYLES, weak, watch)
    steps = [progress.step for progress, _ in watch.seen]
    # The only step of the first part is done; its picture is evaluated.
    end = steps.index(1) + 3
    assert steps[end - 1] == 1
    given = PHOTO, STYLES, weak
    watch = Watch(end)
    gatys.stylize(*given, watch, checkpoint_dir=tmp_path)
    assert len(watch.seen) == end
    again = gatys.stylize(*given, checkpoint_dir=tmp_path)
    assert again.tobytes() == expected.tobytes()


def test_layers_without_weight_are_left_out(config):
    weights = {"block1_conv1": 1, "block1_conv2": 0}
    changes = {"style_layers": weights, "steps": 1, "start_size": 68}
    tiles = dataclasses.replace(config, **changes)
    whole = dataclasses.replace(tiles, tile=None)
    found, expected = (
        gatys.stylize(PHOTO, STYLES, each) for each in (tiles, whole)
    )
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_checkpoints_and_arrays_in_files_need_room_together(
    config, tmp_path, monkeypatch
):
    plan = planning.plan
    monkeypatch.setattr(
        planning, "plan", lambda *given: plan(*given)._replace(filed=10**6)
    )
    pixels = 48 * 68
    free = 1_500_000 + 2 * 69 * pixels
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(free - 1))
    given = PHOTO, STYLES, config
    sight.make_plan(*given)  # Without checkpoints.
    with pytest.raises(OSError, match="needs about"):
        sight.make_plan(*given, checkpoint_dir=str(tmp_path))
    checkpoint.save(tmp_path, {}, {})  # The first of two is there.
    sight.make_plan(*given, checkpoint_dir=str(tmp_path))


class Usage(NamedTuple):
    free: int


@pytest.mark.parametrize("optimizer", [adam.Adam(levels=5), lbfgs.LBFGS()])
def test_a_checkpoint_has_the_size_that_was_estimated(optimizer):
    picture = np.zeros((1, 200, 300, 3), "float32")
    state = optimizer.init(picture).to_numpy()
    size = sum(array.nbytes for array in state.values())
    name = type(optimizer).__name__.lower()
    estimate = GatysConfig(optimizer=name).checkpoint_bytes * 200 * 300
    assert size == pytest.approx(estimate, rel=0.02)


def leave(monkeypatch, shape):
    """Leaves as much memory as a picture of this shape needs at once."""
    work = memory.Work(features="vgg16", contents=("block1_conv2",))
    enough = memory.estimate(shape, [shape] * 2, work)
    monkeypatch.setattr(memory, "left", lambda *limit: enough)
    monkeypatch.setattr(memory, "arrays", lambda *given: 0)


def test_coarse_sizes_that_fit_are_seen_at_once(config, monkeypatch):
    leave(monkeypatch, (44, 64))
    watch = Watch()
    free = dataclasses.replace(config, tile=None)
    found = gatys.stylize(PHOTO, STYLES, free, watch)
    counts = [sum(p.size == size for p, _ in watch.seen) for size in (48, 68)]
    # The last size has four tiles; a call comes before it is compiled.
    assert counts == [STEPS + 1, STEPS * 8 + 7]
    leave(monkeypatch, (200, 200))
    expected = gatys.stylize(PHOTO, STYLES, free)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_tiles_become_smaller_when_memory_runs_out(
    config, watched, monkeypatch
):
    sides = []
    look = tiled_loss.Loss._moments

    def moments(step, picture):
        height, width = step._tiling.window
        if max(height, width) > 32:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM")
        sides.append(max(height, width))
        return look(step, picture)

    monkeypatch.setattr(tiled_loss.Loss, "_moments", moments)
    large = dataclasses.replace(config, tile=56)
    found = gatys.stylize(PHOTO, STYLES, large)
    assert sides and max(sides) <= 28
    np.testing.assert_allclose(found, watched[1], atol=2e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tile": 8}, "`tile` must be a multiple of 2, and at least 24.*=8"),
        ({"tile": 41}, "`tile` must be a multiple of 2"),
        ({"tile": 0}, "`tile` must be positive"),
        ({"optimizer": "lbfgs"}, "L-BFGS sees whole pictures.*tile=40"),
        ({"memory": "much"}, "`memory` must be a number.*8GB.*'much'"),
        ({"memory": "0GB"}, "`memory` must be a number"),
    ],
)
def test_wrong_settings_are_refused(config, changes, message):
    with pytest.raises(ValueError, match=message):
        changed = dataclasses.replace(config, **changes)
        gatys.stylize(PHOTO, STYLES, changed)


def test_too_little_memory_is_refused(config):
    little = dataclasses.replace(config, tile=None, memory="10MB")
    with pytest.raises(MemoryError, match="lower `size`") as caught:
        gatys.stylize(PHOTO, STYLES, little)
    said = (
        r"68x48 pixels needs about \d+\.\d MB .*: 0\.0 kB\. .*: raise `memory`"
    )
    assert re.search(said, str(caught.value))


def test_sizes_for_print_take_fewer_steps():
    shapes = [(500, 500), (1000, 1000), (2000, 2000), (4000, 3000)]
    found = run.stages(shapes, 100, 1.0, print_size=1000)
    assert [stage.steps for stage in found] == [100, 100, 50, 25]
    # A quarter of the work of the last size, not of what it would have been.
    found = run.stages(shapes, 100, 0.25, print_size=1000)
    assert [stage.steps for stage in found] == [100, 75, 19, 25]
    found = run.stages(shapes, 100, 1.0)
    assert {stage.steps for stage in found} == {100}
