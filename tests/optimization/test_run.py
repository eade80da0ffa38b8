import dataclasses
import json
import shutil

import numpy as np
import pytest

from tfstyle.dreams.config import DreamConfig
from tfstyle.optimization import run
from tfstyle.optimization.config import GatysConfig
from tfstyle.optimization.run import Stage, stages
from tfstyle.pretrained import weights
from tfstyle.runtime.checkpoint import Checkpoints

THIN = weights.resolve("vgg_distilled")
PLAN = [Stage((10, 20), 2), Stage((20, 40), 3)]
PICTURE = np.zeros((20, 40, 3), np.float32)


def test_weights_are_known_by_what_is_in_them(tmp_path, small_vgg16):
    moved, other = tmp_path / "moved.h5", tmp_path / "other.h5"
    shutil.copy(small_vgg16, moved)
    other.write_bytes(moved.read_bytes() + b"more")

    def identity(path):
        config = DreamConfig(features="vgg16", feature_weights=str(path))
        return run.identity(config, weights.resolve("vgg16", path))

    assert identity(small_vgg16) == identity(moved) != identity(other)


def test_a_note_tells_runs_apart():
    config = DreamConfig(features="vgg_distilled")
    given = config, THIN
    assert run.identity(*given, 2) == run.identity(*given, np.int32(2))
    assert run.identity(*given, 2) != run.identity(*given)


@pytest.mark.parametrize(
    ("name", "whole", "number"),
    [
        ("style_weight", 80, 80.0),
        ("style_layers", {"block1_conv1": 1}, {"block1_conv1": 1.0}),
        ("style_mix", (1, 2), (1.0, 2.0)),
        ("style_mix", [1, np.int64(2)], (1.0, np.float64(2))),
    ],
)
def test_whole_numbers_and_equal_floats_are_one_run(name, whole, number):
    first, second = [
        json.dumps(run.identity(GatysConfig(**{name: value}), THIN))
        for value in (whole, number)
    ]
    assert first == second
    assert f'"steps": {GatysConfig.steps},' in first


def test_settings_that_are_new_tell_runs_apart_only_in_use():
    named = GatysConfig(features="vgg_distilled")
    [used, _] = run.identity(named, THIN)
    assert used["chroma_weight"] == named.chroma_weight > 0
    without = dataclasses.replace(named, chroma_weight=0)
    [unused, _] = run.identity(without, THIN)
    assert used.keys() - unused.keys() == {"chroma_weight"}


def test_the_network_that_auto_is_tells_runs_apart():
    named = GatysConfig(features="vgg_distilled")
    auto = dataclasses.replace(named, features="auto")
    assert run.identity(auto, THIN) == run.identity(named, THIN)
    [settings, _] = run.identity(auto, THIN)
    assert settings["features"] == "vgg_distilled"
    assert settings["precision"] == settings["jit_compile"] == "auto"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"precision": "bfloat16"}, "bfloat16"),
        ({"precision": "float32"}, "float32"),
        ({"optimizer": "lbfgs"}, "float32"),  # Also where auto is bfloat16.
    ],
)
def test_precision_on_a_device(settings, expected):
    assert run.on_device(GatysConfig(**settings)).precision == expected


@pytest.mark.parametrize("kind", [GatysConfig, DreamConfig])
def test_auto_is_resolved_once(kind, small_vgg16):
    given = kind(feature_weights=small_vgg16)
    config, weights_file = run.resolve(given)
    assert config.features == weights_file.name == "vgg16"
    assert config.precision in ("float32", "bfloat16")
    assert config.jit_compile in ("on", "off")
    again, same = run.resolve(config, weights_file)
    assert (again, same) == (config, weights_file)
    named, _ = run.resolve(given, weights_file)
    assert named == config


def test_a_run_goes_on_from_its_place(tmp_path):
    seen = []

    def on_step(progress, picture):
        seen.append(progress)

    first, second = (
        run.Run(PLAN, Checkpoints(tmp_path, "settings", [PICTURE]), on_step)
        for _ in range(2)
    )
    assert first.resume() is None
    first.advance()
    first.step = 2
    assert not first.report({"total": 1.0}, lambda: PICTURE)
    first.save({"x": PICTURE}, {"more": 1})
    arrays, meta = second.resume()
    assert (second.index, second.step, meta["more"]) == (1, 2, 1)
    assert second.stage == PLAN[1] and second.is_last
    np.testing.assert_array_equal(arrays["x"], PICTURE)
    second.report({}, lambda: PICTURE, part=0.5)
    assert [p.done for p in seen] == [400 + 1600, 400 + 2000]
    assert {p.total for p in seen} == {400 + 2400}
    assert {(p.size, p.height, p.width, p.steps) for p in seen} == {
        (40, 20, 40, 3)
    }
    assert seen[1].seconds >= seen[0].seconds
    assert seen[0].memory and not seen[1].memory


def test_the_last_report_is_repeated_without_losses():
    answers, seen = [False, True], []

    def on_step(progress, picture):
        seen.append(progress)
        return answers[len(seen) - 1]

    one = run.Run(PLAN, Checkpoints(None, None, []), on_step)
    assert not one.ask_again() and not seen
    one.report({"total": 1.0}, lambda: PICTURE)
    assert one.ask_again()
    again = dataclasses.replace(seen[0], losses={}, memory=0)
    assert seen[1] == again


def test_what_diverged_is_named():
    one = run.Run(PLAN, Checkpoints(None, None, []))
    losses = {"style": np.inf, "tv": 1.0, "content": np.nan}
    error = one.diverged("loss", 7, losses, "a weight", PICTURE)
    assert error.picture is PICTURE
    assert "loss was not finite at 20x10, step 7: style, content." in str(error)
    assert "Lower a weight" in str(error)
    assert "the gradient" in str(one.diverged("loss", 7, {}, "it", PICTURE))


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
