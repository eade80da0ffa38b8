import gc

import keras
import numpy as np
import pytest

import helpers
from tfstyle import images
from tfstyle.fitting import data, loop, resuming
from tfstyle.images import folders
from tfstyle.runtime import checkpoint, devices
from tfstyle.training.config import AdaINConfig, DistillConfig


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for i in range(3):
        images.save(folder / f"{i}.png", helpers.image(20, 24, i))
    return folders.find([folder])


class Mean(keras.Model):
    """Learns the mean colour of crops."""

    def __init__(self):
        super().__init__()
        self.colour = self.add_weight(shape=(3,), initializer="zeros")
        self.distance = keras.metrics.Mean(name="distance")

    def call(self, x):
        return keras.ops.zeros_like(x) + self.colour

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        loss = keras.ops.mean(keras.ops.square(x - y_pred))
        self.distance.update_state(keras.ops.sqrt(loss))
        return loss


def model(rate=0.1):
    made = Mean()
    made.compile(loop.optimizer(rate, "float32"))
    made.build((None, 8, 8, 3))
    return made


def fit(made, files, epochs, **changes):
    settings = {"crop": 8, "batch_size": 2}
    held_out = data.Crops(files, **settings, batches=12, seed=5)
    return loop.fit(
        made,
        lambda epoch, first, batches: data.Crops(
            files, epoch=epoch, first=first, batches=batches, **settings
        ),
        12 * epochs,
        12,
        size=8,
        prefix="error/",
        **({"held_out": held_out} | changes),
    )


def noting(seen):
    """An `on_step` that keeps what has losses."""

    def on_step(progress, _):
        if progress.losses:
            seen.append(progress)

    return on_step


def test_it_learns(files):
    made = model()
    assert fit(made, files, 4)
    colours = np.mean([images.load(file).mean((0, 1)) for file in files], 0)
    np.testing.assert_allclose(np.asarray(made.colour), colours, atol=0.15)


def test_it_reports_losses_their_parts_and_those_of_held_out_images(files):
    seen = []
    fit(model(), files, 2, on_step=noting(seen))
    assert [p.done for p in seen] == [10, 12, 22, 24]
    assert {(p.total, p.step == p.done, p.size) for p in seen} == {(24, 1, 8)}
    assert set(seen[0].losses) == {"loss", "error/distance"}
    held_out = {"val_loss", "error/val_distance"}
    assert set(seen[1].losses) == set(seen[0].losses) | held_out
    assert seen[3].losses["val_loss"] < seen[1].losses["val_loss"]


def test_graphs_are_freed_with_their_model(files):
    """TensorFlow keeps the graphs of custom gradients, one is Keras'."""

    def graphs():
        gc.collect()
        return sum(type(x).__name__ == "FuncGraph" for x in gc.get_objects())

    fit(model(), files, 1)
    before = graphs()
    fit(model(), files, 1)
    assert graphs() == before


def test_epochs_are_counted(files):
    counts = []
    fit(model(), files, 3, on_epoch=[counts.append])
    assert counts == [12, 24, 36]


def test_a_run_that_was_ended_goes_on_as_if_it_had_not_been(files, tmp_path):
    whole, first, second = model(), model(), model()
    assert fit(whole, files, 3)
    # In the middle of the second epoch.
    stop = lambda progress, _: progress.done > 12  # noqa: E731
    assert not fit(first, files, 3, folder=tmp_path, on_step=stop)
    done = []
    assert fit(
        second,
        files,
        3,
        folder=tmp_path,
        on_step=noting(done),
    )
    assert [progress.done for progress in done] == [23, 24, 34, 36]
    np.testing.assert_array_equal(second.colour, whole.colour)
    assert not np.array_equal(first.colour, whole.colour)


def test_a_run_that_is_done_is_not_done_again(files, tmp_path):
    fit(model(), files, 1, folder=tmp_path)
    made = model()
    assert fit(made, files, 1, folder=tmp_path)
    assert np.any(np.asarray(made.colour))


def test_a_checkpoint_of_other_settings_is_refused(files, tmp_path):
    fit(model(), files, 1, folder=tmp_path, key={"rate": 1})
    with pytest.raises(ValueError, match=r"other settings.*'rate': 1"):
        fit(model(), files, 2, folder=tmp_path, key={"rate": 2})


def test_a_checkpoint_of_a_picture_is_refused(files, tmp_path):
    checkpoint.save(tmp_path, {}, {"key": "0123", "index": 0})
    with pytest.raises(ValueError, match="checkpoint in .* is not one"):
        fit(model(), files, 1, folder=tmp_path)


def test_a_refused_checkpoint_says_what_differs(files, tmp_path):
    fit(model(), files, 1, folder=tmp_path, key={"rate": 1, "seed": 5})
    with pytest.raises(ValueError, match=r"settings: \{'rate': 1\}, not \{'"):
        fit(model(), files, 2, folder=tmp_path, key={"rate": 2, "seed": 5})


def test_a_loss_that_is_not_finite_ends_it(files):
    made = model()
    made.colour.assign([np.nan] * 3)
    with pytest.raises(FloatingPointError, match="not finite at step 10: nan"):
        fit(made, files, 1)


# Its last step of an epoch of 12 ruins the weights.
RUINOUS = keras.optimizers.schedules.PiecewiseConstantDecay([10], [0.1, 1e30])


def test_held_out_losses_that_are_not_finite_end_it_unsaved(files, tmp_path):
    with pytest.raises(FloatingPointError, match="val_.*not finite at step 12"):
        fit(model(RUINOUS), files, 1, folder=tmp_path)
    assert not [*tmp_path.iterdir()]


def test_it_can_be_ended_at_each_step(files, tmp_path):
    seen = []

    def on_step(progress, _):
        seen.append(progress)
        return progress.done == 3

    assert not fit(model(), files, 1, folder=tmp_path, on_step=on_step)
    assert [p.done for p in seen] == [1, 2, 3]
    assert not any(p.losses for p in seen)


def test_what_is_saved_at_an_end_is_finite(files, tmp_path):
    made = model()
    made.colour.assign([np.nan] * 3)
    with pytest.raises(FloatingPointError, match="not finite at step 1"):
        fit(made, files, 1, folder=tmp_path, on_step=lambda *_: True)
    assert not [*tmp_path.iterdir()]


def test_it_can_be_ended_while_held_out_images_are_looked_at(files):
    calls = []

    def on_step(progress, _):
        calls.append(progress)
        return len(calls) == 14  # 12 steps, 2 batches of 12.

    assert not fit(model(), files, 2, on_step=on_step)
    assert len(calls) == 14
    assert not any("val_loss" in p.losses for p in calls)


@pytest.mark.parametrize("steps, warmup", [(1000, 100), (100, 20)])
def test_the_rate_rises_to_its_highest_and_falls_to_nothing(steps, warmup):
    rate = loop.rate(0.5, steps, 100)
    places = [0, warmup / 2, warmup, (warmup + steps) / 2, steps]
    found = [float(rate(place)) for place in places]
    np.testing.assert_allclose(found, [0, 0.25, 0.5, 0.25, 0], atol=1e-6)


def test_losses_of_float16_are_scaled():
    scaled = loop.optimizer(0.1, "mixed_float16")
    assert float(scaled.scale_loss(np.float32(1))) > 1000
    assert scaled.inner_optimizer.learning_rate == 0.1
    for policy in ("float32", "mixed_bfloat16"):
        assert loop.optimizer(0.1, policy).scale_loss(1.0) == 1


def test_auto_is_what_suits_the_device():
    found = loop.on_device(AdaINConfig(), None)
    assert found.precision == devices.policy()
    assert found.loss_dtype == devices.precision()
    assert loop.on_device(found, None) == found
    named = DistillConfig(precision="mixed_float16", teacher_dtype="float32")
    assert loop.on_device(named, None) == named


def test_auto_is_what_a_training_began_with(tmp_path):
    key = {"precision": "mixed_float16", "loss_dtype": "float32"}
    checkpoint.save(tmp_path, {}, {"key": key, "steps": 1})
    found = loop.on_device(AdaINConfig(), tmp_path)
    assert (found.precision, found.loss_dtype) == tuple(key.values())
    # What is asked for is refused later, as all other settings.
    asked = loop.on_device(AdaINConfig(precision="float32"), tmp_path)
    assert asked.precision == "float32"


def test_more_steps_than_an_integer_holds_are_as_good_as_endless():
    assert float(loop.rate(0.5, 10**30, 100)(100)) == 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"styles": "b"}, "belongs to other styles. Give those"),
        (
            {"photographs": 3, "model": "b"},
            "other models and pictures \\(files",
        ),
        ({"styles": "b", "steps": 2}, "styles and settings: {'steps': 1}, not"),
    ],
)
def test_hashes_are_not_shown(tmp_path, changes, message):
    key = {"styles": "a", "photographs": "a", "model": "a", "steps": 1}
    checkpoint.save(tmp_path, {}, {"key": key, "steps": 1})
    with pytest.raises(ValueError, match=message):
        resuming.check(tmp_path, key | changes)
